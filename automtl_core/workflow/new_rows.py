"""New examples for a finished run: predictions in a file, or a test with later labels."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automtl_core.data.encoder import Encoder
from automtl_core.data.frames import NewExamples, NewRows
from automtl_core.data.new_rows import check_output, new_rows, predictions_file
from automtl_core.data.part import Part
from automtl_core.dataset.declarations import History
from automtl_core.dataset.recorded import RecordedDataset
from automtl_core.dataset.schema import scores_of
from automtl_core.errors import DataError, UsageError, listing
from automtl_core.fields.encode import texts
from automtl_core.fields.numeric import Scale
from automtl_core.fields.sparse import Vocabulary
from automtl_core.raw.load import Rejected
from automtl_core.run_dir.facts import SEEN, Data, Refreshed
from automtl_core.run_dir.progress import PREPARATION
from automtl_core.run_dir.run import Run
from automtl_core.system.documents import Value
from automtl_core.tasks.kind import Groups
from automtl_core.training.batches import ahead
from automtl_core.training.events import Listener, Noted, ProgressMade, Warned
from automtl_core.training.metric import Metric
from automtl_core.training.metrics import NONE, Metrics, by_unit, metrics_of
from automtl_core.workflow.trained import Trained


@dataclass(frozen=True)
class Predicted(Value):
    """Predictions of new examples, in a file."""

    run: str
    output: str
    rows: int
    rejected: int
    """Number of skipped faulty rows."""
    skipped: tuple[str, ...]
    """Places and faults of the skipped rows."""
    tasks: tuple[str, ...]
    scores: Mapping[str, str]
    """Column of the predictions -> its meaning."""


@dataclass(frozen=True)
class Tested(Value):
    """The test of a finished run's network on new examples."""

    run: Path
    test: Metrics
    rows: int
    skipped: tuple[str, ...]
    """Places and faults of the skipped rows."""
    rejected: int
    """Number of skipped faulty rows."""
    min_positives: int
    """Rows of either class that a task needs to count in the mean over tasks; from the recipe."""


def passed_on(listener: Listener) -> dict[str, Any]:
    """Return the options of `NewExamples` that send progress and sentences to a listener."""
    return {
        "progress": lambda stage, share: listener(ProgressMade(PREPARATION, stage, share)),
        "note": lambda sentence, is_warning: listener(Warned(sentence) if is_warning else Noted(sentence)),
    }


def check_log(histories: Sequence[History], log: object) -> None:
    """Check that events are given only to a network that reads them.

    Raises:
        UsageError: they are given to another one.

    """
    if log is not None and not histories:
        raise UsageError("the network reads no history", "leave out --history")
    if log is not None and any(history.lists for history in histories):
        names = listing(name for history in histories for name in history.lists.values())
        raise UsageError(f"the rows hold their events as lists: {names}", "leave out --history")


def write_predictions(made: Trained, reading: NewExamples, output: Path) -> tuple[int, Sequence[Rejected]]:
    """Write predictions for new examples to a file, in order; return their number, and the skipped rows.

    Raises:
        InputMissingError: there is no such file.
        DataError: a file is not as declared, or there are too many faulty rows.
        UsageError: the file cannot be written, or a column to keep does not exist.

    """
    check_output(output)
    names = [score.name for score in scores_of(made.tasks)]
    with new_rows(replace(reading, unread=made.unread)) as rows:
        with predictions_file(rows, output, names) as add:
            for part in encoded(made, rows):
                add(made.predict_scores(part))
        return len(rows), rows.rejected


def predicted(made: Trained, reading: NewExamples) -> tuple[np.ndarray, Sequence[Rejected]]:
    """Return the scores of new examples, [R, S], in order, and the skipped rows; raises as `new_rows`."""
    with new_rows(replace(reading, unread=made.unread)) as rows:
        found = [made.predict_scores(part) for part in encoded(made, rows)]
        none = np.empty((0, len(scores_of(made.tasks))))
        return np.concatenate([none, *found]), rows.rejected


