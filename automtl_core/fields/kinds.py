"""The built-in kinds of fields."""

from collections.abc import Mapping

from automtl_core.fields.encode import Kinds
from automtl_core.fields.field import FieldKind, kinds_of
from automtl_core.fields.numeric import Dense
from automtl_core.fields.sparse import Bag, Sparse, TimePart
from automtl_core.fields.vectors import Vectors

FIELDS: Mapping[str, type[FieldKind]] = {"sparse": Sparse, "bag": Bag, "dense": Dense, "time-part": TimePart}
"""Kind of field by name."""
ALL: tuple[type[FieldKind], ...] = (*FIELDS.values(), Vectors)
"""All built-in kinds, also those that settings cannot name."""
BUILT_IN: Kinds = kinds_of(ALL)
"""The built-in encoders."""
