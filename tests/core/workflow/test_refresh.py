"""Aggregates of a run that are brought up to date see new rows as if they had been prepared."""

import numpy as np
import pandas as pd
import pytest

import automtl
from automtl_core.data.store import Prepared
from automtl_core.errors import DataError, RunExistsError, UsageError
from automtl_core.run_dir.facts import Refreshed
from automtl_core.run_dir.run import Run


def folder_of(run):
    return Run.open(run.path)


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


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("refresh"))
        yield automtl.train(table(), ["click"], model="shared-bottom", settings=SETTINGS)


def parts_of(run):
    config = folder_of(run).config()
    (folder,) = config.prepared_dir.glob(f"{config.dataset.name}-*")
    prepared = Prepared.open(folder)
    names = ("validation", "test")
    return [(prepared.part(one), prepared.seconds(one)) for one in names], folder_of(run).encoder()


def test_new_rows_count_like_prepared_ones(run, tmp_path):
    later = table().iloc[-round(0.2 * ROWS) :]  # of validation and test
    again = run.refresh(later.sample(frac=1, random_state=0), tmp_path / "later")
    parts, encoder = parts_of(run)
    assert sum(len(part) for part, _ in parts) == len(later)
    expected = encoder.aggregates.with_rows(parts, encoder.schema)
    refreshed = folder_of(again).encoder().aggregates
    for one, other, before in zip(refreshed.states, expected.states, encoder.aggregates.states, strict=True):
        assert np.array_equal(one.cells, other.cells)
        assert one.sums == pytest.approx(other.sums)
        assert one.totals == pytest.approx(other.totals)
        if not one.aggregate.half_life:
            assert one.totals[0] == ROWS
            assert before.totals[0] == ROWS - len(later)
    assert not np.allclose(again.predict(table(1)), run.predict(table(1)))
    assert again.metrics.equals(run.metrics)
    told = again._record.to_json()
    assert told["refreshed"]["rows"] == len(later)
    assert list(told["refreshes"]) == ["never", "1d", "1h", "always"]
    assert told["refreshes"]["never"] == {"click": run.metrics.loc["click", "auc"]}


def test_rows_whose_labels_were_not_yet_known_are_taken_from_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = {**SETTINGS, "dataset": {**SETTINGS["dataset"], "label_delay": 5 * 86_400}}
    made = automtl.train(table(), ["click"], model="shared-bottom", settings=settings)
    again = made.refresh(table(), "whole")
    known, whole = (folder_of(one).encoder().aggregates.states[0].totals[0] for one in (made, again))
    assert (known < 0.8 * ROWS, whole) == (True, ROWS)
    assert folder_of(again).read(Refreshed).rows == ROWS - known


