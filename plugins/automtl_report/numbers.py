"""The number formats of all views: one for each quantity."""

from collections.abc import Iterable, Mapping, Sequence
from math import floor, isfinite, log10
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from automtl_core.training.significance import Difference, Standing

LEVEL = "no clear difference"
"""A difference whose interval includes 0."""
AGAINST: Mapping["Standing | None", str] = {
    "ahead": "ahead of", "level": f"{LEVEL} from", "behind": "behind", None: "without an interval against",
}  # fmt: skip
"""The verdict on a model, in front of the name of another one."""


def change(mean: float, low: float | None = None, high: float | None = None, form: str = ".4f") -> str:
    """Return a difference with its sign, and with its interval where that is known.

    Args:
        mean: The difference.
        low: Lower end of its interval.
        high: Upper end.
        form: Format of the values that are compared. If it counts significant digits, as for errors in units
            of a label, the largest of the three numbers has three.

    """
    values = [mean] if low is None or high is None else [mean, low, high]
    form = of_changes(values, form)
    first, *ends = (f"{value:{form}}" for value in values)
    return f"{first} [{', '.join(ends)}]" if ends else first


def interval(one: "Difference", form: str = ".4f") -> str:
    """Return a difference of models with its interval; see `change`."""
    return change(one.mean, one.low, one.high, form)


def of_changes(values: Iterable[float], form: str) -> str:
    """Return the format of differences of values with a format; see `change`."""
    if form.endswith("g"):
        largest = max((abs(value) for value in values if value and isfinite(value)), default=1.0)
        form = f",.{max(0, 2 - floor(log10(largest)))}f"
    return f"+z{form.removeprefix('z')}"


def p_value(p: float) -> str:
    """Return a p value, such as `.25`, `.012` or `< .001`."""
    return "< .001" if p < 0.001 else f"{p:.{3 if p < 0.1 else 2}f}".removeprefix("0")


def percent(share: float) -> str:
    """Return a share as a percentage, such as `45 %`."""
    return f"{100 * share:.0f} %" if share >= 0.005 or not share else "less than 1 %"


def elapsed(seconds: float) -> str:
    """Return a duration, such as `40 s`, `3 min` or `1 h 20 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def some(names: Sequence[str], most: int = 8) -> str:
    """Return the first of many names, and the number of the others."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
