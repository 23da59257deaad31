"""Single predictors of a task: fields and earlier events. A near-perfect one suggests a leak.

Each predictor is reduced to codes. The prediction for a code is the mean label of the training rows with that
code, and it is scored on validation rows. Letters: R rows, T tasks, C codes of a predictor.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

import automtl_core
from automtl_core.data.part import Part, chunks, held
from automtl_core.data.store import Prepared
from automtl_core.dataset.schema import Task
from automtl_core.errors import ArtifactError, StorageError
from automtl_core.system.documents import Value, read_signed, write_signed
from automtl_inspection.leaks.histories import history_warnings
from automtl_inspection.leaks.predictors import Kind, Predictor, event_predictors, predictors

Floats = NDArray[np.float64]
By = Literal["value", "presence"]
"""Whether the value of a predictor is tested, or its presence."""

SCORES, FORMAT = "single-fields.json", 3
"""File with the scores in the folder of prepared data, and its format version."""
CELLS = 1 << 22
"""Largest product of codes and tasks in one pass over the rows; a larger predictor has its own pass."""


@dataclass(frozen=True)
class SingleFieldScore(Value):
    """The score of a single predictor of a task."""

    name: str
    """Name of the field, or the event in words."""
    kind: Kind
    by: By
    suspicious: bool
    """Whether it is suspected to be a leak."""
    measure: Literal["AUC", "R2"]
    score: float


class Tally(NamedTuple):
    """Sums of labels by code, [C], or by task and code, [T, C]."""

    rows: NDArray[Any]
    """Number of rows."""
    total: Floats
    """Sum of the labels."""
    squares: Floats
    """Sum of the squares of the labels, over all codes."""

    def of(self, tasks: int | slice) -> "Tally":
        """Return the sums of one task, or of some."""
        return Tally(*(sums[tasks] for sums in self))


def alone(
    prepared: Prepared, kinds: Sequence[Kind] = ("field", "event")
) -> dict[str, tuple[SingleFieldScore, ...]]:
    """Return the best predictors of each task, and all suspicious ones, the best first.

    The score is AUC or R2 on validation rows. For a sparse field, the presence of any value is scored too, on
    training rows, and the higher score counts: a field that is filled in after the event may have a different
    value in each row.

    Earlier events are read for a sample of rows. The scores are kept in the folder of the data, since they
    take a pass over all rows.
    """
    scores = _kept(prepared)
    return {task: tuple(_best(of_task, kinds)) for task, of_task in scores.items()}


def _best(scores: Iterable[SingleFieldScore], kinds: Sequence[Kind]) -> list[SingleFieldScore]:
    best = sorted((score for score in scores if score.kind in kinds), key=lambda score: -score.score)
    return [score for place, score in enumerate(best) if place < 3 or score.suspicious]


def _kept(prepared: Prepared) -> Mapping[str, Sequence[SingleFieldScore]]:
    """Return the best scores of each kind, from the folder of the data if they were computed before."""
    path, version = prepared.path / SCORES, automtl_core.__version__
    if path.exists():
        with suppress(ArtifactError):  # a damaged file, or one of another version, is replaced
            content = read_signed(path, FORMAT, "remove it")
            if content["automtl"] == version:
                return {
                    task: [SingleFieldScore.from_json(score, path) for score in scores]
                    for task, scores in content["scores"].items()
                }
    scores = _scores_of_all(prepared)
    plain = {task: [score.to_json() for score in of_task] for task, of_task in scores.items()}
    with suppress(StorageError):  # such as in a read-only folder
        write_signed(path, FORMAT, {"automtl": version, "scores": plain})
    return scores


def _scores_of_all(prepared: Prepared) -> dict[str, list[SingleFieldScore]]:
    schema, train, validation = prepared.schema, prepared.part("train"), prepared.part("validation")
    found: dict[str, list[SingleFieldScore]] = {task.name: [] for task in schema.tasks}
    events = event_predictors(schema, train, validation)
    for sources, learned, judged in ((predictors(schema, train), train, validation), events):
        for group in _groups(sources, len(schema.tasks)):
            sums = zip(group, _tallies(learned, group), _tallies(judged, group), strict=True)
            for predictor, seen, other in sums:
                step = max(1, CELLS // predictor.size)
                for some in (slice(start, start + step) for start in range(0, len(schema.tasks), step)):
                    for task, score in _scored(predictor, schema.tasks[some], seen.of(some), other.of(some)):
                        found[task].append(score)
    return {task: [one for kind in get_args(Kind) for one in _best(of, [kind])] for task, of in found.items()}


def warnings(prepared: Prepared, scores: Mapping[str, Iterable[SingleFieldScore]]) -> Iterator[str]:
    """Yield a warning for each suspected leak, and each history that does not fit the rows.

    Args:
        prepared: The data.
        scores: Task -> result of `alone`. Of events, the best predictor of a task is named.

    """
    for task, best in scores.items():
        suspects = [one for one in best if one.suspicious]
        events = [one for one in suspects if one.kind == "event"]
        for one in (one for one in suspects if one not in events[1:]):
            how = f"the presence of {one.name}" if one.by == "presence" else one.name
            doubt = "is it known only after the event?"
            if one.kind == "event":
                doubt = (
                    "does a row read its own event? Compare the unit, the zone and the meaning of the times "
                    "of rows and events; dataset.history_delay leaves out the latest events"
                )
            yield f"{how} alone predicts {task} ({one.measure} {one.score:.3f}): {doubt}"
    yield from history_warnings(prepared)


def predictions(prepared: Prepared, field: str, tasks: Iterable[int], part: str = "test") -> Iterator[Floats]:
    """Yield the prediction of each task by one field alone for the rows of a part, [R]: see the module.

    Args:
        prepared: The data.
        field: Name of the field; one pass over the training rows serves all tasks.
        tasks: Places of the tasks in the schema.
        part: Name of the part.

    """
    train = prepared.part("train")
    found = predictors(prepared.schema, train)
    predictor = next(one for one in found if (one.name, one.kind) == (field, "field"))
    (seen,) = _tallies(train, [predictor])
    for task in tasks:
        expected = _expected_by(predictor, seen.of(task))
        yield np.concatenate([expected[predictor.codes(chunk)] for chunk in chunks(prepared.part(part))])


def _groups(found: Iterable[Predictor], tasks: int) -> Iterator[list[Predictor]]:
    """Yield groups of predictors that are counted in one pass."""
    group: list[Predictor] = []
    for predictor in found:
        if group and (sum(one.size for one in group) + predictor.size) * tasks > CELLS:
            yield group
            group = []
        group.append(predictor)
    yield group


def _tallies(part: Part, group: Sequence[Predictor]) -> list[Tally]:
    """Return the sums of each predictor, [T, C]."""
    tasks = part.labels.shape[1]
    squares = np.zeros(tasks)
    shapes = [(tasks, one.size) for one in group]
    found = [Tally(np.zeros(shape, np.int32), np.zeros(shape), squares) for shape in shapes]
    for chunk in chunks(part):
        labels = np.asarray(chunk.labels, np.float64).T.copy()  # [T, R]
        known: NDArray[np.bool_] = ~np.isnan(labels)
        squares += [column[mine] @ column[mine] for column, mine in zip(labels, known, strict=True)]
        whole = np.asarray(known.all(axis=1))
        for predictor, tally in zip(group, found, strict=True):
            codes = predictor.codes(chunk)
            shared = np.bincount(codes, minlength=predictor.size)  # of all tasks without missing labels
            for t in range(tasks):
                mine = slice(None) if whole[t] else known[t]
                tally.rows[t] += shared if whole[t] else np.bincount(codes[mine], minlength=predictor.size)
                tally.total[t] += np.bincount(codes[mine], labels[t, mine], predictor.size)
    return found


def _scored(
    predictor: Predictor, tasks: Sequence[Task], seen: Tally, judged: Tally
) -> Iterator[tuple[str, SingleFieldScore]]:
    """Yield some tasks with enough rows, and their score."""
    scores: dict[By, Floats] = {"value": _scores(tasks, _expected_by(predictor, seen), judged)}
    if (blank := predictor.blank) is not None:
        pairs = [np.stack([of := sums[:, blank].sum(1), sums.sum(1) - of], axis=1) for sums in seen[:2]]
        filled = Tally(pairs[0], pairs[1], seen.squares)
        scores["presence"] = _scores(tasks, _expected(filled), filled)
        scores["presence"][(filled.rows == 0).any(1)] = np.nan
    best = np.fmax.reduce(list(scores.values()))
    for place in np.flatnonzero(~np.isnan(best)).tolist():
        task, score = tasks[place], float(best[place])
        by = next(by for by, of_tasks in scores.items() if of_tasks[place] == score)
        measure: Literal["AUC", "R2"] = "AUC" if task.type.two_classes else "R2"
        suspicious = score >= (0.95 if measure == "AUC" else 0.9)
        yield task.name, SingleFieldScore(predictor.name, predictor.kind, by, suspicious, measure, score)


def _expected(seen: Tally) -> Floats:
    """Return the mean label of each code, smoothed by one row with the overall mean."""
    mean = seen.total.sum(-1, keepdims=True) / np.maximum(seen.rows.sum(-1, keepdims=True), 1)
    return np.asarray((seen.total + mean) / (seen.rows + 1))


def _expected_by(predictor: Predictor, seen: Tally) -> Floats:
    """Return the prediction for each code of a predictor.

    That of a bag is the mean prediction of its values; of an empty bag, the mean label of such bags.
    """
    if (bags := predictor.bags) is None:
        return _expected(seen)
    if seen.rows.ndim == 2:
        return np.stack([_expected_by(predictor, seen.of(t)) for t in range(len(seen.rows))])
    of_values = Tally(np.zeros(predictor.values), np.zeros(predictor.values), seen.squares)
    for owners, ids in held(bags):
        np.add.at(of_values.rows, ids, seen.rows[owners])
        np.add.at(of_values.total, ids, seen.total[owners])
    means, total = _expected(of_values), np.zeros(len(seen.rows))
    for owners, ids in held(bags):
        np.add.at(total, owners, means[ids])
    lengths = np.diff(bags.starts)
    return np.where(lengths > 0, total / np.maximum(lengths, 1), _expected(seen))


def _scores(tasks: Sequence[Task], expected: Floats, judged: Tally) -> Floats:
    """Return AUC or R2 of the prediction for each code, by task: [T, C] -> [T].

    NaN with fewer than ten rows of either class, or of a regression with fewer than ten rows.
    """
    rows, total, count, positives = judged.rows, judged.total, judged.rows.sum(1), judged.total.sum(1)
    order = np.argsort(expected, axis=1)
    value, good, bad = (np.take_along_axis(one, order, 1) for one in (expected, total, rows - total))
    places, new = np.arange(value.shape[1]), np.ones(value.shape, bool)
    new[:, 1:] = value[:, 1:] != value[:, :-1]
    first = np.maximum.accumulate(np.where(new, places, 0), axis=1)  # of the codes with an equal prediction
    last = np.minimum.accumulate(np.where(np.roll(new, -1, 1), places, len(places))[:, ::-1], axis=1)[:, ::-1]
    upto = np.cumsum(bad, axis=1)
    below = np.take_along_axis(upto - bad, first, 1) + np.take_along_axis(upto, last, 1)
    two_classes = np.array([task.type.two_classes for task in tasks])
    with np.errstate(divide="ignore", invalid="ignore"):
        auc = (good * below).sum(1) / 2 / (positives * (count - positives))
        spread = judged.squares - positives**2 / np.maximum(count, 1)
        left = judged.squares - 2 * (expected * total).sum(1) + (expected**2 * rows).sum(1)
        r2 = np.where(spread > 0, 1 - left / spread, np.nan)
    enough = np.where(two_classes, np.minimum(positives, count - positives), count) >= 10
    return np.where(enough, np.where(two_classes, auc, r2), np.nan)
