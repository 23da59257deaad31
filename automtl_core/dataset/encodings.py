"""Feature encodings: the form in which networks receive fields; `auto` is resolved by the encoding search.

Letters: d embedding, T tasks.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from automtl_core.settings.settings import Settings
from automtl_core.settings.words import Takes

Auto = Literal["auto"]
Statistics = Literal["none", "folds", "earlier"]
Numbers = Literal["standard", "bins", "piecewise"]
Pair = tuple[str, str]


class Encodings(Settings):
    """What networks are given of fields; `auto` is looked up on held-out training rows.

    A bare word stands for all of it: `auto`; `ids`, which is embeddings of values and scaled numbers alone;
    or `statistics`, which is besides what training rows with a value say of each task.
    """

    statistics: Auto | Statistics = "auto"
    """What a field tells beside the embedding of its value: nothing, or for each task what training rows with
    the value say of it. Each training row sees the rows of other folds, or the earlier ones alone, as
    in a split by time. That helps where values are seen often, and hurts where they are rare."""
    numbers: Auto | Numbers = "auto"
    """What a numeric field is besides the scaled number: nothing; an embedding of the bin that it is in; or
    a sum of embeddings, one for each bin up to the number, which changes steadily inside of a bin. A missing
    number has an embedding of its own."""
    crosses: Auto | Annotated[tuple[Pair, ...], Takes("a list of pairs of categorical fields")] = "auto"
    """Pairs of fields of one value that are a field too: what rows with both values say of each task."""
    wide: Auto | bool = "auto"
    """Whether all that networks are given enters the logit of each task directly too, with linear weights."""
    folds: int = Field(5, ge=2, le=100)
    """Into how many folds training rows are divided, or periods of as many rows for earlier ones."""
    smoothing: float = Field(10.0, gt=0)
    """Rows that the prior of a task counts for in its statistics."""
    bins: int = Field(32, ge=2, le=1000)
    """Bins of a numeric field, of equal frequency."""

    @property
    def auto(self) -> bool:
        """Whether any setting is `auto`."""
        return bool(self.unanswered())

    def unanswered(self) -> tuple[str, ...]:
        """Return the settings that are `auto`."""
        return tuple(name for name in ANSWERS if getattr(self, name) == "auto")

    @property
    def plain(self) -> bool:
        """Whether networks receive only embeddings of values and scaled numbers."""
        return all(getattr(self, name) == answer for name, answer in PLAIN.items())

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The feature crosses; none while they are `auto`."""
        return () if self.crosses == "auto" else self.crosses

    def answered(self, **answers: object) -> Self:
        """Return the encodings with other values for some settings."""
        return type(self).model_validate({**self.model_dump(), **answers})


PLAIN: Mapping[str, Any] = {"statistics": "none", "numbers": "standard", "crosses": (), "wide": False}
"""Embeddings of values and scaled numbers, and nothing else."""
ANSWERS = tuple(PLAIN)
WORDS: Mapping[str, Mapping[str, Any]] = {
    "auto": dict.fromkeys(ANSWERS, "auto"),
    "ids": PLAIN,
    "statistics": {**PLAIN, "statistics": "folds"},
}


def in_full(given: Any) -> Any:
    """Return the settings of a single word such as `ids`; any other value is unchanged."""
    return WORDS.get(given, given) if isinstance(given, str) else given


def plain() -> Encodings:
    """Return the encodings that every network supports."""
    return Encodings.model_validate(PLAIN)
