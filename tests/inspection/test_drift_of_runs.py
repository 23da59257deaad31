"""Drift of new rows since the test rows of a run, and of test rows since training rows."""

import numpy as np
import pandas as pd
import pytest

import automtl
from automtl_core.data.frames import NewExamples
from automtl_core.data.store import Prepared
from automtl_core.errors import DataError
from automtl_inspection.drift import drift_since
from automtl_inspection.shifts import Drifted, drift_within

SETTINGS = {
    "dataset": {
        "sparse": ["user", "item"],
        "dense": ["price"],
        "time": "at",
        "split": "time",
        "user": "user",
    },
    "features": "ids",
    "training": {"epochs": 2, "min_positives": 1, "batch_size": 128, "embedding_decay": 0.001},
    "importance": {"rows": 0},
    "refit": False,
}


def table(seed=0, rows=3000, start=0, items=20, shift=0.0, click=0.0):
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"user": draw.integers(0, 200, rows), "item": draw.integers(0, items, rows)}
    ).astype(str).radd("x")  # fmt: skip
    frame["price"] = draw.normal(size=rows) + shift
    frame["at"] = 1_700_000_000 + 86_400 * start + 60 * np.arange(rows)
    frame["click"] = (draw.random(rows) < 0.3 + click).astype(int)
    return frame


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("drift"))
        yield automtl.train(table(), ["click"], model="shared-bottom", settings=SETTINGS)


def drift(run, rows, labelled=True):
    (folder,) = run._folder.config().prepared_dir.glob("*-*")
    reading = NewExamples(run._dataset, rows, labelled=labelled, time="at" if labelled else None)
    return drift_since(run._trained, Prepared.open(folder), reading, ("old", "new"))


def test_rows_alike_differ_in_no_column_and_have_scores_by_day(run):
    found = drift(run, table(seed=1, start=3))
    assert found.rows == (300, 3000)
    assert found.columns == 5  # two fields, a number, a label, predictions
    assert not any(shift.drifted for shift in found.shifts)
    names = [day.name for day in found.days]
    assert names == ["test rows", *(f"2023-11-{day}" for day in (17, 18, 19, 20))]
    assert sum(day.rows for day in found.days[1:]) == 3000
    whole = run.evaluate(table(seed=1, start=3)).loc["click", "auc"]
    scores = [day.scores["click"][0] for day in found.days[1:] if day.scores]
    assert min(scores) <= whole <= max(scores)
    assert found.days[0].scores["click"][0] == pytest.approx(run.metrics.loc["click", "auc"])


def test_new_values_other_numbers_and_other_labels_are_told(run):
    found = drift(run, table(seed=1, start=3, items=40, shift=1.0, click=0.3))
    shifts = {shift.column: shift for shift in found.shifts if shift.drifted}
    assert shifts["item"].value == "unseen or missing"
    assert shifts["item"].now == pytest.approx(0.5, abs=0.05)
    assert shifts["click"].now == pytest.approx(0.6, abs=0.05)
    assert "price" in shifts
    assert "user" not in shifts


def test_rows_without_labels_have_no_scores(run):
    found = drift(run, table(seed=1, shift=1.0).drop(columns="click"), labelled=False)
    assert found.days == ()
    assert "price" in {shift.column for shift in found.shifts if shift.drifted}
    with pytest.raises(DataError, match="no valid row"):
        drift(run, table()[:0])


def test_a_run_records_the_drift_to_its_test_rows(run):
    (folder,) = run._folder.config().prepared_dir.glob("*-*")
    found = run._folder.read(Drifted).shifts
    assert [s.to_json() for s in found] == [s.to_json() for s in drift_within(Prepared.open(folder), 0)]
    assert {shift.column for shift in found} == {"user", "item", "price", "click"}