def outputs(made: Trained, reading: NewExamples) -> dict[str, np.ndarray]:
    """Return the outputs of a network beside its predictions by name, [R, ...] each; raises as `new_rows`."""
    with new_rows(replace(reading, unread=made.unread)) as rows:
        parts = [{name: made.output(name, p) for name in made.outputs()} for p in encoded(made, rows)]
        return {name: np.concatenate([part[name] for part in parts]) for name in (parts or [{}])[0]}


New = Callable[[NewRows], NDArray[np.bool_]]
"""Function that returns which rows count as new, [R]."""


class Answers(NamedTuple):
    """The labels of new rows, and what a network says."""

    labels: NDArray[np.float32]
    """As stored, [R, T], NaN where a row lacks the label."""
    logits: NDArray[Any]
    """Calibrated output of the network, [R, T]."""
    users: Groups
    """Number of the user of each row, 0 for none, [R]; None without a user field."""
    lists: Groups
    """Number of the list of each row, 0 for none, [R]; None without lists."""
    new: NDArray[np.bool_]
    """Whether each row counts as new, [R]."""
    rejected: Sequence[Rejected]
    """The skipped rows."""

    def some(self, places: NDArray[np.bool_]) -> "Answers":
        """Return the answers about some rows."""
        arrays: dict[str, Any] = {n: of for n, of in self._asdict().items() if isinstance(of, np.ndarray)}
        return self._replace(**{name: of[places] for name, of in arrays.items()})

    @property
    def groups(self) -> Groups:
        """Numbers of the rows that are ranked against each other: lists, or else users."""
        return self.users if self.lists is None else self.lists


def answers(made: Trained, reading: NewExamples, new: New | None = None) -> Answers:
    """Return the labels of new rows, and the output of a network for them.

    The values of the user field are compared as text, so that users without training rows are told apart.

    Args:
        made: The network.
        reading: The rows.
        new: Tells which rows count as new; None for all.

    Raises:
        DataError: no row is valid, or as `new_rows` or `new` raises it.

    """
    unread = [name for name in made.unread if name != reading.dataset.user]  # users are told apart
    with new_rows(replace(reading, labelled=True, unread=unread, identified=new is not None)) as rows:
        if not len(rows):
            raise DataError("the new rows have no valid row to test", "give at least one valid row")
        counted = np.ones(len(rows), bool) if new is None else new(rows)
        parts = [(part, made.predict_logits(part)) for part in encoded(made, rows)]
        labels, logits = np.concatenate([p.labels for p, _ in parts]), np.concatenate([z for _, z in parts])
        users = [part.users for part, _ in parts if part.users is not None]
        of_users = np.concatenate(users) if users else None
        return Answers(labels, logits, of_users, rows.lists, counted, rows.rejected)


def measure(
    made: Trained, reading: NewExamples, registered: Mapping[str, Metric] = NONE, new: New | None = None
) -> tuple[Metrics, int, Sequence[Rejected]]:
    """Return the metrics of new labelled rows, the number of rows, and the skipped rows; see `answers`."""
    found = answers(made, reading, new)
    found = found.some(found.new)
    test = metrics_of(made.tasks, found.labels, found.logits, found.groups, registered)
    return by_unit(test, "users" if found.lists is None else "lists"), len(found.labels), found.rejected


def encoded(made: Trained, rows: NewRows) -> Iterator[Part]:
    """Yield the encoded rows, some at a time; labelled rows have their users."""
    done, reading = 0, rows.reading
    unseen = Unseen(made.encoder, made.unread)
    for events in rows.events:
        # Fewer rows without an event may be those of new users.
        reading.note(events.sentence(), len(rows) >= 20 and not len(events.ages))
    if reading.rule is not None and rows.lists is not None and any(events.apart for events in rows.events):
        single = bool((np.bincount(rows.lists)[1:] == 1).any())
        how = "each list begins with its first row here: give the rows of a list together"
        reading.note(f"the log has no rows of lists by {listing(reading.rule.by)}; {how}", single)
    for chunk, part in ahead(rows.parts(made.encoder)):
        unseen.add(chunk, part)
        yield part
        done += len(chunk)
        reading.progress("predict", done / len(rows))
    for sentence in unseen.sentences():
        reading.note(sentence, True)


