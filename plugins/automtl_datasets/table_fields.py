"""Fields of a table by the name of their kind, which a plugin may supply."""

import dataclasses
from collections.abc import Mapping
from typing import Any, get_type_hints

from pydantic import create_model

from automtl_core.dataset.dataset import FieldKind, KindOf
from automtl_core.errors import UnknownNameError, UsageError, listing, together
from automtl_core.settings.settings import Settings
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
    types, values = get_type_hints(kind, include_extras=True), dict(chosen.model_extra or {})
    takes: dict[str, Any] = {
        field.name: (types[field.name], ... if _required(field) else None)
        for field in dataclasses.fields(kind)
        if field.name != "name"
    }
    try:
        parsed = create_model(kind.__name__, __base__=Settings, **takes).parse(values, where)
    except UsageError as error:
        raise UsageError(str(error), f"the field kind {chosen.kind} takes: {listing(takes)}") from None
    return kind(name, **{key: getattr(parsed, key) for key in values})


def _required(field: "dataclasses.Field[Any]") -> bool:
    return field.default is field.default_factory is dataclasses.MISSING
