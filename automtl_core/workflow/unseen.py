"""Warnings of new rows whose values never occur in training rows: most often they are written otherwise.

A number "28" is "28.0" in a file that pandas wrote from a column with blanks, and an id may have lost its
zeros. All values of the field are unseen then, and predictions ignore the field.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import pandas as pd

from automtl_core.data.encoder import Encoder
from automtl_core.data.part import Part
from automtl_core.fields.encode import texts
from automtl_core.fields.sparse import Vocabulary

LEAST = 100
"""Number of values from which it is unlikely that all are new by chance."""


@dataclass
class _Field:
    """A field without any known value so far."""

    column: str
    place: int
    """Number of its column of ids."""
    vocabulary: Vocabulary
    count: int = 0
    """Number of values."""
    first: str = ""


class Unseen:
    """Watches new rows for fields with a vocabulary, none of whose values is known.

    Args:
        encoder: Encoder of the rows.
        unread: Columns that the network does not read.

    """

    def __init__(self, encoder: Encoder, unread: Collection[str]) -> None:
        self._fields: list[_Field] = []
        for place, one in enumerate(encoder.schema.sparse):
            values = encoder.fields[one.name]
            [column, *more] = values.reads(one.name)
            if isinstance(values, Vocabulary) and not more and column not in unread:
                self._fields.append(_Field(column, place, values))

    def add(self, columns: pd.DataFrame, part: Part) -> None:
        """Look at rows, raw and encoded."""
        self._fields = [one for one in self._fields if not part.ids[:, one.place].any()]
        for one in self._fields:
            values = [value for value in texts(columns[one.column]) if value]
            one.count += len(values)
            one.first = one.first or next(iter(values), "")

    def sentences(self) -> Iterator[str]:
        """Yield a warning for each such field with enough values."""
        for one in self._fields:
            if one.count >= LEAST and one.vocabulary.values:
                yield (
                    f"{one.column}: none of the {one.count:,} values occurs in the training rows; they may "
                    f"be written otherwise: {one.first!r} here, {one.vocabulary.values[0]!r} there"
                )
