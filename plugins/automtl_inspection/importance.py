"""Permutation importance: the drop of a network's score if the values of a field are permuted among rows.

The rows are those of the test, on which nothing was chosen (Breiman, "Random forests", Machine Learning
2001). A permutation pairs the rows at random, and the rows of a pair exchange their values: the estimator
`e_divide` of Fisher, Rudin and Dominici, "All models are wrong, but many are useful", JMLR 2019. Pairs are
independent draws. Their variance gives the standard error, which contains the draws of rows and permutation.

Only the stored column of a field is permuted. All that is computed from it follows: embeddings, bins, and the
aggregates whose key contains the field.

Letters: R rows, an even number, T tasks.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from automtl_core.choices import Architecture
from automtl_core.data.part import Part, some_rows
from automtl_core.data.store import Prepared
from automtl_core.dataset.schema import Schema, Task
from automtl_core.run_dir.facts import Budget, Fact
from automtl_core.run_dir.progress import IMPORTANCE
from automtl_core.space import SearchSpace
from automtl_core.system import seeds
from automtl_core.system.documents import Value
from automtl_core.system.progress import Progress, silent
from automtl_core.tasks.kind import Floats
from automtl_core.training.events import PhaseBegan, phase
from automtl_core.training.significance import SIGNIFICANCE, SMALLEST, half_interval, holm, losses_by_row
from automtl_core.workflow.job import Job
from automtl_core.workflow.stage import OnTestRows, Stage

Predict = Callable[[Part], Floats]
"""Returns the output of a network for R rows, [R, T]."""
Verdict = Literal["matters", "no effect", "unclear"]
"""- matters: the drop is significantly above 0, corrected for the number of all fields and tasks;
- no effect: the whole 95 % interval of the drop is within `MARGIN` of 0 (a test of equivalence);
- unclear: neither, as a rule because there are too few rows.
"""

MARGIN = 0.002
"""Largest drop of AUC or R2, in either direction, that counts as no effect. The standard deviation of the
test AUC over seeds of one model is about as large, so that no decision depends on less."""
SHARE = 0.05
"""Largest share of a time budget, which permutes fewer rows if time is short."""
LEAST = 100
"""Least number of rows of the rarer class, or of all rows without classes, for `no effect`. An effect of rare
values does not widen the interval if no row has them: with 100 rows, values of 3 % of all rows are missed
with a probability of 5 %."""


@dataclass(frozen=True)
class FieldEffect(Value):
    """The effect of one field on the score of one task: its drop if the field is permuted.

    All numbers are None where the score is undefined, such as with rows of one class only.
    """

    measure: str
    """Title of the score, see `TaskKind.evidence`."""
    drop: float | None = None
    """Score minus the score with the permuted field; negative if the permutation improves the score."""
    low: float | None = None
    """Lower end of the 95 % interval of the drop."""
    high: float | None = None
    p: float | None = None
    """One-sided p value of a drop of 0 or less, after Holm's correction for all fields and tasks."""
    verdict: Verdict = "unclear"


@dataclass(frozen=True)
class Importance(Fact):
    """Permutation importance of the fields that the network reads; absent where it was not computed."""

    file = "importance"

    rows: int
    """Number of test rows on which fields were permuted."""
    effects: Mapping[str, Mapping[str, FieldEffect]]
    """Field -> task -> effect."""


class ImportanceStage(Stage):
    """Permutes the fields that the network reads among test rows."""

    def rows(self, prepared: Prepared, job: Job) -> int:
        """Return the number of rows that are predicted for all fields."""
        rows: int = min(job.config.importance.rows, prepared.manifest["rows"]["test"])
        return rows * len(prepared.schema.fields())

    def measure(self, on: OnTestRows) -> Iterator[Importance]:
        """Yield the importance of all fields, unless it is turned off or has no time."""
        schema, seed = on.prepared.schema, on.job.config.seed
        fields, rows = fields_read(on.space, on.run.architecture(), schema), on.job.config.importance.rows
        if budget := on.run.get(Budget):
            affordable = SHARE * budget.seconds / (on.seconds_per_row * (len(fields) + 1))
            rows = min(rows, int(affordable))
        some = sample(on.prepared.part("test"), rows, seed)
        if not len(some):
            return
        with phase(on.listener, PhaseBegan(IMPORTANCE)) as progress:
            effects = importance(on.network.predict_logits, some, schema, fields, seed, progress)
        yield Importance(len(some), effects)


def fields_read(space: SearchSpace, architecture: Architecture, schema: Schema) -> list[str]:
    """Return the fields of data that a network reads, alone or in an aggregate, and the histories."""
    unread = space.sharing(architecture).unread()
    read = {name.partition(":")[0] for name in space.schema.history_inputs() if name not in unread}
    return [
        *(field for field in schema.fields() if field not in unread),
        *(history.name for history in schema.histories if history.name in read),
    ]


