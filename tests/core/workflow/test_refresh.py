"""Aggregates of a run that are brought up to date see new rows as if they had been prepared."""

import contextlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import automtl
from automtl_core.errors import DataError, RunExistsError, UsageError
from automtl_core.run_dir.facts import Refreshed
from automtl_core.run_dir.run import Run
from automtl_core.workflow.trained import Trained
from automtl_core.workflow.workflow import Workflow
from automtl_report.record import read_record

from .lines import REGISTRY

ROWS = 600
SETTINGS = {
    "dataset": {"sparse": ["item", "shop"], "dense": ["price"], "time": "time", "split": "time"},
    "features": {
        "aggregates": [["item"], {"key": ["item", "shop"], "half_life": 400_000.0}, ["shop", "price"]],
        "numbers": "standard",
        "history": [],
    },
    "training": {"epochs": 1, "min_positives": 1, "batch_size": 64, "embedding_decay": 0.01},
    "refit": False,
}


def table(seed=0, rows=ROWS):
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "item": draw.integers(0, 40, rows).astype(str),
            "shop": draw.choice(["", "north", "south"], rows),
            "price": draw.normal(size=rows),
            "time": 1_700_000_000 + np.sort(draw.integers(0, 30 * 86_400, rows)),
        }
    )
    frame["click"] = (draw.random(rows) < 0.2 + 0.015 * frame["item"].astype(int)).astype(int)
    return frame


LAST = round(0.2 * ROWS)
"""Number of validation and test rows."""


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    """Work in one folder, where equal rows are prepared once."""
    with contextlib.chdir(tmp_path_factory.mktemp("refresh")):
        yield


def train(rows, dataset=(), **settings):
    given = {**SETTINGS, **settings, "dataset": {**SETTINGS["dataset"], **dict(dataset)}}
    return automtl.train(rows, ["click"], model="shared-bottom", settings=given)


@pytest.fixture(scope="module")
def run():
    return train(table())


def encoder_of(run):
    return Run.open(run.path).encoder()


def added(run):
    """Return the number of rows that a run has seen since its training."""
    return Run.open(run.path).read(Refreshed).rows


def prepared_of(run):
    return Workflow(REGISTRY).job_of(Run.open(run.path).config()).prepare()


def check_as_if_prepared(refreshed, run):
    """Check that the aggregates of a refreshed run are those of all its rows, and return them."""
    prepared, encoder = prepared_of(run), encoder_of(run)
    parts = [(prepared.part(one), prepared.seconds(one)) for one in ("validation", "test")]
    expected, found = encoder.aggregates.with_rows(parts, encoder.schema), encoder_of(refreshed).aggregates
    for one, other in zip(found.states, expected.states, strict=True):
        assert np.array_equal(one.cells, other.cells)
        assert one.sums == pytest.approx(other.sums)
        assert one.totals == pytest.approx(other.totals)
    return totals(refreshed)


def totals(run):
    """Return the numbers of rows that the aggregates without a half-life have seen."""
    states = encoder_of(run).aggregates.states
    return {float(state.totals[0]) for state in states if not state.aggregate.half_life}


def test_new_rows_count_like_prepared_ones(run):
    later = table().iloc[-LAST:]
    again = run.refresh(later.sample(frac=1, random_state=0), "later")
    assert check_as_if_prepared(again, run) == {ROWS}
    assert totals(run) == {ROWS - LAST}
    assert not np.allclose(again.predict(table(1)), run.predict(table(1)))
    assert again.metrics.equals(run.metrics)
    told = read_record(again.path, REGISTRY).to_json()
    assert told["refreshed"]["rows"] == LAST
    assert list(told["refreshes"]) == ["never", "1d", "1h", "always"]
    assert told["refreshes"]["never"] == {"click": run.metrics.loc["click", "auc"]}


def test_rows_whose_labels_were_not_yet_known_are_taken_from_the_file():
    made = train(table(), {"label_delay": 5 * 86_400})
    again = made.refresh(table(), "whole")
    (known,) = totals(made)
    assert known < 0.8 * ROWS
    assert (totals(again), added(again)) == ({ROWS}, ROWS - known)