def test_rows_that_the_aggregates_have_seen_are_left_out(run, tmp_path):
    whole = table()
    once = run.refresh(whole.iloc[:-50], tmp_path / "once")  # with the training rows
    twice = once.refresh(whole.iloc[200:], tmp_path / "twice")
    added = [folder_of(one).read(Refreshed).rows for one in (once, twice)]
    assert added == [round(0.2 * ROWS) - 50, round(0.2 * ROWS)]
    for state in folder_of(twice).encoder().aggregates.states:
        assert state.aggregate.half_life or state.totals[0] == ROWS
    with pytest.raises(DataError, match=f"none of the {ROWS} rows is later than time {whole['time'].max()}"):
        twice.refresh(whole, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_after_a_refit_the_validation_rows_are_left_out_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = automtl.train(table(), ["click"], model="shared-bottom", settings={**SETTINGS, "refit": True})
    test = table().iloc[-round(0.1 * ROWS) :]
    again = made.refresh(table(), "whole")
    assert folder_of(again).read(Refreshed).rows == len(test)
    for state in folder_of(again).encoder().aggregates.states:
        assert state.aggregate.half_life or state.totals[0] == ROWS
    later = test.assign(time=lambda rows: rows["time"] + 30 * 86_400)
    with pytest.warns(UserWarning, match="have not seen the test rows"):
        made.refresh(later, "later")


@pytest.mark.parametrize("form", ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S+02:00"])
def test_times_may_be_dates(tmp_path, monkeypatch, form):
    monkeypatch.chdir(tmp_path)
    dated = table().assign(time=lambda rows: pd.to_datetime(rows["time"], unit="s").dt.strftime(form))
    made = automtl.train(dated, ["click"], model="shared-bottom", settings=SETTINGS).refresh(dated, "new")
    fact = folder_of(made).read(Refreshed)
    assert fact.rows == round(0.2 * ROWS)
    until = pd.to_datetime(table()["time"].max() - 7200 * ("+" in form), unit="s")
    assert fact.until == str(until) + " UTC" * ("+" in form)
    with pytest.raises(DataError, match="write both in the same unit"):
        made.refresh(table().assign(time=lambda rows: rows["time"] * 1_000_000), "other")


def test_rows_are_predicted_as_if_all_rows_before_were_prepared(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = table().assign(user=lambda rows: (rows["price"] * 1e6).astype(int) % 40)
    dataset = {**SETTINGS["dataset"], "user": "user", "sparse": ["item", "shop", "user"], "history": {}}
    features = {**SETTINGS["features"], "history": ["matches"]}
    settings = {**SETTINGS, "dataset": dataset, "features": features}
    made = automtl.train(rows, ["click"], model="shared-bottom", settings=settings)
    (_, (test, _)), _ = parts_of(made)
    folder = next(folder_of(made).config().prepared_dir.glob("table-*"))
    prepared, schema = Prepared.open(folder), made._record.space.schema
    order = np.argsort(prepared.times("test"))
    expected = made._trained.predict_scores(prepared.refreshed("test", schema, "always"))[order, 0]
    first = ROWS - len(test)
    for place in (0, 17, len(test) - 1):
        before, row = rows.iloc[: first + place], rows.iloc[[first + place]]
        one = made.refresh(before, f"before {place}")
        assert one.predict(row, history=before).to_numpy().item() == pytest.approx(expected[place], abs=1e-6)
        stale = made.predict(row, history=before).to_numpy().item()
        assert stale != pytest.approx(expected[place], abs=1e-4)


def test_new_rows_count_by_their_weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = table().assign(w=np.random.default_rng(4).integers(0, 4, ROWS) / 2)
    settings = {**SETTINGS, "dataset": {**SETTINGS["dataset"], "weights": "w"}}
    made = automtl.train(rows, ["click"], model="shared-bottom", settings=settings)
    parts, encoder = parts_of(made)
    later = rows.iloc[-round(0.2 * ROWS) :]
    again = folder_of(made.refresh(later, "later")).encoder().aggregates
    expected = encoder.aggregates.with_rows(parts, encoder.schema)
    for one, other in zip(again.states, expected.states, strict=True):
        assert np.array_equal(one.cells, other.cells)
        assert one.sums == pytest.approx(other.sums)
        if not one.aggregate.half_life:
            assert one.totals[0] == rows["w"].sum()
    assert made.predict(later).equals(made.predict(later.drop(columns="w"))), "predictions need no weights"
    with pytest.warns(UserWarning, match="60 of 120 rows are left out"):  # validation rows
        assert made.evaluate(later.drop(columns="w"))["rows"].tolist() == [60]
    with pytest.raises(DataError, match="lack 'w'"):
        made.refresh(later.drop(columns="w"), "new")
    with pytest.raises(DataError, match='w: expected a number from 0 on, found "-1"'):
        made.refresh(later.assign(w=-1), "new")


def test_a_refresh_that_cannot_be_made_is_refused(run, tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    with pytest.raises(RunExistsError, match="choose another name"):
        run.refresh(table(), tmp_path / "taken")
    with pytest.raises(DataError, match="lack 'click'"):
        run.refresh(table().drop(columns="click"), tmp_path / "new")
    with pytest.raises(DataError, match="none of the new rows is valid and has a label"):
        run.refresh(table().assign(click=None), tmp_path / "new")
    assert not (tmp_path / "new").exists()
    plain = {**SETTINGS, "features": "ids"}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        ids = automtl.train(table(), ["click"], model="shared-bottom", settings=plain)
        with pytest.raises(UsageError, match="no aggregates"):
            ids.refresh(table(), tmp_path / "new")
