"""Histories that a table holds as lists in its rows: any split, exact entries, and faults by their place."""

import duckdb
import numpy as np
import pandas as pd
import pytest

from automtl_core.data.store import PARTS
from automtl_core.errors import DataError, UsageError
from tests.datasets.tables import table

LISTS = {"item": "items", "shop": "shops", "click": "clicks", "price": "prices", "age": "ages"}


def frame(rows=300, seed=0):
    """Return rows with up to six events each; some entries are blank, some items are in no row."""
    random = np.random.default_rng(seed)
    made = pd.DataFrame(
        {
            "row": np.arange(rows),
            "item": random.integers(1, 30, rows),
            "shop": [f"s{n}" for n in random.integers(0, 4, rows)],
            "click": random.integers(0, 2, rows),
        }
    )
    counts = random.integers(0, 7, rows)
    made["items"] = [["" if n < 2 else str(n) for n in random.integers(0, 40, k)] for k in counts]
    made["shops"] = [[f"s{n}" for n in random.integers(0, 4, k)] for k in counts]
    made["clicks"] = [[str(n) for n in random.integers(0, 2, k)] for k in counts]
    made["prices"] = [["" if n == 3 else str(n / 4) for n in random.integers(0, 9, k)] for k in counts]
    made["ages"] = [[str(n) for n in sorted(random.integers(1, 900, k), reverse=True)] for k in counts]
    return made


def csv(made, sign="|"):
    texts = {name: [sign.join(one) for one in made[name]] for name in LISTS.values()}
    return made.assign(**texts).to_csv(index=False)


SETTINGS = {
    "files": "t.csv",
    "sparse": {"item": "integer", "shop": "text"},
    "dense": {"row": {"scaling": "none"}},
    "labels": ["click"],
    "history": {"lists": LISTS, "numbers": {"price": {"scaling": "none"}}},
}


def events(data):
    """Return the decoded lists of each row, by the number of the row."""
    found = {}
    for part in PARTS:
        rows = data.encoder.decode(data.part(part))
        for place, row in enumerate(rows["row"]):
            found[int(row)] = [rows[column][place] for column in LISTS.values()]
    return found


@pytest.mark.parametrize("length", [50, 3])
def test_rows_have_the_events_of_their_lists_under_a_random_split(prepared, length):
    made = frame()
    data = prepared({"t.csv": csv(made)}, **SETTINGS, history_length=length)
    known, found = set(data.vocabulary("item")), events(data)
    for row in made.to_dict("records"):
        items, shops, clicks, prices, ages = (row[column][-length:] for column in LISTS.values())
        numbers = [float(price) if price else None for price in prices]
        assert found[row["row"]][1:] == [shops, [*map(int, clicks)], numbers, [*map(float, ages)]]
        for raw, decoded in zip(items, found[row["row"]][0], strict=True):
            assert decoded == (raw or None) if raw in {*known, ""} else int(decoded) >= 2**62


def test_values_that_no_row_has_match_in_lists_only(prepared):
    made = frame()
    data = prepared({"t.csv": csv(made)}, **SETTINGS)
    (history,) = data.part("train").histories
    assert (history.events.ids[:, 0] >= data.schema.sparse[0].size).any()
    assert (history.values[:, 0] < data.schema.sparse[0].size).all()


def test_formats_and_separators_are_equal(prepared, tmp_path):
    made = frame()
    first = prepared({"t.csv": csv(made)}, **SETTINGS)
    other = prepared(
        {"u.csv": csv(made, " ")},
        **{**SETTINGS, "files": "u.csv", "history": {**SETTINGS["history"], "separator": " "}},
    )
    with duckdb.connect() as db:
        db.register("made", made)
        db.execute(f"COPY (FROM made) TO '{tmp_path / 't.parquet'}'")
    third = prepared({}, **{**SETTINGS, "files": "t.parquet"})
    assert events(first) == events(other) == events(third)


def test_without_ages_the_age_of_an_event_is_its_rank(prepared):
    made = frame()
    lists = {name: column for name, column in LISTS.items() if name != "age"}
    data = prepared({"t.csv": csv(made)}, **{**SETTINGS, "history": {**SETTINGS["history"], "lists": lists}})
    padded = data.part("train").histories[0].padded(slice(None))
    ranks = np.arange(1, padded.known.shape[1] + 1)
    assert (padded.ages == ranks * padded.known).all()


@pytest.mark.parametrize(
    ("column", "entries", "message"),
    [
        ("shops", ["s1"], r"t\.csv:4: shops has 1 entries, and another list of events 2"),
        ("ages", ["7", "old"], "the list ages of 'automtl:age' holds 'old', allowed are numbers from 0 on"),
        ("ages", ["7", "-1"], "the list ages of 'automtl:age' holds '-1', allowed are numbers from 0 on"),
        ("clicks", ["1", "2"], "the list clicks of 'click' holds '2', allowed are 0, 1 and blanks"),
        ("prices", ["1", "low"], "the list prices of 'price' holds 'low', allowed are numbers and blanks"),
    ],
)
def test_faulty_lists_are_named(prepared, column, entries, message):
    made = frame()
    whole = {"items": ["1", "2"], "shops": ["s1", "s2"], "clicks": ["0", "1"], "ages": ["9", "8"]}
    whole["prices"] = ["1", "2"]
    for name, held in whole.items():
        made.at[2, name] = entries if name == column else held
    with pytest.raises(DataError, match=message):
        prepared({"t.csv": csv(made)}, **SETTINGS)


@pytest.mark.parametrize(
    ("history", "message"),
    [
        ({"lists": {"item": "items"}, "files": "log.csv"}, "history has both lists and files"),
        ({"lists": {"age": "ages"}}, "has no columns: declare `shared` fields, `outcomes`"),
        (
            {"lists": {"item": "items"}, "numbers": ["price"]},
            "history.numbers names 'price', which is not in",
        ),
    ],
)
def test_faulty_settings_are_named(history, message):
    with pytest.raises(UsageError, match=message):
        table(**{**SETTINGS, "history": history})
