"""The contract of datasets with histories: prepared histories are those of a plain loop over events."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from automtl_core import seeds
from automtl_core.data.prepare.sources import read, workshop
from automtl_core.data.progress import silent
from automtl_core.data.raw.find import find
from automtl_core.data.store import PARTS, Prepared
from automtl_core.dataset.dataset import Dataset, Sparse, histories_of, learned
from automtl_core.dataset.history import History
from automtl_core.fields.encode import event_columns, text, whole

UNSEEN = "unseen"
Row = Mapping[Any, Any]
Event = tuple[Any, ...]


def check_histories(
    dataset: Dataset, prepared: Prepared, data_dir: Path | None, work_dir: Path, rows: int = 2000
) -> int:
    """Compare the histories of random prepared rows with a plain loop over the rows or the log of a dataset.

    Args:
        dataset: The adapter.
        prepared: Its prepared data.
        data_dir: Its raw files; None for a dataset without raw files.
        work_dir: A folder for temporary files.
        rows: Number of rows to compare.

    Returns:
        The number of compared events.

    Raises:
        AssertionError: a history differs.

    """
    histories = [history for history in histories_of(dataset) if not history.lists]
    if not histories:
        return 0
    with workshop(data_dir, work_dir, None) as (db, folder):
        read(db, dataset, find(data_dir, dataset, "checked"), folder, silent)
        made = dataset.rows(db)
        frame = made if isinstance(made, pd.DataFrame) else made.df()
        logs = {
            history.name: frame if history.of_rows else dataset.events(db, history.name).df()
            for history in histories
        }
    named = [field.name for field in dataset.fields if isinstance(field, Sparse)]
    known = {name: set(prepared.vocabulary(name)) for name in named if name not in dataset.settings.hashed}
    by_key = defaultdict(list)
    labels = [label.name for label in learned(dataset)]
    for row in frame.to_dict("records"):
        by_key[_key(row, known, labels)].append(row)
    compared = 0
    random = seeds.generator(0, "checked histories")
    for history in histories:
        groups = logs[history.name].groupby(history.by)
        owners: dict[str, list[Row]] = {str(owner): [*of.to_dict("records")] for owner, of in groups}
        for part in PARTS:
            data = prepared.part(part)
            places = random.permutation(len(data))[: -(-rows // len(PARTS))]
            decoded = prepared.encoder.decode(data.some(np.sort(places)))
            for place in range(len(places)):
                held = {name: values[place] for name, values in decoded.items()}
                found = list(_stored(history, held, known))
                candidates = by_key[_key(held, known, labels)]
                assert any(found == _looped(history, row, owners, known) for row in candidates), (
                    f"{history.name}, {part}: {found} is not the history of a row"
                )
                compared += len(found)
    return compared


def _key(row: Row, known: Mapping[str, set[str]], labels: Sequence[str]) -> tuple[Any, ...]:
    """Return the values of a row that a prepared row has too."""
    values = [_shown(row[name], known[name]) for name in known]
    chosen = [None if pd.isna(row[name]) else round(float(row[name]), 4) for name in labels]
    return (*(None if value == UNSEEN else value for value in values), *chosen)


def _shown(value: Any, known: set[str]) -> str | None:
    """Return a value as prepared data holds it."""
    plain = text(whole(value))
    return (plain if plain in known else UNSEEN) if plain else None


def _stored(history: History, row: Row, known: Mapping[str, set[str]]) -> Iterator[Event]:
    """Yield the stored events of a row, the latest first. Hashed values are left out."""
    lists = [row[name] for name in event_columns(history.to_json())]
    for *values, age in list(zip(*lists, strict=True))[::-1]:
        shared, done = values[: len(history.shared)], values[len(history.shared) :]
        shared = [value for name, value in zip(history.shared, shared, strict=True) if name in known]
        yield age, *(UNSEEN if str(v).startswith(UNSEEN) else v for v in shared), *map(int, done)


def _looped(
    history: History, row: Row, owners: Mapping[str, Sequence[Row]], known: Mapping[str, set[str]]
) -> list[Event]:
    """Return the events of a row, the latest first, by a loop."""
    now = float(row[history.time])
    mine = [e for e in owners.get(str(row[history.by]), ()) if float(e[history.time]) < now - history.delay]
    mine.sort(key=lambda e: (float(e[history.time]), *(_rank(e[name]) for name in _order(history))))
    events = []
    for event in mine[::-1][: history.length]:
        age = float(np.float32(now - float(event[history.time])))
        shared = [_shown(event[name], known[name]) for name in history.shared if name in known]
        done = [int(event[name]) if not pd.isna(event[name]) else 0 for name in history.outcomes]
        events.append((age, *shared, *done))
    return events


def _order(history: History) -> list[str]:
    return [*history.shared, *history.outcomes]


def _rank(value: Any) -> tuple[bool, Any]:
    """Return the rank of a value among events at the same time, where blanks are last."""
    return (True, 0) if pd.isna(value) or value == "" else (False, value)
