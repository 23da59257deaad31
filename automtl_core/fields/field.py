"""The interface of kinds of fields: a declaration, and a learner of the encoder."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, get_type_hints

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError, create_model

from automtl_core.errors import UsageError, listing
from automtl_core.fields.encode import OWN, FieldEncoder, Gives, Kinds
from automtl_core.settings.settings import Settings
from automtl_core.settings.words import sentences

Ints = NDArray[np.int64]
Codes = NDArray[np.int32]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Chunk = Mapping[str, NDArray[Any]]
"""Columns of consecutive rows, as requested by `FieldKind.reads`."""


@dataclass(frozen=True)
class Read:
    """The form in which preparation reads a column of `Dataset.rows`."""

    how: Literal["code", "bag", "number", "text"] = "code"
    """Content of a `Chunk`: `code`, int32, the rank of a value among all values plus 1, 0 where missing;
    `bag`, the code of a bag of values; `number`, float64, NaN where missing; or `text`, "" where missing."""
    missing: float | None = None
    """Replacement for a missing number; None for no replacement."""
    separator: str = ""
    """For a bag: the separator of its values in a text, as in files of new examples."""

    def key(self, column: str) -> str:
        """Return the key of the column in a `Chunk`; texts have a separate key."""
        return f"{OWN}text of {column}" if self.how == "text" else column


class Source(Protocol):
    """Information for learners, in addition to chunks of training rows."""

    max_vocabulary: int | None
    """Largest number of values in a vocabulary; None for no limit."""

    def min_count(self, field: str) -> int:
        """Return the least number of training rows with a value of the vocabulary of a field."""

    def buckets(self, field: str) -> int | None:
        """Return the number of hash buckets of a field; None if its values are not hashed."""

    def codes(self, column: str) -> int:
        """Return the number of codes of a column."""

    def values(self, column: str) -> Iterator[Sequence[str]]:
        """Yield all values of a column in the order of their codes; for bags the values in them."""

    def value_codes(self, column: str) -> int:
        """Return the number of codes of the values in bags."""

    def held(self, column: str) -> Iterator[tuple[Codes, Codes]]:
        """Yield codes of bags and of their values, sorted by both, in blocks."""

    def vectors(self, field: str) -> Iterator[tuple[Sequence[str], NDArray[np.float64]]]:
        """Yield values and their vectors, sorted by value, in blocks."""


class FieldLearner:
    """Builder of the encoder of a field from training rows. The base class learns nothing.

    Args:
        reads: The columns, see `FieldKind.reads`.
        encoder: Encoder of a field that needs no learning.

    """

    constant = False
    """Whether the field is constant in training rows; known after `learn`."""
    warnings: Sequence[str] = ()
    """Faults of the training rows that a user should know; known after `learn`."""

    def __init__(self, reads: Mapping[str, Read], encoder: FieldEncoder | None = None) -> None:
        self.keys = [read.key(column) for column, read in reads.items()]
        self.encoder = encoder

    def see(self, chunk: Chunk) -> None:
        """Receive training rows."""

    def learn(self, path: Path) -> FieldEncoder:
        """Return the encoder, after all rows; write its file, if it has one, to `path`."""
        assert self.encoder is not None  # noqa: S101 - else the subclass overrides this method
        return self.encoder

    def encode(self, chunk: Chunk) -> NDArray[Any]:
        """Return ids, numbers of bags, or numbers of the field, [R]; after `learn`."""
        assert self.encoder is not None  # noqa: S101
        found: NDArray[Any] = self.encoder.encode(*(chunk[key] for key in self.keys))
        return found


@dataclass(frozen=True)
class FieldKind(ABC):
    """A declared field of a dataset. Subclasses are kinds of fields."""

    name: str
    """Name of the field, and of its column if it reads only one."""

    words: ClassVar[str] = ""
    """Description of the kind, as in `automtl list datasets NAME`."""
    encoders: ClassVar[tuple[type[FieldEncoder], ...]] = ()
    """Encoder classes that its learners return."""

    @property
    def gives(self) -> Gives:
        """Type of its encoded values."""
        return self.encoders[0].gives

    def reads(self) -> Mapping[str, Read]:
        """Return the columns that the field reads, in the order of the encoder's arguments."""
        return {self.name: Read()}

    def faults(self) -> Iterator[str]:
        """Yield the faults of the declaration, in words: by default those of the types of its attributes."""
        settings = settings_of(type(self))
        values = {name: getattr(self, name) for name in settings.model_fields}
        try:
            settings.model_validate(values, strict=True)
        except ValidationError as error:
            yield from sentences(error.errors(), "", settings)

    @abstractmethod
    def learner(self, source: Source) -> FieldLearner:
        """Return a learner for the encoder."""


def kinds_of(fields: Iterable[type[FieldKind]]) -> Kinds:
    """Return the encoders of some kinds of fields, by their names in `encoder.json`."""
    return {encoder.kind: encoder for field in fields for encoder in field.encoders}


@cache
def settings_of(kind: type[FieldKind]) -> type[Settings]:
    """Return the attributes of a kind of field but its name, as settings."""
    types = get_type_hints(kind, include_extras=True)
    takes: dict[str, Any] = {}
    for each in fields(kind)[1:]:  # the first one is the name
        required = each.default is each.default_factory is MISSING
        takes[each.name] = (types[each.name], ... if required else None)
    return create_model(kind.__name__, __base__=Settings, **takes)


def field_from_settings(
    kind: type[FieldKind], name: str, values: Mapping[str, Any], where: str, kind_name: str
) -> FieldKind:
    """Return a field of a kind.

    Args:
        kind: Class of the field.
        name: Name of the field.
        values: Values of the attributes of the class, as read from YAML.
        where: Key of the values in the configuration, for messages.
        kind_name: Name of the kind, for messages.

    Raises:
        UsageError: there are unknown settings or wrong values; the message lists all.

    """
    settings = settings_of(kind)
    try:
        parsed = settings.parse(dict(values), where)
    except UsageError as error:
        fix = f"the field kind {kind_name} takes: {listing(settings.model_fields)}"
        raise UsageError(str(error), fix) from None
    return kind(name, **{key: getattr(parsed, key) for key in values})
