"""Moments in settings: a number in the unit of the times of a dataset, or a date."""

from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import BeforeValidator

from automtl_core.errors import UsageError
from automtl_core.settings.words import Takes

MOMENT = "a number in the unit of the times, or a date such as 2024-01-31 or 2024-01-31T12:00:00+08:00"


def _parsed(value: object) -> object:
    """Return a date and its time as an ISO text; YAML reads some of them as dates."""
    if isinstance(value, date):  # or a datetime
        value = value.isoformat()
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            try:
                return datetime.fromisoformat(value).isoformat()
            except ValueError:
                raise ValueError(f"expected {MOMENT}") from None
    return value


Moment = Annotated[float | str, BeforeValidator(_parsed), Takes(MOMENT)]


def in_times(name: str, moment: float | str, form: str, unit: float) -> float:
    """Return a moment as a number that is comparable with times.

    Args:
        name: Name of the setting.
        moment: The moment.
        form: Form of the times, see `raw.sql.form_of`: `number`, `date` or `date with offset`.
        unit: Seconds of the unit of times that are numbers; for dates 1.

    Raises:
        UsageError: the moment has not the form of the times.

    """
    if not isinstance(moment, str):
        if form == "number":
            return moment
        raise UsageError(f"{name} is {moment:.15g}, and times are dates", "write a date, such as 2024-01-31")
    at = datetime.fromisoformat(moment)
    if form == "date" and at.tzinfo is not None:
        raise UsageError(
            f"{name} is {moment}, and times are dates without an offset", "write it without an offset"
        )
    return at.replace(tzinfo=at.tzinfo or UTC).timestamp() / unit
