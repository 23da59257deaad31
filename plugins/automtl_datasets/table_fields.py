"""Fields of a table by the name of their kind, which a plugin may supply."""

from collections.abc import Mapping

from automtl_core.dataset.dataset import FieldKind, KindOf
from automtl_core.dataset.field_settings import field_from_settings
from automtl_core.errors import UnknownNameError, UsageError, together
from automtl_datasets.table_settings import FieldOfKind


def fields_of(chosen: Mapping[str, FieldOfKind], kind_of: KindOf) -> tuple[FieldKind, ...]:
    """Return the fields that settings describe.

    Args:
        chosen: The kind of each field and the settings of the kind, by the name of the field.
        kind_of: Returns the kind of a name.

    Raises:
        UsageError: there are unknown kinds, unknown settings or wrong values; the message lists all.

    """
    parsed, faults = [], []
    for name, field in chosen.items():
        try:
            parsed.append(_field(name, field, kind_of))
        except UsageError as error:
            faults.append(error)
    if faults:
        raise together(faults)
    return tuple(parsed)


def _field(name: str, chosen: FieldOfKind, kind_of: KindOf) -> FieldKind:
    where = f"dataset.fields.{name}"
    try:
        kind = kind_of(chosen.kind)
    except UnknownNameError as error:
        raise UsageError(f"{where}.kind: {error}", error.fix) from None
    return field_from_settings(kind, name, chosen.model_extra or {}, where, chosen.kind)
