"""Fields from settings: a kind of field with the values of its dataclass."""

import dataclasses
from collections.abc import Mapping
from typing import Any, get_type_hints

from pydantic import create_model

from automtl_core.errors import UsageError, listing
from automtl_core.fields.field import FieldKind
from automtl_core.settings.settings import Settings


def field_from_settings(
    kind: type[FieldKind], name: str, values: Mapping[str, Any], where: str, kind_name: str
) -> FieldKind:
    """Return a field of a kind.

    Args:
        kind: Class of the field.
        name: Name of the field.
        values: Values of the attributes of the class, as read from YAML.
        where: Key of the values in the configuration, for messages.
        kind_name: Name of the kind, for messages.

    Raises:
        UsageError: there are unknown settings or wrong values; the message lists all.

    """
    types = get_type_hints(kind, include_extras=True)
    takes: dict[str, Any] = {}
    for field in dataclasses.fields(kind)[1:]:  # the first one is the name
        required = field.default is field.default_factory is dataclasses.MISSING
        takes[field.name] = (types[field.name], ... if required else None)
    try:
        parsed = create_model(kind.__name__, __base__=Settings, **takes).parse(dict(values), where)
    except UsageError as error:
        raise UsageError(str(error), f"the field kind {kind_name} takes: {listing(takes)}") from None
    return kind(name, **{key: getattr(parsed, key) for key in values})
