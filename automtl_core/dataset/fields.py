"""Declarations of a dataset: typed fields and labels, and checks of their consistency."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from reprlib import repr as short
from typing import Any

from automtl_core.dataset.history import History, faults_of_histories
from automtl_core.disk.value import Value
from automtl_core.errors import did_you_mean, listing
from automtl_core.fields.field import FieldKind, one_of
from automtl_core.fields.sparse import Sparse
from automtl_core.tasks.kind import TaskKind
from automtl_core.tasks.kinds import kind_names, task_kind

TAKEN_AS = {"code": "a category", "text": "a category", "number": "a number", "bag": "a bag"}
"""Description of a column for each way of reading it."""


@dataclass(frozen=True)
class Label(Value):
    """A label to predict: a user action, or a number."""

    name: str
    """Name of the column of `rows`, and of the task."""
    kind: str = "binary"
    """Name of the kind of task."""
    after: str | None = None
    """The label of the action that precedes this one, such as click for purchase."""
    given: str | None = None
    """The binary label that must be 1 for this label to count; `rows` has null elsewhere."""
    oracle: str | None = None
    """For generated data: column of `rows` with the true probability of the label."""
    positive: tuple[str, ...] = ()
    """Texts in files that mean 1, where others mean 0; none if files hold numbers."""
    column: str = ""
    """Column in files, if it has another name."""

    @property
    def source(self) -> str:
        """The column in files."""
        return self.column or self.name

    @property
    def type(self) -> TaskKind:
        """The kind of task: its loss, metrics and labels."""
        return task_kind(self.kind)


def names_of(declared: Iterable[FieldKind | Label]) -> list[str]:
    """Return the names of fields or labels."""
    return [each.name for each in declared]


def faults_of(stated: Mapping[str, Any], holds_bags: bool) -> Iterator[str]:
    """Yield the faults of declarations, in words.

    Args:
        stated: `fields`, `labels`, `user`, `time`, `part` and `histories` of a dataset; None where it depends
            on settings.
        holds_bags: Whether the dataset defines `values`.

    """
    fields, labels = stated["fields"], stated["labels"]
    shapes = [
        *_shape("fields", fields, FieldKind, "fields, such as Sparse and Dense"),
        *_shape("labels", labels, Label, "Label"),
        *_shape("histories", stated["histories"], History, "History"),
    ]
    yield from shapes
    if shapes:
        return
    fields, labels = fields or (), labels or ()
    yield from _names(fields, labels, stated)
    for each in fields:
        yield from (f"field {each.name!r}: {fault}" for fault in each.faults())
    yield from _columns(fields, labels, stated, holds_bags)
    for label in labels:
        yield from _label(label, {one.name: one for one in labels})
    if stated["fields"] is not None:
        yield from _user(stated["user"], fields)
        single = [each.name for each in fields if isinstance(each, Sparse)]
        columns = [column for each in fields for column in each.reads()]
        yield from faults_of_histories(
            stated["histories"] or (), single, [*columns, *names_of(fields), *names_of(labels)]
        )


def _shape(what: str, stated: Any, kind: type, allowed: str) -> Iterator[str]:
    """Yield faults unless there is a sequence of declarations with names."""
    if stated is None:
        return
    if isinstance(stated, str) or not isinstance(stated, Sequence):
        yield f"`{what}` is {short(stated)}: let it be a tuple of {allowed}"
        return
    for each in stated:
        if not isinstance(each, kind):
            yield f"`{what}` holds {short(each)}: allowed are {allowed}"
        elif not isinstance(each.name, str) or not each.name:  # type: ignore[attr-defined]
            yield f"`{what}` holds {short(each)}: give it a name"


def _names(fields: Sequence[FieldKind], labels: Sequence[Label], stated: Mapping[str, Any]) -> Iterator[str]:
    columns = [*names_of(fields), *names_of(labels), *_others(labels, stated)]
    for name, times in Counter(columns).items():
        if times > 1:
            yield f"{name!r} is named twice: each field, label and other column of `rows` needs its own name"


def _others(labels: Sequence[Label], stated: Mapping[str, Any]) -> list[str]:
    """Return the columns that are neither fields nor labels."""
    oracles = [label.oracle for label in labels if label.oracle]
    return oracles + [stated[name] for name in ("time", "part") if stated[name] is not None]


def _columns(
    fields: Sequence[FieldKind], labels: Sequence[Label], stated: Mapping[str, Any], holds_bags: bool
) -> Iterator[str]:
    """Yield faults of the columns that fields read."""
    taken: dict[str, str] = {}
    hidden = {*names_of(labels), *_others(labels, stated)} - {*names_of(fields)}
    for field in fields:
        for column, read in field.reads().items():
            what = TAKEN_AS[read.how] + (f", {read.missing} where blank" if read.missing is not None else "")
            if column in hidden:
                yield f"field {field.name!r} reads {column!r}, which is a label, or not a column of fields"
            if taken.setdefault(column, what) != what:
                yield f"field {field.name!r} reads {column!r} as {what}, another field as {taken[column]}"
            if read.how == "bag" and not holds_bags:
                yield f"field {field.name!r} holds bags: define `values`, which returns their values"


def _label(label: Label, known: Mapping[str, Label]) -> Iterator[str]:
    yield from (f"{label.name!r}: {fault}" for fault in one_of("kind", label.kind, kind_names()))
    for relation, other in (("after", label.after), ("given", label.given)):
        if other is not None and other not in known:
            near = did_you_mean(str(other), known)
            yield f"label {label.name!r}: {relation} names {other!r}, which is not a label{near}"
    if label.name in before(label, known):
        yield f"label {label.name!r}: `after` and `given` form a cycle"
    if label.given is not None and label.given in known and not is_event(known[label.given].kind):
        yield f"label {label.name!r}: given names {label.given!r}, which is not a label of 0 and 1"


def is_event(kind: str) -> bool:
    """Return whether labels of a kind are 0 and 1; False where no kind has the name."""
    return kind in kind_names() and task_kind(kind).two_classes


def before(label: Label, known: Mapping[str, Label]) -> set[str]:
    """Return the labels that precede a label, directly or indirectly."""
    found: set[str] = set()
    ahead = [label]
    while ahead:
        one = ahead.pop()
        near = {name for name in (one.after, one.given) if name is not None and name in known} - found
        found |= near
        ahead += [known[name] for name in near]
    return found


def _user(user: Any, fields: Sequence[FieldKind]) -> Iterator[str]:
    fit = [each.name for each in fields if isinstance(each, Sparse)]
    if user is None or user in fit:
        return
    there = "is not a single-valued sparse field" if user in names_of(fields) else "is not a field"
    yield f"user names {user!r}, which {there}{did_you_mean(str(user), fit)}: allowed are {listing(fit)}"
