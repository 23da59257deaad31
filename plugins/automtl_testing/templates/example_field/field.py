"""The hour of a time, as a categorical field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from automtl_core.plugin import FieldEncoder, FieldKind, FieldLearner, Read, Reading, Source


@dataclass(frozen=True)
class HourEncoder(FieldEncoder):
    """Encoder of seconds as 1 + the hour of the day (UTC); 0 for a blank.

    Exports contain the source of this class. It may use numpy, and the names of `automtl_core.fields.encode`.
    """

    column: str
    size: int = 25

    kind: ClassVar[str] = "example-field"

    def reads(self, name: str) -> Mapping[str, Reading]:
        return {self.column: "numbers"}

    def encode(self, seconds: np.ndarray) -> np.ndarray:
        return np.where(np.isnan(seconds), 0, 1 + seconds // 3600 % 24).astype(np.int32)

    def examples(self, name: str, ids: Sequence[int]) -> dict[str, list[Any]]:
        return {self.column: [3600.0 * (one - 1) if one else None for one in ids]}


@dataclass(frozen=True)
class HourOfDay(FieldKind):
    """The hour of the day (UTC) of a column with seconds since 1970."""

    column: str = ""
    """Column with the seconds; empty for the name of the field."""

    words: ClassVar[str] = "hour of the day"
    encoders: ClassVar[tuple[type[FieldEncoder], ...]] = (HourEncoder,)

    def reads(self) -> Mapping[str, Read]:
        """Return the columns that the field reads."""
        return {self.column or self.name: Read("number")}

    def learner(self, source: Source) -> FieldLearner:
        """Return the builder of the encoder. It learns nothing from training rows."""
        return FieldLearner(self.reads(), HourEncoder(self.column or self.name))
