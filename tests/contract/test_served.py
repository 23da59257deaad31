"""New rows are read as the rows of preparation, event by event, whatever names, times and texts there are."""

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from automtl_core.data.frames import NewExamples, frame_rows
from automtl_core.data.new_rows import new_rows
from automtl_core.data.prepare.prepare import prepare
from automtl_core.data.store import PARTS
from automtl_core.workflow.data_checks import check_skew, contents
from automtl_datasets.table import Table

from .served import table


def check(seed: int, folder: Path) -> int:
    """Compare all rows of a table, read as new rows from files and in memory, with its prepared rows.

    Returns:
        The number of compared events.

    """
    given = table(seed)
    given.write(folder)
    dataset = Table(Table.settings_class.parse(given.settings, "dataset"))
    prepared = prepare(dataset, "table", folder, folder / "prepared")
    encoder, schema = prepared.encoder, prepared.schema
    assert check_skew(dataset, prepared, encoder) > 0
    stored = Counter(row for part in PARTS for row in contents(schema, prepared.part(part)))
    rows = folder / f"rows{given.ending}"
    log = None if any(h.lists for h in schema.histories) else "log" if "log" in given.files else "rows"
    path = folder / f"{log}{given.ending}" if log else None
    with new_rows(
        NewExamples(dataset, rows, folder, histories=schema.histories, log=path, labelled=True)
    ) as served:
        parts = [encoder.encode(chunk) for chunk in served.chunks(64)]
    texts = {name: frame.replace("", None).astype(object) for name, frame in given.files.items()}
    events = None if log is None else texts[log]
    made = frame_rows(
        NewExamples(dataset, texts["rows"], histories=schema.histories, log=events, labelled=True)
    )
    for served_parts in (parts, [encoder.encode(chunk) for chunk in made.chunks(64)]):
        found = Counter(row for part in served_parts for row in contents(schema, part))
        if given.settings["duplicates"] == "drop":  # the file still has equal rows
            assert found.keys() == stored.keys(), seed
        else:
            assert found == stored, seed
    return sum(len(one) - 1 for _, events_of in stored for one in events_of)


@pytest.mark.parametrize("seed", range(12))
def test_new_rows_are_read_as_prepared_ones(seed: int, tmp_path: Path) -> None:
    check(seed, tmp_path)


def test_the_tables_have_events() -> None:
    frames = [table(seed).files["rows"] for seed in range(12)]
    assert all(isinstance(frame, pd.DataFrame) for frame in frames)