def test_rows_that_the_aggregates_have_seen_are_left_out(run):
    whole = table()
    once = run.refresh(whole.iloc[:-50], "once")  # with the training rows
    twice = once.refresh(whole.iloc[200:], "twice")
    assert (added(once), added(twice), totals(twice)) == (LAST - 50, LAST, {ROWS})
    with pytest.raises(DataError, match=f"none of the {ROWS} rows is later than time {whole['time'].max()}"):
        twice.refresh(whole, "again")
    assert not Path("again").exists()


def test_after_a_refit_the_validation_rows_are_left_out_too():
    made = train(table(), refit=True)
    again = made.refresh(table(), "after a refit")
    assert (added(again), totals(again)) == (LAST // 2, {ROWS})
    later = table().iloc[-LAST // 2 :].assign(time=lambda rows: rows["time"] + 30 * 86_400)
    with pytest.warns(UserWarning, match="have not seen the test rows"):
        made.refresh(later, "after a month")


@pytest.mark.parametrize("form", ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S+02:00"])
def test_times_may_be_dates(tmp_path, form):
    dated = table().assign(time=lambda rows: pd.to_datetime(rows["time"], unit="s").dt.strftime(form))
    made = train(dated).refresh(dated, tmp_path / "new")
    assert added(made) == LAST
    until = pd.to_datetime(table()["time"].max() - 7200 * ("+" in form), unit="s")
    assert Run.open(made.path).read(Refreshed).until == str(until) + " UTC" * ("+" in form)
    with pytest.raises(DataError, match="write both in the same unit"):
        made.refresh(table().assign(time=lambda rows: rows["time"] * 1_000_000), tmp_path / "other")


def test_rows_are_predicted_as_if_all_rows_before_were_prepared():
    rows = table().assign(user=lambda rows: (rows["price"] * 1e6).astype(int) % 40)
    dataset = {"user": "user", "sparse": ["item", "shop", "user"], "history": {}}
    made = train(rows, dataset, features={**SETTINGS["features"], "history": ["matches"]})
    prepared, network = prepared_of(made), Trained.of(Run.open(made.path), REGISTRY)
    order = np.argsort(prepared.times("test"))
    read = prepared.refreshed("test", read_record(made.path, REGISTRY).space.schema, "always")
    expected = network.predict_scores(read)[order, 0]
    first = ROWS - len(order)
    for place in (0, 17, len(order) - 1):
        before, row = rows.iloc[: first + place], rows.iloc[[first + place]]
        one = made.refresh(before, f"before {place}")
        assert one.predict(row, history=before).to_numpy().item() == pytest.approx(expected[place], abs=1e-6)
        stale = made.predict(row, history=before).to_numpy().item()
        assert stale != pytest.approx(expected[place], abs=1e-4)


def test_new_rows_count_by_their_weights():
    rows = table().assign(w=np.random.default_rng(4).integers(0, 4, ROWS) / 2)
    made, later = train(rows, {"weights": "w"}), rows.iloc[-LAST:]
    assert check_as_if_prepared(made.refresh(later, "weighted"), made) == {rows["w"].sum()}
    without = later.drop(columns="w")
    assert made.predict(later).equals(made.predict(without)), "predictions need no weights"
    with pytest.warns(UserWarning, match="60 of 120 rows are left out"):  # validation rows
        assert made.evaluate(without)["rows"].tolist() == [60]
    with pytest.raises(DataError, match="lack 'w'"):
        made.refresh(without, "new")
    with pytest.raises(DataError, match='w: expected a number from 0 on, found "-1"'):
        made.refresh(later.assign(w=-1), "new")


def test_a_refresh_that_cannot_be_made_is_refused(run, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RunExistsError):
        run.refresh(table(), tmp_path)
    with pytest.raises(DataError, match="lack 'click'"):
        run.refresh(table().drop(columns="click"), "new")
    with pytest.raises(DataError, match="none of the new rows is valid and has a label"):
        run.refresh(table().assign(click=None), "new")
    with pytest.raises(UsageError, match="no aggregates"):
        train(table(), features="ids").refresh(table(), "new")
    assert not Path("new").exists()