class Unseen:
    """Watches new rows for fields with a vocabulary, none of whose values is known, and for far numbers.

    A number is far if it lies outside of the range of the training rows by more than its width, as scaled.

    A number "28" is "28.0" in a file that pandas wrote from a column with blanks, and an id may have lost its
    zeros. All values of the field are unseen then, and predictions ignore the field.

    Args:
        encoder: Encoder of the rows.
        unread: Columns that the network does not read.

    """

    def __init__(self, encoder: Encoder, unread: Collection[str]) -> None:
        self._fields: dict[int, tuple[str, Vocabulary]] = {}  # by the place of its ids
        self._counts, self._first = Counter[str](), dict[str, str]()
        for place, sparse in enumerate(encoder.schema.sparse):
            values = encoder.fields[sparse.name]
            [column, *more] = values.reads(sparse.name)
            if isinstance(values, Vocabulary) and not more and column not in unread:
                self._fields[place] = column, values
        self._scales = list[tuple[int, str, Scale]]()
        for place, dense in enumerate(encoder.schema.dense):
            scale = encoder.fields.get(dense.name)
            if isinstance(scale, Scale) and scale.low is not None and dense.name not in unread:
                self._scales.append((place, dense.name, scale))

    def add(self, columns: pd.DataFrame, part: Part) -> None:
        """Look at rows, raw and encoded."""
        self._fields = {place: of for place, of in self._fields.items() if not part.ids[:, place].any()}
        for column, _ in self._fields.values():
            if values := [value for value in texts(columns[column]) if value]:
                self._counts[column] += len(values)
                self._first.setdefault(column, values[0])
        for place, column, scale in self._scales:
            low, high = scale.encode(np.array([scale.low, scale.high]))
            scaled, width = part.dense[:, place], high - low
            far = np.flatnonzero((scaled < low - width) | (scaled > high + width))
            if len(far):
                self._counts[column] += len(far)
                self._first.setdefault(column, str(columns[column].iloc[far[0]]))

    def sentences(self) -> Iterator[str]:
        """Yield a warning for each such field with so many values that it is no chance, and for numbers."""
        for _, column, scale in self._scales:
            if count := self._counts[column]:
                usual = f"{scale.low:g} to {scale.high:g}, the range of the training rows"
                some = f"{count:,}, such as {self._first[column]}"
                yield f"{column}: rows with a number far outside of {usual}: {some}"
        for column, vocabulary in self._fields.values():
            if (count := self._counts[column]) >= 100 and (known := vocabulary.values):
                yield (
                    f"{column}: none of the {count:,} values occurs in the training rows; they may "
                    f"be written otherwise: {self._first[column]!r} here, {known[0]!r} there"
                )


def time_column(run: Run, reading: NewExamples) -> str | None:
    """Return the column with the times of new rows; None if the run is not split by time."""
    return reading.moment if run.read(Data).times else None


def unseen(run: Run, rows: NewRows) -> NDArray[np.bool_]:
    """Return whether a run has not seen rows, [R]: in training, in a choice or in its aggregates.

    With the times of rows, those up to the newest row that it has seen are left out too. A sentence names the
    number of rows that are left out, or says that it cannot be told.

    Raises:
        DataError: none is left, or times are in another unit than those of its rows.

    """
    if rows.times is not None:
        times, refreshed = run.read(Data).times, run.get(Refreshed)
        after = [refreshed.newest] if refreshed and refreshed.newest is not None else []
        newest = max([times["validation"][1], *after])
        return rows.later_than(newest, times["train"][0], f"the newest row that {run.path} has seen")
    return not_among(run, rows)


def not_among(run: Run, rows: NewRows, parts: Sequence[str] = (*SEEN, "refresh")) -> NDArray[np.bool_]:
    """Return whether rows are not among those of parts of a run, [R]; raises as `unseen` does."""
    known = run.rows(*parts)
    if known is None or isinstance(rows.reading.dataset, RecordedDataset):
        why = "the run is of an earlier version" if known is None else "the plugin of its dataset is missing"
        rows.reading.note(f"whether {run.path} has seen the rows cannot be told: {why}", True)
        return np.ones(len(rows), bool)
    return rows.beyond(known, str(run.path))
