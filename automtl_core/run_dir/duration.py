"""Durations as people write them."""

import re

from automtl_core.errors import UsageError

_UNITS = {"h": 3600, "m": 60, "s": 1}
_TIME = re.compile(r"(?=.*\d)(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")


def seconds_of(text: str | float) -> float:
    """Return the seconds of a duration such as `90s`, `30m`, `1h30m`, or of a number of seconds.

    Raises:
        UsageError: it is not a duration.

    """
    if isinstance(text, int | float):
        if not 0 < text < float("inf"):
            raise UsageError(f"a time limit of {text} seconds", "give a positive number, or one such as 30m")
        return float(text)
    match = _TIME.fullmatch(text.strip())
    if not match:
        raise UsageError(f"--time-budget {text!r} is not a duration", "give one such as 90s, 30m or 1h30m")
    total = sum(
        float(number) * unit for number, unit in zip(match.groups(), _UNITS.values(), strict=True) if number
    )
    if not total:
        raise UsageError(f"--time-budget {text!r} is zero", "give one such as 90s, 30m or 1h30m")
    return total
