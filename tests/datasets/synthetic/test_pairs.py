import hashlib
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from automtl_datasets.synthetic import Synthetic, SyntheticSettings
from automtl_datasets.synthetic.pairs import Pairs

RATES = {task: chance.rate for task, chance in Pairs.tasks().items()}
ENGAGE = tuple(Pairs.groups["engage"])


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
    for group in ("engage", "avoid"):
        pair = (f"{group}_left", f"{group}_right")
        for task in RATES:
            assert all(spread(frame, [field], task) < 2.5 for field in pair)
            together = spread(frame, list(pair), task)
            assert together > 6 if task in Pairs.groups[group] else together < 2.5


def test_fields_act_on_the_tasks_they_should(frame: pd.DataFrame) -> None:
    for task in RATES:
        engaged = task in ENGAGE
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


def test_rows_are_those_of_every_version() -> None:
    with duckdb.connect() as db:
        text = synthetic(rows=3000, seed=1).rows(db).to_csv(index=False, float_format="%.6g")
    digest = "e6decc901134ac85b3522af1e80e533736365370f04b20ecd773f866343019af"
    assert hashlib.sha256(text.encode()).hexdigest() == digest


def test_values_are_text_and_within_their_number(frame: pd.DataFrame) -> None:
    for field, ids in Pairs.ids.items():
        assert frame[field].str.startswith(f"{field}_").all()
        assert frame[field].nunique() <= ids.values
