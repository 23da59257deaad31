"""Lists: rows that are ranked against each other, and are all seen at the moment when their list begins.

A list is a request, a page, a session, or the rows of a user in a period. No row of a list sees another one:
earlier events, and earlier rows in aggregates, are those before the list begins.

Letters: R rows.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import BeforeValidator, Field

from automtl_core.fields.field import Codes, Floats, Ints
from automtl_core.settings.settings import Settings
from automtl_core.settings.words import Takes
from automtl_core.system.documents import Value

USER = "user"
"""Name of the user field, whatever its column is called."""
UNITS = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
"""Unit of a duration -> seconds."""
DURATION = "a number in the unit of the times, or a duration such as 30m, 12h or 1d"

Duration = Annotated[
    Annotated[float, Field(gt=0)] | Annotated[str, Field(pattern=rf"^[0-9]+([.][0-9]+)?[{''.join(UNITS)}]$")],
    Takes(DURATION),
]


class ListSettings(Settings):
    """Rows that form a list: those with equal values in some columns, divided at gaps or into periods."""

    by: tuple[str, ...] = Field((USER,), min_length=1)
    """Columns whose values all rows of a list share; `user` is the user field of the dataset."""
    gap: Duration | None = None
    """Time without a row after which a new list begins. null: no such time."""
    every: Duration | None = None
    """Length of periods: a list is within one period, and begins with it. null: no periods."""

    def columns(self, user: str | None) -> list[str]:
        """Return the columns `by`, with the user field in place of `user`; without it if there is none."""
        return [name for name in (user if name == USER else name for name in self.by) if name is not None]

    @property
    def timed(self) -> bool:
        """Whether lists are divided by time."""
        return self.gap is not None or self.every is not None


def _as_settings(value: object) -> object:
    """Return the settings of a column, of several columns, or of columns beside a gap or a period."""
    if isinstance(value, str):
        return {"by": [value]}
    if isinstance(value, list | tuple):
        return {"by": value}
    if isinstance(value, Mapping):
        names = [name for name, one in value.items() if one is None and name not in ListSettings.model_fields]
        rest = {name: one for name, one in value.items() if name not in names}
        return {"by": names, **rest} if names else value
    return value


Named = Annotated[
    ListSettings,
    BeforeValidator(_as_settings),
    Takes("a column, a list of columns, or a mapping such as {user, gap: 30m} or {user, every: 1d}"),
]
"""Settings of lists, in a short form too."""


def in_units(duration: float | str, unit: float) -> float:
    """Return a duration in the unit of times.

    Args:
        duration: A number in this unit, or a text such as `30m`.
        unit: Seconds of the unit.

    """
    if not isinstance(duration, str):
        return float(duration)
    number, letter = re.fullmatch(r"([0-9.]+)([a-z])", duration).groups()  # type: ignore[union-attr]
    return float(number) * UNITS[letter] / unit


class Formed(NamedTuple):
    """The lists of rows."""

    numbers: Codes  # [R]
    """Number of the list of each row, 0 for a row without a value in one of the columns."""
    begin: Floats | None  # [R]
    """Time at which the list of each row begins; without a list, the row's own or that of its period. None
    without times."""


@dataclass(frozen=True)
class Lists(Value):
    """The rule by which rows of prepared data form lists, and by which new rows do."""

    by: tuple[str, ...]
    """Columns of rows."""
    time: str | None = None
    """Column of files with the times of rows; None if they are not read."""
    gap: float | None = None
    """Time without a row after which a new list begins, in the unit of times."""
    every: float | None = None
    """Length of periods, in the unit of times."""
    origin: float = 0.0
    """Time at which a period begins."""

    @property
    def timed(self) -> bool:
        """Whether lists are divided by time."""
        return self.gap is not None or self.every is not None

    @property
    def of_periods(self) -> bool:
        """Whether lists begin with a period, whatever the times of their rows are: they do not overlap."""
        return self.every is not None

    def form(self, owners: Ints, times: Floats | None) -> Formed:
        """Return the lists of rows.

        Args:
            owners: Number of the values in the columns `by`, -1 for none, [R].
            times: Times of the rows, [R]; None if they are not read.

        """
        if times is None:
            return Formed((owners + 1).astype(np.int32), None)
        order = np.lexsort((times, owners))
        of, at = owners[order], times[order]
        new = np.ones(len(of), bool)
        new[1:] = of[1:] != of[:-1]
        if self.gap is not None:
            new[1:] |= at[1:] - at[:-1] > self.gap
        begin = at
        if self.every is not None:
            begin = self.origin + np.floor((at - self.origin) / self.every) * self.every
            new[1:] |= begin[1:] != begin[:-1]
        places = np.flatnonzero(new)
        lengths = np.diff(places, append=len(of))
        known = of >= 0
        numbers, begins = np.zeros(len(of), np.int32), np.empty(len(of))
        numbers[order] = np.where(known, np.cumsum(new & known), 0)
        begins[order] = np.where(known, np.repeat(begin[places], lengths), begin)
        return Formed(numbers, begins)
