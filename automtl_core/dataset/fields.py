"""What a dataset declares: typed fields and labels, and what does not fit together."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from reprlib import repr as short
from typing import Any, Literal, get_args

from automtl_core.dataset.schema import FieldKind, TaskKind
from automtl_core.errors import did_you_mean, listing

Scaling = Literal["standard", "minmax", "log", "none"]
"""How a dense field is scaled: to mean 0 and deviation 1, to [0, 1], as the first of sign(x) log(1 + |x|), or
not at all."""


@dataclass(frozen=True)
class Sparse:
    """A categorical field: what rows hold is one of many values, each with an embedding of its own."""

    name: str
    """Of the column of `rows`."""
    kind: FieldKind = "single"
    """Whether a row holds one value; or a `bag`, any number of different values, see `Dataset.values`; or a
    `sequence`, of which order and repeats count. Sequences can be declared, and not yet be prepared."""
    buckets: int | None = None
    """For a column of numbers: how many buckets of equal frequency make the ids."""
    missing: float | None = None
    """For a column of numbers: the number that stands for a blank; where None, a blank has id 0."""
    separator: str = "|"
    """For a bag: what separates its values in a text, as in files of new examples."""
    vectors: str | None = None
    """Table of `files()` with a pretrained vector a value. Can be declared, and not yet be prepared."""


@dataclass(frozen=True)
class Dense:
    """A numeric field."""

    name: str
    """Of the column of `rows`."""
    scaling: Scaling = "standard"
    missing: float | None = None
    """The number that stands for a blank; where None, a blank stays one, see `modules.numbers`."""


@dataclass(frozen=True)
class Label:
    """Something to predict: what a user did, or a number."""

    name: str
    """Of the column of `rows`, and of the task."""
    kind: TaskKind = "binary"
    """Whether it is 0 or 1, or a number."""
    after: str | None = None
    """The label whose action a user takes before this one, such as click for purchase."""
    given: str | None = None
    """The binary label that has to be 1 for this one to count; `rows` leaves it null elsewhere."""
    oracle: str | None = None
    """For generated data: column of `rows` that holds the probability the label was drawn with."""


def names_of(declared: Iterable[Sparse | Dense | Label]) -> list[str]:
    """Return the names of fields or labels."""
    return [each.name for each in declared]


def faults_of(stated: Mapping[str, Any], holds_bags: bool) -> Iterator[str]:
    """Yield what is wrong with a declaration, in words.

    Args:
        stated: `fields`, `labels`, `user`, `time` and `part` of a dataset; None where one is not known.
        holds_bags: Whether the dataset tells what a bag holds.

    """
    fields, labels = stated["fields"], stated["labels"]
    shapes = [*_shape("fields", fields, (Sparse, Dense)), *_shape("labels", labels, (Label,))]
    yield from shapes
    if shapes:
        return
    fields, labels = fields or (), labels or ()
    yield from _names(fields, labels, stated)
    for each in fields:
        yield from _field(each, holds_bags)
    for label in labels:
        yield from _label(label, {one.name: one for one in labels})
    if stated["fields"] is not None:
        yield from _user(stated["user"], fields)


def _shape(what: str, stated: Any, kinds: tuple[type, ...]) -> Iterator[str]:
    """Check that there is a sequence of declarations, each with a name."""
    allowed = " and ".join(kind.__name__ for kind in kinds)
    if stated is None:
        return
    if isinstance(stated, str) or not isinstance(stated, Sequence):
        yield f"`{what}` is {short(stated)}: let it be a tuple of {allowed}"
        return
    for each in stated:
        if not isinstance(each, Sparse | Dense | Label) or not isinstance(each, kinds):
            yield f"`{what}` holds {short(each)}: allowed are {allowed}"
        elif not isinstance(each.name, str) or not each.name:
            yield f"`{what}` holds {short(each)}: give it a name"


def _names(
    fields: Sequence[Sparse | Dense], labels: Sequence[Label], stated: Mapping[str, Any]
) -> Iterator[str]:
    columns = [*names_of(fields), *names_of(labels)]
    columns += [label.oracle for label in labels if label.oracle]
    columns += [stated[name] for name in ("time", "part") if stated[name] is not None]
    for name, times in Counter(columns).items():
        if times > 1:
            yield f"{name!r} is named twice: each field, label and other column of `rows` has its own name"


def _field(field: Sparse | Dense, holds_bags: bool) -> Iterator[str]:
    if field.missing is not None and not (isinstance(field.missing, int | float) and isfinite(field.missing)):
        yield f"field {field.name!r}: missing is {field.missing!r}, allowed are finite numbers"
    if isinstance(field, Dense):
        yield from _one_of(field.name, "scaling", field.scaling, get_args(Scaling))
        return
    yield from _one_of(field.name, "kind", field.kind, get_args(FieldKind))
    if not isinstance(field.separator, str) or not field.separator:
        yield f"field {field.name!r}: separator is {field.separator!r}, allowed are texts that are not empty"
    if field.kind == "bag" and not holds_bags:
        yield f"field {field.name!r} is of the kind 'bag': define `values`, which tells what bags hold"
    if field.buckets is not None and not (isinstance(field.buckets, int) and field.buckets > 1):
        yield f"field {field.name!r}: buckets is {field.buckets!r}, allowed are whole numbers from 2"
    if field.missing is not None and field.buckets is None:
        yield f"field {field.name!r}: missing is for numbers, in buckets or dense"
    if field.buckets is not None and (field.kind != "single" or field.vectors):
        yield f"field {field.name!r}: buckets are for a single number a row, without vectors"


def _label(label: Label, known: Mapping[str, Label]) -> Iterator[str]:
    yield from _one_of(label.name, "kind", label.kind, get_args(TaskKind))
    for relation, other in (("after", label.after), ("given", label.given)):
        if other is not None and other not in known:
            near = did_you_mean(str(other), known)
            yield f"label {label.name!r}: {relation} names {other!r}, which is no label{near}"
    if label.name in _before(label, known):
        yield f"label {label.name!r}: by `after` and `given` it leads back to itself"
    if label.given is not None and label.given in known and known[label.given].kind != "binary":
        yield f"label {label.name!r}: given names {label.given!r}, which is not binary"


def _before(label: Label, known: Mapping[str, Label]) -> set[str]:
    """Return the labels that a label leads to."""
    found: set[str] = set()
    ahead = [label]
    while ahead:
        one = ahead.pop()
        near = {name for name in (one.after, one.given) if name is not None and name in known} - found
        found |= near
        ahead += [known[name] for name in near]
    return found


def _user(user: Any, fields: Sequence[Sparse | Dense]) -> Iterator[str]:
    fit = [
        each.name
        for each in fields
        if isinstance(each, Sparse) and each.kind == "single" and not each.buckets
    ]
    if user is None or user in fit:
        return
    there = "is no single sparse field" if user in names_of(fields) else "is no field"
    yield f"user names {user!r}, which {there}{did_you_mean(str(user), fit)}: allowed are {listing(fit)}"


def _one_of(name: str, what: str, value: object, allowed: tuple[str, ...]) -> Iterator[str]:
    if value not in allowed:
        near = did_you_mean(str(value), allowed)
        yield f"{name!r}: {what} is {value!r}{near}: allowed are {listing(allowed)}"
