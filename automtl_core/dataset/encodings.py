"""Feature encodings: the same for all models, or the result of the encoding search.

Letters: K = 5 folds, V ids of all fields, C statistics of an id, M dense fields, Q edges of a field.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from automtl_core.settings.settings import Settings
from automtl_core.settings.words import Takes

FOLDS = 5
"""Number of folds of the training rows for target statistics; for `earlier`, of periods of equal size."""
SMOOTHING = 10.0
"""Pseudo-count of the prior in target statistics, in rows."""
Auto = Literal["auto"]
Statistics = Literal["none", "folds", "earlier"]
Numbers = Literal["standard", "bins"]
Pair = tuple[str, str]


class Encodings(Settings):
    """Feature encoding: the numbers that a network receives for a field. `auto`: the encoding search chooses.

    One word sets all of it: `auto`; `ids`, which is only embeddings of values and scaled numbers; or
    `statistics`, which adds target statistics.
    """

    removed: ClassVar = {"folds": 5, "smoothing": 10.0}

    statistics: Auto | Statistics = "auto"
    """Target statistics of each categorical field, beside its embedding: for each task, the smoothed mean of
    the label over the training rows with the same value. none: no target statistics. folds: out-of-fold, a
    training row uses the rows of the four other folds. earlier: a training row uses only earlier rows, of
    five periods, as in a split by time. Target statistics help if values are frequent, and can hurt if values
    are rare."""
    numbers: Auto | Numbers = "auto"
    """Encoding of each numeric field, beside the scaled number. standard: nothing more. bins: an embedding of
    the bin of the number; a missing number has an embedding too."""
    crosses: Auto | Annotated[tuple[Pair, ...], Takes("a list of pairs of categorical fields")] = "auto"
    """Feature crosses: pairs of categorical fields (not multi-valued) that are one more field each, encoded
    by target statistics."""
    wide: Auto | bool = "auto"
    """Wide term: whether all encoded features also have a linear term in the logit of each task."""
    history: Auto | Annotated[tuple[str, ...], Takes("a list of inputs from histories")] = "auto"
    """Inputs from the history of a row, if the dataset has histories. matches: for each field, the number of
    earlier events with the row's value, the time since the last one, and the actions. last-K: each of the
    latest K events. The name of a history encoder, such as mean or attention: a summary of all events."""
    history_window: int = Field(50, ge=1)
    """Maximum number of events that a history encoder reads: in longer histories the latest events that share
    a value with the row, then the latest others, as in SIM. Matches count all events."""
    bins: int = Field(32, ge=2, le=1000)
    """Number of bins of a numeric field, with equally many rows in each."""

    @property
    def auto(self) -> bool:
        """Whether any setting is `auto`."""
        return bool(self.unanswered())

    def unanswered(self) -> tuple[str, ...]:
        """Return the settings that are `auto`."""
        return tuple(name for name in PLAIN if getattr(self, name) == "auto")

    @property
    def plain(self) -> bool:
        """Whether networks receive only embeddings of values and scaled numbers."""
        return all(getattr(self, name) == answer for name, answer in PLAIN.items())

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The feature crosses; none while they are `auto`."""
        return () if self.crosses == "auto" else self.crosses

    @property
    def of_histories(self) -> tuple[str, ...]:
        """The inputs from histories; none while they are `auto`."""
        return () if self.history == "auto" else self.history

    def with_answers(self, **answers: object) -> Self:
        """Return the encodings with other values for some settings."""
        return type(self).model_validate({**self.model_dump(), **answers})


PLAIN: Mapping[str, Any] = {
    "statistics": "none",
    "numbers": "standard",
    "crosses": (),
    "wide": False,
    "history": (),
}
"""Embeddings of values and scaled numbers, and nothing else."""
Word = Literal["auto", "ids", "statistics"]
WORDS: Mapping[Word, Mapping[str, Any]] = {
    "auto": dict.fromkeys(PLAIN, "auto"),
    "ids": PLAIN,
    "statistics": {**PLAIN, "statistics": "folds"},
}


def in_full(raw: Any) -> Any:
    """Return the settings of a single word such as `ids`; any other value is unchanged."""
    return WORDS.get(raw, raw) if isinstance(raw, str) else raw  # type: ignore[call-overload]


def plain() -> Encodings:
    """Return the encodings that every network supports."""
    return Encodings.model_validate(PLAIN)


class FittedEncodings(NamedTuple):
    """Statistics and bin edges that were computed on training rows; None for an encoding without them."""

    sparse: NDArray[np.float32] | None = None  # [K + 1, V, C]
    """Target statistics of the ids of sparse fields. Table k leaves out fold k; the last one has all rows."""
    crosses: NDArray[np.float32] | None = None  # [K + 1, V, C]
    """Target statistics of the ids of feature crosses, in the same way."""
    edges: NDArray[np.float32] | None = None  # [M, Q]
    """Bin edges of dense fields, in rising order."""
