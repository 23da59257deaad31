"""Aggregates of a run that are brought up to date see new rows as if they had been prepared."""

import numpy as np
import pandas as pd
import pytest

import automtl
from automtl_core.data.store import Prepared
from automtl_core.errors import DataError, RunExistsError, UsageError

ROWS = 600
SETTINGS = {
    "dataset": {"sparse": ["item", "shop"], "dense": ["price"], "time": "time", "split": "time"},
    "features": {
        "aggregates": [["item"], ["item", "shop"], {"key": ["shop", "price"], "means": ["price"]}],
        "numbers": "standard",
        "wide": False,
        "history": [],
    },
    "training": {"epochs": 1, "min_positives": 1, "batch_size": 64, "embedding_decay": 0.01},
}


def table(seed=0, rows=ROWS):
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "item": draw.integers(0, 40, rows).astype(str),
            "shop": draw.choice(["", "north", "south"], rows),
            "price": draw.normal(size=rows),
            "time": np.sort(draw.integers(0, 30 * 86_400, rows)),
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
    config = run._folder.config()
    (folder,) = config.prepared_dir.glob(f"{config.dataset.name}-*")
    prepared = Prepared.open(folder)
    return [prepared.part(name) for name in ("validation", "test")], run._folder.encoder()


def test_new_rows_count_like_prepared_ones(run, tmp_path):
    later = table().iloc[-round(0.2 * ROWS) :]  # of validation and test
    again = run.refresh(later.sample(frac=1, random_state=0), tmp_path / "later")
    parts, encoder = parts_of(run)
    assert sum(map(len, parts)) == len(later)
    expected = encoder.aggregates.with_rows(parts, encoder.schema)
    refreshed = again._folder.encoder().aggregates
    for one, other, before in zip(refreshed.states, expected.states, encoder.aggregates.states, strict=True):
        assert np.array_equal(one.cells, other.cells)
        assert one.sums == pytest.approx(other.sums)
        assert one.totals == pytest.approx(other.totals)
        assert one.totals[0] == ROWS
        assert before.totals[0] == ROWS - len(later)
    assert not np.allclose(again.predict(table(1)), run.predict(table(1)))
    assert again.metrics.equals(run.metrics)


def test_new_values_are_known_afterwards(run, tmp_path):
    unseen = table(2)
    unseen.loc[::2, ["item", "shop", "click"]] = ["new", "west", 1]
    again = run.refresh(unseen, tmp_path / "unseen")
    before, after = (one.predict(unseen)["click"][::2].mean() for one in (run, again))
    assert after != pytest.approx(before, abs=1e-3)
    twice = again.refresh(unseen, tmp_path / "twice")
    assert (tmp_path / "twice" / "refreshed.json").read_text().count(str(2 * ROWS)) == 1
    assert twice.path == tmp_path / "twice"


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
