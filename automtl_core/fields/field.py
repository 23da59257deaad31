"""What a kind of field is: a declaration, and a learner that makes its encoder from training rows."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from automtl_core.errors import did_you_mean, listing
from automtl_core.fields.encode import FieldEncoder, Gives, Kinds

Ints = NDArray[np.int64]
Codes = NDArray[np.int32]
Chunk = Mapping[str, NDArray[Any]]
"""Columns of neighbouring rows, as `FieldKind.reads` asks for them."""


@dataclass(frozen=True)
class Read:
    """How preparation reads a column of `Dataset.rows`."""

    how: Literal["code", "bag", "number", "text"] = "code"
    """What a `Chunk` holds: `code`, the place of a value among all values in their order plus 1, 0 for a
    blank, int32; `bag`, the same of a bag of values; `number`, float64, NaN for a blank; or `text`, "" for a
    blank."""
    missing: float | None = None
    """The number that stands for a blank, if there is one."""
    separator: str = ""
    """Of a bag: what separates its values in a text, as in files of new examples."""

    def key(self, column: str) -> str:
        """Return where a `Chunk` holds a column that is read so: others may read it by its code."""
        return f"text of {column}" if self.how == "text" else column


class Source(Protocol):
    """What learners may ask preparation for, besides chunks of training rows."""

    rows: int
    """Training rows."""
    min_count: int
    """Training rows that hold a value of a vocabulary, at least."""
    max_vocabulary: int | None
    """Values of a vocabulary, at most."""

    def buckets(self, field: str) -> int | None:
        """Return how many buckets settings hash the values of a field to, if they do."""

    def codes(self, column: str) -> int:
        """Return how many codes a column has."""

    def values(self, column: str) -> Iterator[Sequence[str]]:
        """Yield all values of a column, of one of bags those that they hold, in the order of their codes."""

    def value_codes(self, column: str) -> int:
        """Return how many codes the values of bags have."""

    def held(self, column: str) -> Iterator[tuple[Codes, Codes]]:
        """Yield codes of bags and of values that they hold, ordered by both, in blocks."""


class Learner:
    """Makes the encoder of a field from training rows. This one learns nothing.

    Args:
        reads: The columns, see `FieldKind.reads`.
        encoder: Of the field, where nothing has to be learned.

    """

    constant = False
    """Whether the field is the same in all training rows, as far as that is known after `learn`."""

    def __init__(self, reads: Mapping[str, Read], encoder: FieldEncoder | None = None) -> None:
        self.keys = [read.key(column) for column, read in reads.items()]
        self.encoder = encoder

    def see(self, chunk: Chunk) -> None:
        """Take in training rows."""

    def learn(self, path: Path) -> FieldEncoder:
        """Return the encoder, once all rows were seen; its file, if it has one, is written to `path`."""
        assert self.encoder is not None  # noqa: S101 - or this method is replaced
        return self.encoder

    def encode(self, chunk: Chunk) -> NDArray[Any]:
        """Return ids, numbers of bags, or numbers of the field, [R]; after `learn`."""
        assert self.encoder is not None  # noqa: S101
        found: NDArray[Any] = self.encoder.encode(*(chunk[key] for key in self.keys))
        return found


@dataclass(frozen=True)
class FieldKind(ABC):
    """A field of a dataset, as it is declared. Subclasses are kinds of fields."""

    name: str
    """Of the field; of its column too, where it reads one alone."""

    words: ClassVar[str] = ""
    """What the kind is, as in `automtl data show`."""
    encoders: ClassVar[tuple[type[FieldEncoder], ...]] = ()
    """Classes of the encoders that its learners return."""

    @property
    def gives(self) -> Gives:
        """What its encoders give."""
        return self.encoders[0].gives

    def reads(self) -> Mapping[str, Read]:
        """Return the columns that the field reads, in the order in which its encoder takes them."""
        return {self.name: Read()}

    def faults(self) -> Iterator[str]:
        """Yield what is wrong with the declaration, in words."""
        yield from ()

    @abstractmethod
    def learner(self, source: Source) -> Learner:
        """Return what learns the encoder from training rows."""


def kinds_of(fields: Iterable[type[FieldKind]]) -> Kinds:
    """Return the encoders of kinds of fields, by the names that `encoder.json` has for them."""
    return {encoder.kind: encoder for field in fields for encoder in field.encoders}


def one_of(what: str, value: object, allowed: tuple[str, ...]) -> Iterator[str]:
    """Yield that a value is not allowed, if so."""
    if value not in allowed:
        near = did_you_mean(str(value), allowed)
        yield f"{what} is {value!r}{near}: allowed are {listing(allowed)}"
