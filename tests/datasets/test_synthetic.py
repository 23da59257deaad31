from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from automtl_core.data.prepare.prepare import prepare
from automtl_core.data.store import PARTS
from automtl_core.dataset import dense_fields, names_of, sparse_fields
from automtl_core.training.metrics import auc
from automtl_datasets.synthetic import PAIRS, TASKS, VALUES, Synthetic, SyntheticSettings

RATES = {task: rate for rates in TASKS.values() for task, rate in rates.items()}


def synthetic(**settings: Any) -> Synthetic:
    return Synthetic(SyntheticSettings(**settings))


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    with duckdb.connect() as db:
        return synthetic().rows(db)


def spread(frame: pd.DataFrame, fields: list[str], task: str) -> float:
    """Return the deviation of a label's rate over the values of fields, in units of what chance makes."""
    groups = frame.groupby(fields)[task]
    return float(groups.mean().std() / (frame[task].std() / np.sqrt(groups.size().mean())))


def test_labels_have_their_rates(frame: pd.DataFrame) -> None:
    for task, rate in RATES.items():
        assert frame[task].mean() == pytest.approx(rate, abs=0.01)
        assert frame[f"probability_{task}"].mean() == pytest.approx(rate, abs=1e-9)


def test_a_pair_tells_nothing_alone_and_much_together(frame: pd.DataFrame) -> None:
    for group, pair in PAIRS.items():
        for task in RATES:
            assert all(spread(frame, [field], task) < 2.5 for field in pair)
            together = spread(frame, list(pair), task)
            assert together > 6 if task in TASKS[group] else together < 2.5


def test_fields_act_on_the_tasks_they_should(frame: pd.DataFrame) -> None:
    for task in RATES:
        engaged = task in TASKS["engage"]
        assert (spread(frame, ["engage_only"], task) > 6) == engaged
        assert (spread(frame, ["avoid_only"], task) > 6) != engaged
        assert spread(frame, ["appeal"], task) > 6
        assert spread(frame, ["noise_small"], task) < 2.5
        assert abs(frame["dense_noise"].corr(frame[task])) < 0.02


def test_shared_fields_pull_the_groups_apart(frame: pd.DataFrame) -> None:
    rates = frame.groupby("appeal")[list(RATES)].mean().corr()
    assert rates.loc["click", "like"] > 0.9
    assert rates.loc["skip", "hide"] > 0.9
    assert rates.loc["click", "skip"] < -0.9
    assert frame["dense_signal"].corr(frame["click"]) > 0.1
    assert frame["dense_signal"].corr(frame["skip"]) < -0.1


def test_the_best_reachable_auc(tmp_path: Path) -> None:
    prepared = prepare(synthetic(), "synthetic", None, tmp_path)
    for part in PARTS:
        oracle, labels = prepared.oracle(part), prepared.part(part).labels
        assert oracle is not None
        best = [auc(labels[:, place], oracle[:, place]) for place in range(len(RATES))]
        assert all(value and 0.8 < value < 0.88 for value in best)


def test_the_truth_names_fields_and_tasks() -> None:
    truth, dataset = synthetic().truth(), synthetic()
    assert (
        set(truth["tasks"])
        == set(names_of(dataset.labels))
        == {t for tasks in truth["groups"].values() for t in tasks}
    )
    fields = {*names_of(sparse_fields(dataset)), *names_of(dense_fields(dataset))}
    for task in truth["tasks"].values():
        assert {*task["fields"], *task["pairs"][0], *truth["noise"]} <= fields
        assert not {*task["fields"], *task["pairs"][0]} & set(truth["noise"])


def test_rows_follow_the_seed(frame: pd.DataFrame) -> None:
    with duckdb.connect() as db:
        pd.testing.assert_frame_equal(synthetic().rows(db), frame)
        assert not synthetic(seed=1).rows(db)["click"].equals(frame["click"])
        assert len(synthetic(rows=300).rows(db)) == 300


def test_values_are_text_and_within_their_number(frame: pd.DataFrame) -> None:
    for field, number in VALUES.items():
        assert frame[field].str.startswith(f"{field}_").all()
        assert frame[field].nunique() <= number
