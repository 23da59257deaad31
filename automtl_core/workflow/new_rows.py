"""New examples for a finished run: predictions in a file, or a test with later labels."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from automtl_core.data.encoder import Column
from automtl_core.data.frames import FrameRows, Reading, frame_rows
from automtl_core.data.new_rows import NewRows, check_output, new_rows
from automtl_core.data.part import Part
from automtl_core.data.raw.load import Rejected
from automtl_core.dataset.dataset import MOST_BAD_ROWS
from automtl_core.dataset.history import History
from automtl_core.dataset.scores import scores_of
from automtl_core.errors import DataError, UsageError, did_you_mean, listing
from automtl_core.fields.encode import texts
from automtl_core.training.measuring import NONE, metrics_of
from automtl_core.training.metric import Metric
from automtl_core.training.metrics import Metrics
from automtl_core.workflow.trained import Trained
from automtl_core.workflow.unseen import Unseen

TREATMENTS = ("fail", "skip")
"""Treatments of faulty rows."""
SEVERAL = 20
"""Number of rows from which it is strange that none has an event; fewer may be those of new users."""
CHUNK = 1 << 14
"""Approximate number of rows that are encoded together, in whole batches."""


def skippable(bad_rows: str | None, most: int | None) -> int | None:
    """Return the largest number of faulty rows to skip; None if a faulty row is an error.

    Args:
        bad_rows: `fail` or `skip`; None is `fail`, so that by default each row has a prediction.
        most: Largest number with `skip`; None for the default.

    Raises:
        UsageError: the treatment does not exist, or a number is given for another one than `skip`.

    """
    if bad_rows not in (None, *TREATMENTS):
        near = did_you_mean(bad_rows, TREATMENTS)
        raise UsageError(f"{bad_rows!r} is not a treatment of faulty rows{near}", "use fail or skip")
    if bad_rows == "skip":
        return MOST_BAD_ROWS if most is None else most
    if most is not None:
        fix = "set the treatment of bad rows to skip, or leave the number out"
        raise UsageError("a maximum number of bad rows has no effect without skip", fix)
    return None


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


def write_predictions(
    made: Trained, reading: Reading, output: Path, keep: Sequence[str] = ()
) -> tuple[int, Sequence[Rejected]]:
    """Write predictions for new examples to a file, in order; return their number, and the skipped rows.

    Raises:
        InputMissingError: there is no such file.
        DataError: a file is not as declared, or there are too many faulty rows.
        UsageError: the file cannot be written, or a column to keep does not exist.

    """
    check_output(output)
    names = [score.name for score in scores_of(made.tasks)]
    with new_rows(reading, False, made.unread, keep) as rows, rows.output(output, names, keep) as out:
        for part in _encoded(made, rows, reading):
            out.add(made.predict_scores(part))
        return len(rows), rows.rejected


def predicted(made: Trained, reading: Reading) -> tuple[np.ndarray, Sequence[Rejected]]:
    """Return the scores of new examples, [R, S], in order, and the skipped rows; raises as `new_rows`."""
    with _opened(reading, False, made.unread) as rows:
        found = [made.predict_scores(part) for part in _encoded(made, rows, reading)]
        none = np.empty((0, len(scores_of(made.tasks))))
        return np.concatenate([none, *found]), rows.rejected


def measure(
    made: Trained, reading: Reading, registered: Mapping[str, Metric] = NONE
) -> tuple[Metrics, int, Sequence[Rejected]]:
    """Return the metrics of new labelled rows, the number of rows, and the skipped rows.

    The values of the user field are compared as text, so that users without training rows are told apart.

    Raises:
        DataError: no row is valid, or as `new_rows` raises it.

    """
    unread = [name for name in made.unread if name != reading.dataset.user]  # users are told apart
    with _opened(reading, True, unread) as rows:
        if not len(rows):
            raise DataError("the new rows have no valid row to test", "give at least one valid row")
        parts = [
            (part.labels, made.predict_logits(part), part.users) for part in _encoded(made, rows, reading)
        ]
        labels, logits = (np.concatenate([part[n] for part in parts]) for n in (0, 1))
        users = [part[2] for part in parts if part[2] is not None]
        found = metrics_of(made.tasks, labels, logits, np.concatenate(users) if users else None, registered)
        return found, len(rows), rows.rejected


def _opened(
    reading: Reading, labelled: bool, unread: Collection[str]
) -> AbstractContextManager[NewRows | FrameRows]:
    """Return the rows of files, or of memory, as a context manager; raises as `new_rows`."""
    if isinstance(reading.examples, Path):
        return new_rows(reading, labelled, unread)
    return nullcontext(frame_rows(reading, labelled, unread))


def _encoded(made: Trained, rows: NewRows | FrameRows, reading: Reading) -> Iterator[Part]:
    """Yield the encoded rows, whole batches at a time; labelled rows have their users."""
    total, done, numbers = len(rows), 0, dict[str, int]()
    unseen = Unseen(made.encoder, made.unread)
    for events in rows.events:
        strange = len(rows) >= SEVERAL and not len(events.ages)
        (reading.warn if strange else reading.note)(events.sentence())
    for chunk in rows.chunks(max(1, CHUNK // made.batch_size) * made.batch_size):
        part, user = made.encoder.encode(chunk, labelled=rows.form.labelled), reading.dataset.user
        if rows.form.labelled and user is not None:
            part = replace(part, users=_numbered(chunk[user], numbers))
        unseen.add(chunk, part)
        yield part
        done += len(chunk)
        reading.progress("predict", done / total)
    for sentence in unseen.sentences():
        reading.warn(sentence)


def _numbered(column: Column, numbers: dict[str, int]) -> NDArray[np.int32]:
    """Return the number of each user, 0 for a blank, [R]; users without a number get the next ones."""
    known = (numbers.setdefault(user, len(numbers) + 1) if user else 0 for user in texts(column))
    return np.fromiter(known, np.int32, len(column))
