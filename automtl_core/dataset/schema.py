"""The schema: fields and tasks of a prepared dataset, as plain values, and the scores of predictions.

Letters: R rows, T tasks, S scores.
"""

import operator
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, Self

import numpy as np

from automtl_core.dataset.declarations import ALL_EVENTS, LATEST, History
from automtl_core.dataset.encodings import PLAIN, Encodings, plain
from automtl_core.dataset.lists import Lists
from automtl_core.errors import ArtifactError, UnknownNameError, UsageError, did_you_mean, listing, one_line
from automtl_core.fields.field import Floats
from automtl_core.system.documents import Value, reader
from automtl_core.tasks.kind import TaskKind
from automtl_core.tasks.kinds import task_kind

FieldForm = Literal["single", "bag"]
"""Whether a row holds one value of a sparse field, or any number of distinct values."""
MATCHES, LAST = "matches", "last-"
"""Parts of `Encodings.history` that are no encoders: matches, and the latest events."""
OPERATIONS: dict[Literal["/", "-", "+"], Any] = {"/": operator.truediv, "-": operator.sub, "+": operator.add}
"""Operations of `Encodings.derived`."""


@dataclass(frozen=True)
class Pretrained:
    """The pretrained vectors of a field."""

    column: str
    """The column whose values have the vectors."""
    width: int
    """Numbers of a vector."""


@dataclass(frozen=True)
class SparseField:
    """A categorical field; ids are in [0, size), and id 0 is that of every unseen value."""

    name: str
    size: int
    kind: FieldForm = "single"
    """Form of the field; the embeddings of the values in a bag are averaged."""
    vectors: Pretrained | None = None
    """Pretrained vectors of its ids in place of learned embeddings; `size` counts them, plus one."""


@dataclass(frozen=True)
class DenseField:
    """A numeric field."""

    name: str
    offset: float = 0.0
    width: float = 1.0
    """A number of the table, or its logarithm, is the encoded one times `width`, plus `offset`."""


@dataclass(frozen=True)
class Task:
    """A label to predict. Examples without the label do not count for the task."""

    name: str
    after: str | None = None
    """The task of the action that precedes this one, such as click for purchase."""
    kind: str = "binary"
    """Name of the kind of task, see `type`."""
    mean: float = 0.0
    """Mean of a standardised label in the training part; 0 for other kinds. Stored labels and outputs of
    networks are (label - mean) / deviation."""
    deviation: float = 1.0
    """Standard deviation of a standardised label in the training part; of a scaled one the mean of its
    absolute values; 1 for other kinds. Predictions are multiplied by it."""
    given: str | None = None
    """The task whose label must be 1 for this one to count."""
    weight: str | None = None
    """Column of rows with their weights for the task; None if all are 1."""

    @property
    def type(self) -> TaskKind:
        """The kind of task: its loss, metrics and labels."""
        return task_kind(self.kind)

    def predictions(self, logits: Floats) -> Floats:
        """Return predictions in units of the label for logits of any shape."""
        return self.type.predictions(logits) * self.deviation + self.mean


