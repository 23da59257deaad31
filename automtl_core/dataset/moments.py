"""Moments in settings: a number in the unit of the times of a dataset, or a date."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field, PlainSerializer

from automtl_core.errors import UsageError
from automtl_core.settings.words import Takes

MOMENT = "a number in the unit of the times, or a date such as 2024-01-31 or 2024-01-31T12:00:00+08:00"


Moment = Annotated[
    float | datetime,
    Field(union_mode="left_to_right"),
    PlainSerializer(lambda at: at.isoformat() if isinstance(at, datetime) else at),
    Takes(MOMENT),
]


def in_times(name: str, moment: float | datetime, form: str, unit: float) -> float:
    """Return a moment as a number that is comparable with times.

    Args:
        name: Name of the setting.
        moment: The moment.
        form: Form of the times, see `raw.sql.form_of`: `number`, `date` or `date with offset`.
        unit: Seconds of the unit of times that are numbers; for dates 1.

    Raises:
        UsageError: the moment has not the form of the times.

    """
    if not isinstance(moment, datetime):
        if form == "number":
            return moment
        raise UsageError(f"{name} is {moment:.15g}, and times are dates", "write a date, such as 2024-01-31")
    if form == "date" and moment.tzinfo is not None:
        raise UsageError(
            f"{name} is {moment}, and times are dates without an offset", "write it without an offset"
        )
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() / unit
