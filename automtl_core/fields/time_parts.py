"""Parts of times, such as the hour of the day, as categorical fields."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from automtl_core.fields.encode import FieldEncoder, Reading, seconds
from automtl_core.fields.field import FieldKind, Learner, Read, Source, one_of

Part = Literal["hour", "weekday"]
"""Hour of the day, or day of the week; of times in UTC."""


@dataclass(frozen=True)
class PartOfTime(FieldEncoder):
    """Encoder of a time as 1 + its hour from 0 to 23, or its weekday from 0 (Monday) to 6; 0 for a blank.

    Times are in UTC, see `seconds`.
    """

    column: str
    part: str

    kind: ClassVar[str] = "time-part"

    @property
    def size(self) -> int:  # type: ignore[override]
        """Number of ids, including that of a blank."""
        return 25 if self.part == "hour" else 8

    def reads(self, name: str) -> Mapping[str, Reading]:
        return {self.column: "texts"}

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        since = [None if not text else seconds(text) for text in texts]
        times = np.array(since, np.float64)  # NaN in place of None
        # 1970 began on a Thursday.
        whole = times // 3600 % 24 if self.part == "hour" else (times // 86400 + 3) % 7
        return np.where(np.isnan(times), 0, 1 + np.nan_to_num(whole)).astype(np.int32)

    def decode(self, encoded: Sequence[int]) -> list[str | None]:
        days = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
        names = [str(hour) for hour in range(24)] if self.part == "hour" else days
        return [names[one - 1] if one else None for one in encoded]

    def examples(self, name: str, ids: Sequence[int]) -> dict[str, list[Any]]:
        step, first = (3600, 0) if self.part == "hour" else (86400, 4 * 86400)
        return {self.column: [str(first + step * (one - 1)) if one else None for one in ids]}


@dataclass(frozen=True)
class TimePart(FieldKind):
    """The hour or the weekday of a time, in UTC."""

    column: str = ""
    """Column with the time, as numbers or dates; empty for the name of the field."""
    part: Part = "hour"
    """hour: the hour of the day. weekday: the day of the week."""

    words: ClassVar[str] = "part of a time"
    encoders: ClassVar[tuple[type[FieldEncoder], ...]] = (PartOfTime,)

    def reads(self) -> Mapping[str, Read]:
        return {self.column or self.name: Read("text")}

    def faults(self) -> Iterator[str]:
        yield from one_of("part", self.part, get_args(Part))

    def learner(self, source: Source) -> Learner:
        return Learner(self.reads(), PartOfTime(self.column or self.name, self.part))
