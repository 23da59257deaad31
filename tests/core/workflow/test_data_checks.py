"""The check for training-serving skew finds each way in which a log of new rows was once read otherwise."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from automtl_core.data import event_log
from automtl_core.data.aggregates import NONE
from automtl_core.data.part import Events, Histories, Part
from automtl_core.data.store import PARTS
from automtl_core.dataset import dataset as declarations
from automtl_core.dataset.declarations import History
from automtl_core.dataset.schema import Schema, SparseField, Task
from automtl_core.errors import AutoMTLError, PluginError
from automtl_core.fields import encode
from automtl_core.fields.field import source
from automtl_core.leaks.leaks import SingleFieldScore
from automtl_core.prepare.prepare import prepare
from automtl_core.raw.sql import quoted, typed_time
from automtl_core.run_dir.facts import Result
from automtl_core.run_dir.run import Run
from automtl_core.training.recipe import Recipe
from automtl_core.workflow import data_checks
from automtl_core.workflow.data_checks import check_skew, rare_tasks, training_warnings
from automtl_datasets.table import Table

from .lines import begin, make_job

ROWS = 600
SETTINGS = {
    "files": "rows.csv",
    "sparse": {"who": "text", "item": "text", "age": "text"},
    "labels": {"click": {"positive": ["yes"]}, "buy": {"given": "click"}},
    "user": "who",
    "time": "when",
    "split": "time",
    "blanks": ["-"],
    "hashed": {"item": 7},
    "history": {"numbers": {"price": {"missing": 1.5}, "size": {"scaling": "log"}}},
}


def rows():
    """Return rows with ties, blanks, duplicates, offsets that differ, and labels that do not count."""
    draw = np.random.default_rng(0)
    at = pd.Timestamp("2024-05-01") + pd.to_timedelta(np.sort(draw.integers(0, 200, ROWS)), "h")
    hours = draw.choice([-5, 0, 9], ROWS)
    local = [
        (t + pd.Timedelta(int(h), "h")).strftime("%Y-%m-%d %H:%M") for t, h in zip(at, hours, strict=True)
    ]
    frame = pd.DataFrame(
        {
            "who": draw.choice(["5", "05", "7", "-"], ROWS, p=[0.4, 0.3, 0.2, 0.1]),
            "item": draw.choice([*map(str, range(20)), "-"], ROWS),
            "age": draw.choice(["old", "young", "-"], ROWS),
            "when": [f"{t}{h:+03d}:00" for t, h in zip(local, hours, strict=True)],
            "price": draw.choice(["0.1", "7", "-"], ROWS),
            "size": draw.choice(["-3", "1e5", "-"], ROWS),
            "click": draw.choice(["yes", "no"], ROWS),
            "buy": draw.integers(0, 2, ROWS),
            "worth": draw.integers(0, 3, ROWS) / 2,
        }
    )
    return pd.concat([frame, frame.iloc[::5]], ignore_index=True)


@pytest.fixture
def made(tmp_path):
    def make(**settings):
        rows().to_csv(tmp_path / "rows.csv", index=False)
        dataset = Table(Table.settings_class.parse({**SETTINGS, **settings}, "dataset"))
        prepared = prepare(dataset, "table", tmp_path, tmp_path / "prepared")
        return dataset, prepared, prepared.encoder

    return make


def test_rows_are_read_as_prepared(made):
    assert check_skew(*made()) > 50  # test rows
    assert check_skew(*made(duplicates="drop")) > 50
    assert check_skew(*made(split="user")) == 200  # without histories


@pytest.mark.parametrize("weights", ["worth", {"buy": "worth"}])
@pytest.mark.parametrize("more", [{}, {"split": "user"}, {"list": {"who": None, "gap": 3600}}])
def test_weighted_rows_are_read_as_prepared_unless_their_weight_is_0(made, weights, more):
    dataset, prepared, encoder = made(weights=weights, **more)
    rows = len(pd.read_csv(prepared.sample[0]))
    assert prepared.manifest["left_out"] > 50 or weights != "worth"
    assert rows / 2 < check_skew(dataset, prepared, encoder) < 0.8 * rows


def columns_with_age(history):
    """Return the columns of events with a name for ages that a field may have too."""
    return [
        f"{history['name']}:{key}"
        for key in (*history["shared"], *history["outcomes"], *history["numbers"], "age")
    ]


def without_offset(db, column, source, tables):
    typed_time(db, column, source, tables)
    return f"CAST(left({quoted(column)}, 16) AS TIMESTAMP)"


def as_numbers(db, dataset, history, rows, log, begin):
    """Return the events of owners without the zeros of their ids."""
    table = db.table(quoted(log)).project("* REPLACE (ltrim(who, '0') AS who)")
    table.create("without zeros")
    log = "without zeros"
    return new_histories_of(db, dataset, history, rows, log)


new_histories_of = event_log.new_events
MUTANTS = {
    "a field called age": lambda patch: [
        patch.setattr(module, "event_columns", columns_with_age)
        for module in (encode, event_log, declarations)
    ],
    "offsets of times": lambda patch: patch.setattr(event_log, "typed_time", without_offset),
    "users 5 and 05": lambda patch: patch.setattr("automtl_core.data.new_rows.new_events", as_numbers),
    "order at one time": lambda patch: patch.setattr(
        event_log, "order_of", lambda history, value, field: f"CAST({value} AS VARCHAR) DESC"
    ),
    "blanks": lambda patch: patch.setattr(Table, "event_file", without_blanks),
    "labels that do not count": lambda patch: patch.setattr(event_log, "label_of", without_given),
}


def without_blanks(dataset, path, history, whole=Table.event_file):
    file = whole(dataset, path, history)
    return replace(file, columns={name: replace(column, blanks=()) for name, column in file.columns.items()})


def without_given(name, labels, whole=event_log.label_of):
    return whole(name, {key: replace(label, given=None) for key, label in labels.items()})


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_another_reading_of_a_log_is_an_error(made, mutant, monkeypatch):
    served = made()
    mutant(monkeypatch)
    with pytest.raises(AutoMTLError):
        check_skew(*served)


def test_duplicates_that_stay_are_an_error(made):
    dataset, prepared, encoder = made(duplicates="drop")
    history = replace(encoder.schema.histories[0], distinct=False)
    with pytest.raises(PluginError, match=r"row \d+ of .*rows\.csv, read as a new row: its events of past"):
        check_skew(dataset, prepared, encoder.of_run((history,), NONE))


def test_an_export_that_encodes_otherwise_is_an_error(made, monkeypatch):
    served = made()
    wrong = "def hashed(text, buckets):\n    return 1\n"
    monkeypatch.setattr("automtl_core.workflow.data_checks.source", lambda encoders: source(encoders) + wrong)
    with pytest.raises(PluginError, match="from the encoder of an export"):
        check_skew(*served)


def test_a_dataset_with_rows_of_its_own_is_left_out(made, tmp_path):
    class Own(Table):
        raw_rows = declarations.Dataset.raw_rows

    rows().to_csv(tmp_path / "rows.csv", index=False)
    dataset = Own(Own.settings_class.parse(SETTINGS, "dataset"))
    prepared = prepare(dataset, "own", tmp_path, tmp_path / "prepared")
    assert check_skew(dataset, prepared, prepared.encoder) == 0


def test_a_run_whose_new_rows_are_read_otherwise_ends_with_an_error(tmp_path, monkeypatch):
    def one_event_less(*given):
        bounds = spans(*given)
        return np.stack([bounds[:, 0], np.maximum(bounds[:, 1] - 1, bounds[:, 0])], axis=1)

    spans = event_log.spans
    rows = {"dataset": {"kind": "history", "rows": 1500}, "features": {"history": ["matches"]}}
    job = make_job(tmp_path, rows)
    run = begin(job, tmp_path / "sound")
    assert run.read(Result).test
    monkeypatch.setattr(event_log, "spans", one_event_less)
    with pytest.raises(
        PluginError,
        match=r"training-serving skew: row \d+ of .*: its events of past are those of no prepared row",
    ):
        begin(job, tmp_path / "skewed")
    skewed = Run.open(tmp_path / "skewed")
    assert skewed.read(Result).test is None
    assert skewed.status().state == "failed"


def test_tasks_with_too_few_validation_rows_are_named_before_the_training():
    def warned(monitor=(), **labels):
        manifest = {"rows": {"validation": 400}, "labels": {"validation": labels}}
        schema = SimpleNamespace(tasks=list(map(Task, labels)))
        prepared = SimpleNamespace(manifest=manifest, schema=schema)
        return list(rare_tasks(prepared, Recipe(min_positives=100, monitor=monitor)))

    click, buy = {"rows": 400, "positives": 30}, {"rows": 400, "positives": 120}
    assert "no task has 100 validation rows of either class (there are 400 rows)" in warned(click=click)[0]
    assert "no task has" in warned(click=click, buy={"rows": 400, "positives": 350})[0]
    (few,) = warned(click=click, buy=buy, like=buy)
    assert "(click 30; training.min_positives is 100): early stopping monitors buy, like only" in few
    assert not warned(("click",), click=click, buy=buy)
    assert not warned(buy=buy)
    assert "monitors rating only" in warned(click=click, rating={"rows": 150})[0]
    assert "no task has" in warned(rating={"rows": 99})[0]


def test_leaks_of_events_and_histories_without_events_are_named_before_the_training(monkeypatch):
    own = SingleFieldScore("buy of the newest event", "event", "value", True, "AUC", 1.0)
    monkeypatch.setattr(data_checks, "alone", lambda prepared: {"buy": (own, replace(own, name="later"))})
    events = Events(np.ones((1, 1), np.int32), np.zeros((1, 0), np.uint8), np.ones(1))
    empty = Histories(events, np.zeros((3, 2), np.int32), np.ones(3), np.ones((3, 1), np.int32))
    part = Part(np.zeros((3, 1)), np.zeros((3, 0)), np.zeros((3, 1)), histories=(empty,))
    labels = {part: {"buy": {"rows": 400, "positives": 200}} for part in PARTS}
    manifest = {"rows": {"validation": 400}, "labels": labels}
    schema = Schema(
        (SparseField("item", 2),), (), (Task("buy"),), histories=(History("past", "user", "at", ("item",)),)
    )
    prepared = SimpleNamespace(manifest=manifest, schema=schema, part=lambda name: part)
    leak, nothing = training_warnings(prepared, Recipe(min_positives=100))
    assert leak.startswith(
        "buy of the newest event alone predicts buy (AUC 1.000): does a row read its own event?"
    )
    assert nothing.startswith("history past: none of the 3 training rows has an event")
