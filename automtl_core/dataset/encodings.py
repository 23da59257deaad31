"""Feature encodings: the same for all models, or the result of the encoding search."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from automtl_core.settings.settings import Settings
from automtl_core.settings.words import Takes

Auto = Literal["auto"]
Numbers = Literal["standard", "bins"]
Refresh = Literal["never", "1d", "1h", "always"]
Derived = tuple[str, Literal["/", "-", "+"], str]
"""A number that is derived from two numeric fields, such as `(income, "/", amount)`."""
BINS = 32
"""Number of bins of a number, with equally many training rows in each."""
MOST_FIELDS = 3
"""Largest number of fields in the key of an aggregate."""


class Aggregate(Settings):
    """An aggregate: numbers about the earlier rows with the same values in the fields of its key.

    The numbers are the shrunken mean of each label, and the number of rows.
    """

    removed: ClassVar = {"means": []}

    key: tuple[str, ...] = Field(min_length=1, max_length=MOST_FIELDS)
    """Fields of the key. Numeric fields enter as bins."""
    half_life: float | None = Field(None, gt=0)
    """Age at which an earlier row counts half, in the unit of the times of the dataset, for rows that are
    split by time. None: all earlier rows count the same."""

    @model_validator(mode="before")
    @classmethod
    def _of_fields(cls, raw: Any) -> Any:
        """Accept a field, or a list of fields, as the key alone."""
        if isinstance(raw, str):
            return {"key": (raw,)}
        return {"key": raw} if isinstance(raw, list | tuple) else raw

    @property
    def name(self) -> str:
        """Name among the inputs of networks, such as `by type*size`; `by type` is not the field `type`."""
        name = f"by {'*'.join(self.key)}"
        return name if self.half_life is None else f"{name} with half-life {self.half_life:g}"


class Encodings(Settings):
    """Feature encoding: the numbers that a network receives for a field. `auto`: the encoding search chooses.

    One word sets all of it: `auto`; or `ids`, which is only embeddings of values and scaled numbers.
    """

    removed: ClassVar = {
        "folds": 5, "smoothing": 10.0, "statistics": "none", "crosses": [], "wide": False, "bins": 32,
    }  # fmt: skip
    instead: ClassVar = dict.fromkeys(("statistics", "crosses"), "features.aggregates: [{key: [a, b]}]")

    aggregates: Auto | Annotated[tuple[Aggregate, ...], Takes("a list of keys, lists of fields")] = "auto"
    """Aggregates: for a key of one to three fields, the shrunken mean of each label over the earlier rows
    with the same values, and their number. Earlier rows of a training row are those of an earlier time if
    rows are split by time, else those of other folds. All other rows use all training rows."""
    refresh: Refresh = "never"
    """When aggregates take in the rows since training, for the evaluation of a run whose rows are split by
    time. never: they stay as they were at the end of training. 1d or 1h: at the start of each day or hour.
    always: before each row. `automtl update --refresh` does the same for a model in use."""
    numbers: Auto | Numbers = "auto"
    """Encoding of each numeric field, beside the scaled number. standard: nothing more. bins: an embedding of
    the bin of the number; a missing number has an embedding too."""
    derived: Auto | Annotated[tuple[Derived, ...], Takes("a list such as [[income, /, amount]]")] = "auto"
    """Numbers that are derived from two numeric fields each: their ratio, difference or sum."""
    history: Auto | Annotated[tuple[str, ...], Takes("a list of inputs from histories")] = "auto"
    """Inputs from the history of a row, if the dataset has histories. matches: for each field, the number of
    earlier events with the row's value, the time since the last one, and the actions. last-K: each of the
    latest K events. The name of a history encoder, such as mean or attention: a summary of all events."""
    history_window: int = Field(50, ge=1)
    """Maximum number of events that a history encoder reads: in longer histories the latest events that share
    a value with the row, then the latest others, as in SIM. Matches count all events."""

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
    def keys(self) -> tuple[Aggregate, ...]:
        """The aggregates; none while they are `auto`."""
        return () if self.aggregates == "auto" else self.aggregates

    @property
    def pairs(self) -> tuple[Derived, ...]:
        """The derived numbers; none while they are `auto`."""
        return () if self.derived == "auto" else self.derived

    @property
    def of_histories(self) -> tuple[str, ...]:
        """The inputs from histories; none while they are `auto`."""
        return () if self.history == "auto" else self.history

    def with_answers(self, **answers: object) -> Self:
        """Return the encodings with other values for some settings."""
        return type(self).model_validate({**self.model_dump(), **answers})


PLAIN: Mapping[str, Any] = {"aggregates": (), "numbers": "standard", "derived": (), "history": ()}
"""Embeddings of values and scaled numbers, and nothing else."""
Word = Literal["auto", "ids"]
WORDS: Mapping[Word, Mapping[str, Any]] = {"auto": dict.fromkeys(PLAIN, "auto"), "ids": PLAIN}


def in_full(raw: Any) -> Any:
    """Return the settings of a single word such as `ids`; any other value is unchanged."""
    return WORDS.get(raw, raw) if isinstance(raw, str) else raw  # type: ignore[call-overload]


def plain() -> Encodings:
    """Return the encodings that every network supports."""
    return Encodings.model_validate(PLAIN)