@dataclass(frozen=True)
class Schema:
    """Fields and tasks in the order of the columns of a batch.

    N = len(sparse), M = len(dense), T = len(tasks).
    """

    sparse: tuple[SparseField, ...]
    dense: tuple[DenseField, ...]
    tasks: tuple[Task, ...]
    encodings: Encodings = field(default_factory=plain)
    """Feature encodings of the fields, without `auto`."""
    histories: tuple[History, ...] = ()
    """Histories of the rows."""
    lists: Lists | None = None
    """The rule by which rows form lists; None without lists."""

    def __post_init__(self) -> None:
        names = self.fields()
        for kind, group in (("field", names), ("task", [t.name for t in self.tasks])):
            if twice := sorted({name for name in group if group.count(name) > 1}):
                raise ArtifactError(f"a schema holds the {kind} {twice[0]!r} twice", "give each its own name")
        for task in self.tasks:
            try:
                task_kind(task.kind)
            except UnknownNameError as error:
                raise ArtifactError(f"task {task.name!r}: {error}", error.fix) from None
        if not names or not self.tasks:
            fix = "name fields and labels; for a table, `automtl data init FILE` writes these settings"
            raise ArtifactError("a schema needs at least one field and one task", fix)
        self.funnel()

    def fields(self) -> list[str]:
        """Return the names of the fields, the categorical ones first."""
        return [f.name for f in self.sparse] + [f.name for f in self.dense]

    @property
    def weights(self) -> tuple[str, ...]:
        """The columns of rows with their weights."""
        return tuple(dict.fromkeys(task.weight for task in self.tasks if task.weight is not None))

    def readable(self) -> list[str]:
        """Return the names that networks may read: fields, aggregates and inputs from histories."""
        keys = (one.name for one in self.encodings.keys)
        return [*self.fields(), *map(" ".join, self.encodings.pairs), *keys, *self.history_inputs()]

    @property
    def numbers(self) -> list[str]:
        """The names of the numeric fields, then those of derived numbers."""
        return [*(field.name for field in self.dense), *map(" ".join, self.encodings.pairs)]

    def unscaled(self, dense: Any) -> dict[str, Any]:
        """Return the numbers of dense fields by name, [R] each, from encoded ones [R, M or more]."""
        return {field.name: dense[:, n] * field.width + field.offset for n, field in enumerate(self.dense)}

    def derived(self, dense: Any) -> list[Any]:
        """Return derived numbers as `unscaled`, infinite or NaN where they are not known."""
        found = self.unscaled(dense)
        return [OPERATIONS[sign](found[one], found[other]) for one, sign, other in self.encodings.pairs]

    @property
    def n_numbers(self) -> int:
        """Numbers of an example in `Features.dense`: dense fields, then those of all aggregates."""
        return len(self.dense) + sum(self.aggregates().values())

    def encoded(self, encodings: Encodings) -> Self:
        """Return the schema with other encodings.

        Raises:
            UsageError: an aggregate or a derived number names something other than fields, or a field has
                the name of an aggregate, of a derived number, of a history or of an input from it.

        """
        found = replace(self, encodings=encodings)
        found._check_names()
        names = [*found.readable(), *(one.name for one in found.as_read().histories)]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            what = f"{twice[0]!r} names two of the fields, aggregates, histories and inputs from these"
            raise UsageError(what, "give the field another name, or leave the aggregate or the history out")
        return found

    def as_read(self) -> Self:
        """Return the schema of networks: without histories if the encodings read none."""
        return self if self.encodings.of_histories else replace(self, histories=())

    def aggregates(self) -> dict[str, int]:
        """Return the aggregates: name -> how many numbers it tells: a mean of each label, and a count."""
        return {one.name: len(self.tasks) + 1 for one in self.encodings.keys}

    def history_inputs(self) -> list[str]:
        """Return the names of the inputs from histories, such as `past:item_id` and `past:last1`."""
        return [
            f"{history.name}:{one}"
            for history in self.histories
            for part in self.encodings.of_histories
            for one in inputs_of_part(part, history)
        ]

    def shared_fields(self, history: History) -> list[int]:
        """Return the indices of the sparse fields that the events of a history have too.

        Fields with the vectors of their values follow.
        """
        names = [field.name for field in self.sparse]
        vectors = [n for n, f in enumerate(self.sparse) if f.vectors and f.vectors.column in history.shared]
        return [*(names.index(name) for name in history.shared), *vectors]

    def _check_names(self) -> None:
        """Check the names in aggregates and derived numbers. Raises as `encoded` does."""
        bags, numbers = [f.name for f in self.sparse if f.kind == "bag"], [f.name for f in self.dense]
        named: list[tuple[str, tuple[str, ...], list[str]]]
        named = [(f"derived: {' '.join(pair)}", pair[::2], numbers) for pair in self.encodings.pairs]
        named += [(f"aggregates: {one.name}", one.key, self.fields()) for one in self.encodings.keys]
        for which, names, known in named:
            if wrong := [name for name in names if name not in known or names.count(name) > 1]:
                raise UsageError(
                    f"features.{which}: {wrong[0]!r} is not a field, or is there twice"
                    f"{did_you_mean(wrong[0], known)}",
                    f"name {'numeric fields' if known is numbers else 'fields'}: {listing(known)}",
                )
        for one in self.encodings.keys:
            if len(several := [name for name in one.key if name in bags]) > 1:
                what = f"features.aggregates: {one.name} has two multi-valued fields: {listing(several)}"
                raise UsageError(what, "name at most one of them in a key")

    def funnel(self) -> tuple[Task, ...]:
        """Return the tasks in an order with each task after the task that it follows.

        Raises:
            ArtifactError: a task follows one that does not exist, or itself.

        """
        ordered: list[Task] = []
        while len(ordered) < len(self.tasks):
            placed = {None, *(task.name for task in ordered)}
            free = [task for task in self.tasks if task.after in placed and task not in ordered]
            if not free:
                stuck = next(task for task in self.tasks if task not in ordered)
                raise ArtifactError(
                    f"task {stuck.name!r} comes after {stuck.after!r}, which is not a task or comes after it",
                    f"name one of the tasks: {listing(task.name for task in self.tasks)}",
                )
            ordered += free
        return tuple(ordered)

    def to_json(self) -> dict[str, Any]:
        """Return plain lists and numbers."""
        return {
            "sparse": [{k: v for k, v in asdict(f).items() if v is not None} for f in self.sparse],
            "dense": [asdict(field) for field in self.dense],
            "tasks": [asdict(task) for task in self.tasks],
            "encodings": self.encodings.model_dump(mode="json"),
            "histories": [history.to_json() for history in self.histories],
            "lists": self.lists and self.lists.to_json(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return the schema of a value of `to_json`."""
        try:
            histories = [History.from_json(history) for history in value.get("histories", ())]
            encodings = {**PLAIN, **value.get("encodings", {})}
            given = {**value, "histories": histories, "encodings": encodings}
            found: Self = reader(cls).validate_python(given)  # type: ignore[arg-type]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ArtifactError(f"not a schema: {one_line(error)}", "prepare the dataset again") from None
        return found


def inputs_of_part(part: str, history: History) -> list[str]:
    """Return the inputs of a part of `Encodings.history`: of `last-3` they are last1, last2 and last3."""
    if part == MATCHES:
        return [*history.shared, ALL_EVENTS]
    if count := last_of(part):
        return [f"{LATEST}{k + 1}" for k in range(count)]
    return [part]


def is_encoder(part: str) -> bool:
    """Return whether a part of `Encodings.history` is the name of a history encoder."""
    return part != MATCHES and not last_of(part)


def last_of(part: str) -> int:
    """Return K for `last-K`, 0 for other parts."""
    return int(part.removeprefix(LAST)) if part.startswith(LAST) and part[len(LAST) :].isdigit() else 0


@dataclass(frozen=True)
class Score(Value):
    """A column of predictions: the product of the predictions of some tasks."""

    name: str
    meaning: str
    tasks: tuple[int, ...]
    """Indices of the tasks."""


def scores_of(tasks: Sequence[Task]) -> list[Score]:
    """Return the scores of tasks, in their order.

    A task that counts only if another label is 1 has a conditional probability, `buy_given_click`, and the
    probability of the event, `click_and_buy`. Names that are taken end in an underscore.
    """
    names, places = {task.name for task in tasks}, {task.name: place for place, task in enumerate(tasks)}
    found: list[Score] = []
    for place, task in enumerate(tasks):
        what = task.type.meaning.format(task.name)
        before = _before(tasks, places, task)
        if not before:
            found.append(Score(task.name, what, (place,)))
            continue
        meaning = f"{what}, in rows where {task.given} is 1"
        found.append(Score(_free(f"{task.name}_given_{task.given}", names), meaning, (place,)))
        if all(other.type.probability for other in (task, *(tasks[place] for place in before))):
            events = [*(tasks[one].name for one in before), task.name]
            every = "all" if events[2:] else "both"
            meaning = f"probability that {', '.join(events[:-1])} and {events[-1]} are {every} 1"
            found.append(Score(_free("_and_".join(events), names), meaning, (*before, place)))
    return found


def products(scores: Sequence[Score], predictions: Floats) -> Floats:
    """Return the scores of predictions: [R, T] -> [R, S]."""
    return np.stack([predictions[:, list(score.tasks)].prod(axis=1) for score in scores], axis=1)


def _before(tasks: Sequence[Task], places: Mapping[str, int], task: Task) -> tuple[int, ...]:
    """Return the tasks whose labels must be 1 for a task to count, the first one first."""
    if task.given is None or task.given not in places:
        return ()
    place = places[task.given]
    return (*_before(tasks, places, tasks[place]), place)


def _free(name: str, names: set[str]) -> str:
    """Return a name that is not among `names`, and add it to them."""
    while name in names:
        name += "_"
    names.add(name)
    return name