def sample(part: Part, most: int, seed: int) -> Part:
    """Return an even number of rows of a part, at most `most`, as a random sample in memory.

    The sample has whole lists; the last one may lack a row.

    Args:
        part: Such as the test part.
        most: Largest number of rows.
        seed: Seed of the run.

    """
    count = min(len(part), most) // 2 * 2
    places = some_rows(len(part), count, seeds.generator(seed, "importance"), part.lists)
    return part.some(places[: len(places) // 2 * 2])


def importance(
    predict: Predict,
    part: Part,
    schema: Schema,
    fields: Sequence[str],
    seed: int,
    progress: Progress = silent,
) -> dict[str, dict[str, FieldEffect]]:
    """Return the effect of each field on each task.

    Args:
        predict: The network.
        part: R rows with labels, at least two, on which nothing was chosen; see `sample`.
        schema: The schema of the rows.
        fields: Names of the fields to permute; no aggregates, which follow from their fields.
        seed: Seed of the run. The permutation of a field depends on it and on the name of the field only.
        progress: Receives the finished share.

    """
    intact = _losses(schema.tasks, part, predict(part))
    found: dict[tuple[str, str], FieldEffect] = {}
    for done, field in enumerate(fields):
        progress("permute fields", done / len(fields))
        a, b = seeds.generator(seed, "importance", field).permutation(len(part)).reshape(2, -1)
        partners = np.empty(len(part), np.int64)  # the other row of the pair of each row
        partners[a], partners[b] = b, a
        losses = _losses(schema.tasks, part, predict(permuted(part, schema, field, partners)))
        for t, task in enumerate(schema.tasks):
            found[field, task.name] = _effect(task, part, t, losses[t] - intact[t], partners)
    return _corrected(found)


def permuted(part: Part, schema: Schema, field: str, order: NDArray[np.int64]) -> Part:
    """Return the rows with the values of one field, or one history, in another order.

    A list of values moves as a whole. Events move with their ages; the values that they are matched with are
    those of the row, or follow if their field moves.

    Args:
        part: R rows.
        schema: The schema of the rows.
        field: Name of the field or history.
        order: Row whose value each row receives, [R].

    """
    sparse = [one.name for one in schema.sparse]
    if field in sparse:
        place = sparse.index(field)
        shared = map(schema.shared_fields, schema.histories)
        histories = tuple(
            replace(held, values=_moved(held.values, places.index(place), order)) if place in places else held
            for places, held in zip(shared, part.histories, strict=True)
        )
        coded = {
            at: one._replace(codes=one.codes[order]) if at == place else one for at, one in part.coded.items()
        }
        return replace(part, ids=_moved(part.ids, place, order), histories=histories, coded=coded)
    names = [one.name for one in schema.histories]
    if field in names:
        moved = [
            replace(held, spans=held.spans[order], times=held.times[order]) if name == field else held
            for name, held in zip(names, part.histories, strict=True)
        ]
        return replace(part, histories=tuple(moved))
    return replace(part, dense=_moved(part.dense, [one.name for one in schema.dense].index(field), order))


def _moved(array: NDArray[Any], column: int, order: NDArray[np.int64]) -> NDArray[Any]:
    moved = np.array(array)
    moved[:, column] = array[order, column]
    return moved


def _losses(tasks: Sequence[Task], part: Part, predicted: NDArray[Any]) -> list[Floats]:
    """Return for each task the contribution of each row to 1 - score, [R]; NaN where a row does not count."""
    losses = []
    for t, task in enumerate(tasks):
        labels, output = part.labels[:, t], predicted[:, t].astype(np.float64)
        losses.append(by_row := np.full(len(part), np.nan))
        if found := losses_by_row(task, labels, [output], part.groups, least=2):
            by_row[~np.isnan(labels)] = found[0]
    return losses


def _effect(task: Task, part: Part, column: int, by_row: Floats, partners: NDArray[np.int64]) -> FieldEffect:
    """Return the effect on one task, with an uncorrected p value and without a verdict by it.

    Args:
        task: The task.
        part: R rows.
        column: Place of the task.
        by_row: Loss with the permuted field minus the loss without, [R]; NaN where a row does not count.
        partners: The other row of the pair of each row, [R].

    """
    measure = task.type.measure
    known = ~np.isnan(by_row)
    groups = None if part.groups is None else part.groups[known]
    freedom = task.type.effective_rows(part.labels[known, column], groups) - 1
    if freedom < 1:
        return FieldEffect(measure)
    count, drop = int(np.count_nonzero(known)), float(by_row[known].mean())
    apart = np.where(known, by_row - drop, 0.0)
    squares = float(((apart + apart[partners]) ** 2).sum()) / 2  # each pair is there twice
    error = (squares / (count * (count - 1))) ** 0.5
    half = half_interval(error, freedom=freedom)
    low, high = drop - half, drop + half
    p = max(SMALLEST, float(stdtr(freedom, -drop / error))) if error else 1.0
    none = freedom + 1 >= LEAST and low > -MARGIN and high < MARGIN
    return FieldEffect(measure, drop, low, high, p, "no effect" if none else "unclear")


def _corrected(found: Mapping[tuple[str, str], FieldEffect]) -> dict[str, dict[str, FieldEffect]]:
    """Return the effects with corrected p values; a significant drop matters, however small it is."""
    adjusted = holm({key: one.p for key, one in found.items() if one.p is not None})
    effects: dict[str, dict[str, FieldEffect]] = {}
    for (field, task), one in found.items():
        p = adjusted.get((field, task))
        matters = p is not None and p < SIGNIFICANCE
        effects.setdefault(field, {})[task] = replace(one, p=p, verdict="matters" if matters else one.verdict)
    return effects
