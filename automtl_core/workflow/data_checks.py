"""Training-serving skew: the check that new rows are read as the prepared ones.

Raw rows of prepared data, and the log of their events, go the way of new rows: through the reader of files,
the encoder of the run and that of an export. The result must equal prepared rows, event by event.

Letters: R rows, L events of a row, F shared fields, A numbers of an event.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automtl_core.data.encoder import Encoder
from automtl_core.data.frames import NewExamples
from automtl_core.data.new_rows import new_rows
from automtl_core.data.part import Part
from automtl_core.data.store import PARTS, REJECTED, Prepared
from automtl_core.dataset.dataset import Dataset
from automtl_core.dataset.recorded import RowFormat
from automtl_core.dataset.schema import Schema
from automtl_core.errors import PluginError, listing, printable
from automtl_core.fields.field import exported, source
from automtl_core.leaks.leaks import alone, warnings
from automtl_core.leaks.lists import list_warnings
from automtl_core.training.recipe import Recipe

Row = tuple[Any, ...]


def check_skew(dataset: Dataset, prepared: Prepared, encoder: Encoder) -> int:
    """Compare new rows with prepared ones, and return the number of compared rows.

    Rows with a weight of 0 do not count: training rows among them lack labels, or are left out.

    Args:
        dataset: The dataset of the rows.
        prepared: Its prepared data, with a sample of raw rows.
        encoder: The encoder of a run on this data.

    Raises:
        PluginError: a row differs; the message names the row, and the columns or histories that differ.

    """
    if prepared.sample is None:
        return 0
    rows, log = prepared.sample
    schema = encoder.schema
    histories = schema.histories
    log = None if all(history.lists for history in histories) else log
    with TemporaryDirectory(prefix="automtl-") as folder:
        how: dict[str, Any] = {"histories": histories, "log": log, "rule": schema.lists, "labelled": True}
        reading = NewExamples(dataset, rows, Path(folder), weights=schema.weights, **how)
        with new_rows(reading) as served:
            (columns,) = served.chunks(max(len(served), 1)) if len(served) else (None,)
        if columns is None:
            return 0
        part, counts = encoder.encode(columns), encoder.weights(columns).min(axis=1) > 0
        form = RowFormat.of(dataset)
        encoder.save(Path(folder) / "encoder", vectors=False, as_texts=form.texts if form else None)
        _check_export(encoder, columns, part, Path(folder), rows)
    wanted = [(place, *one) for place, one in enumerate(contents(schema, part)) if counts[place]]
    found = _prepared_rows(prepared, encoder, part, {fields for _, fields, _ in wanted})
    for place, fields, events in wanted:
        if fields not in found:
            raise _differs(rows, place, "its fields and labels equal those of no prepared row")
        if events not in found[fields]:
            names = listing(history.name for history in histories)
            raise _differs(rows, place, f"its events of {names} are those of no prepared row")
    return len(wanted)


def _check_export(encoder: Encoder, columns: Any, part: Part, folder: Path, rows: Path) -> None:
    """Check that the encoder of an export returns the same as that of the run."""
    schema = encoder.schema
    (folder / "encode.py").write_text(source(encoder.fields.values()), encoding="utf-8")
    found = exported(folder / "encode.py", folder / "encoder")(dict(columns.items()))
    single = [place for place, field in enumerate(schema.sparse) if field.kind == "single"]
    fields = {"ids": part.ids[:, single], "dense": part.dense}
    for name, wanted in fields.items():
        if len(wrong := np.argwhere((found[name] != wanted) & ~(np.isnan(found[name]) & np.isnan(wanted)))):
            row, column = wrong[0].tolist()
            given = f"{found[name][row, column]}, and {wanted[row, column]} as prepared"
            raise _differs(rows, row, f"column {column} of {name} from the encoder of an export is {given}")
    for place, history in enumerate(schema.histories):
        names = ("row", "ids", "numbers", "ages", "known")
        made = _events(schema, place, *(found[f"{history.name}:{name}"] for name in names))
        for row, (events, own) in enumerate(zip(made, _events_of(schema, part, place), strict=True)):
            if events != own:
                what = f"the encoder of an export makes other events of {history.name}"
                raise _differs(rows, row, what)


def contents(schema: Schema, part: Part) -> Iterator[tuple[Row, Row]]:
    """Yield the content of each row: fields and labels, and events, the latest first."""
    floats = np.hstack([part.dense, part.labels]).astype(np.float32)
    floats[np.isnan(floats)] = np.nan
    columns = [*part.ids.T.tolist(), *floats.view(np.uint32).T.tolist()]
    for place, (starts, values) in part.bags.items():
        columns[place] = [tuple(values[starts[bag] : starts[bag + 1]].tolist()) for bag in columns[place]]
    events = [_events_of(schema, part, place) for place in range(len(part.histories))]
    for row in range(len(part)):
        yield tuple(column[row] for column in columns), tuple(map(next, events))


def _events_of(schema: Schema, part: Part, place: int) -> Iterator[Row]:
    """Yield the events of each row of a part, see `_events`."""
    padded = part.histories[place].padded(slice(None))
    return _events(schema, place, padded.values, padded.ids, padded.numbers, padded.ages, padded.known)


def _events(
    schema: Schema,
    place: int,
    values: NDArray[Any],  # [R, F]
    ids: NDArray[Any],  # [R, L, F]
    numbers: NDArray[Any],  # [R, L, A]
    ages: NDArray[Any],  # [R, L]
    known: NDArray[Any],  # [R, L]
) -> Iterator[Row]:
    """Yield for each row its values of shared fields, and its events, the latest first.

    An event is its values, numbers and age. Values outside of the vocabulary are numbered by their first
    occurrence in the row.
    """
    sizes = [schema.sparse[field].size for field in schema.shared_fields(schema.histories[place])]
    for row, there in enumerate(known.astype(bool)):
        seen: list[dict[int, int]] = [{} for _ in sizes]
        own, *named = [
            tuple(
                one if one < size else -1 - of.setdefault(one, len(of))
                for one, size, of in zip(of_event, sizes, seen, strict=True)
            )
            for of_event in [values[row].tolist(), *ids[row][there].tolist()]
        ]
        others = np.column_stack([numbers[row][there], ages[row][there]]).tolist()
        known_numbers = (tuple(None if n != n else n for n in one) for one in others)
        yield own, *(of_event + more for of_event, more in zip(named, known_numbers, strict=True))


def _prepared_rows(
    prepared: Prepared, encoder: Encoder, part: Part, wanted: set[Row]
) -> Mapping[Row, Sequence[Row]]:
    """Return the events of prepared rows by their fields, for wanted fields; test rows are read first."""
    found: dict[Row, list[Row]] = defaultdict(list)
    schema = encoder.schema
    for name in reversed(PARTS):
        if wanted <= found.keys():
            break
        stored = prepared.part(name).as_read(schema)
        places = np.arange(len(stored))
        columns = [place for place, field in enumerate(schema.sparse) if field.kind == "single"]
        for place in sorted(columns, key=lambda place: -schema.sparse[place].size):
            places = places[np.isin(stored.ids[places, place], part.ids[:, place])]
        for place in range(len(schema.dense) if not columns else 0):
            numbers = stored.dense[places, place]
            places = places[np.isin(numbers, part.dense[:, place]) | np.isnan(numbers)]
        for fields, events in contents(schema, encoder.with_numbers(stored.some(places))):
            if fields in wanted:
                found[fields].append(events)
    return found


def _differs(rows: Path, place: int, what: str) -> PluginError:
    return PluginError(
        f"training-serving skew: row {place + 1} of {printable(str(rows))}, read as a new row: {what}",
        "report it with the files of the sample; until then, predictions of this run for new rows are wrong",
    )


def preparation_warnings(prepared: Prepared) -> Iterator[str]:
    """Yield the warnings of the preparation, and about lists."""
    manifest = prepared.manifest
    if rows := manifest["rejected"]:
        where = prepared.path / REJECTED
        yield f"skipped faulty rows of the raw files: {rows}, see {where}"
    yield from manifest["warnings"]
    yield from list_warnings(prepared)


def training_warnings(prepared: Prepared, recipe: Recipe) -> Iterator[str]:
    """Yield warnings, before a training, of tasks with few rows, and of predictors that may hold a label."""
    yield from rare_tasks(prepared, recipe)
    yield from warnings(prepared, alone(prepared))


def rare_tasks(prepared: Prepared, recipe: Recipe) -> Iterator[str]:
    """Yield a warning for the tasks with too few validation rows to stop a training."""
    rows, least = prepared.manifest["rows"]["validation"], recipe.min_positives
    few = {
        task: count
        for task, labels in prepared.manifest["labels"]["validation"].items()
        if (count := _rarer(labels, least)) < least
    }
    others = [task.name for task in prepared.schema.tasks if task.name not in few]
    if not others:
        yield (
            f"no task has {least} validation rows of either class (there are {rows:,} rows): the choice of "
            "epoch and architecture is unreliable; use more rows, or lower training.min_positives"
        )
    elif few and not recipe.monitor:
        counts = ", ".join(f"{task} {count:,}" for task, count in few.items())
        yield (
            f"too few validation rows of one class ({counts}; training.min_positives is {least}): early "
            f"stopping monitors {', '.join(others)} only; training.monitor changes that"
        )


def _rarer(labels: Mapping[str, int], least: int) -> int:
    """Return the number of rows of the rarer class or, for a regression, of all rows."""
    return min(labels["rows"], labels.get("positives", least), labels["rows"] - labels.get("positives", 0))
