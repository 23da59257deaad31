"""Draws that simulated files share."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from automtl_datasets.synthetic.kind import Chance, draw, zipf
from simulated.draws import Chances, blocks, of_groups, origins, pick, scattered, write_csv


def test_values_are_picked_as_often_as_said() -> None:
    picked = pick(np.random.default_rng(0), {"a": 3, "b": 1}, 100_000)
    assert (picked == "a").mean() == pytest.approx(0.75, abs=0.01)
    assert set(picked) == {"a", "b"}


def test_groups_are_as_frequent_as_their_values() -> None:
    given = of_groups(np.array([0, 2, 2]), np.array([0.5, 0.3, 0.2]), 4)
    np.testing.assert_allclose(given, [0.5, 0, 0.5, 0])


FREQUENCIES = {
    "user": zipf(200, 0.5),
    "item": zipf(50, 0.8),
    "left": zipf(8),
    "right": zipf(8),
    "again": zipf(2),
}
LABELS = {
    "click": Chance(0.4, {"user": 0.8, "item": 0.4, "again": 0.5}, {("left", "right"): 0.6}),
    "buy": Chance(0.05, {"user": 0.8}),
}


def labels(seed: int = 0) -> Chances:
    return Chances(seed, "shop", FREQUENCIES, LABELS)


@pytest.fixture(scope="module")
def ids() -> dict[str, np.ndarray]:
    random = np.random.default_rng(1)
    return {field: draw(random, frequencies, 50_000) for field, frequencies in FREQUENCIES.items()}


def test_labels_have_their_rates(ids: dict[str, np.ndarray]) -> None:
    for task, label in LABELS.items():
        assert labels().probability(task, ids).mean() == pytest.approx(label.rate, rel=0.05)


def test_labels_depend_on_their_fields_and_on_no_other(ids: dict[str, np.ndarray]) -> None:
    frame = pd.DataFrame(ids)
    for task, fields in {"click": {"user", "item", "again"}, "buy": {"user"}}.items():
        frame[task] = np.log(1 / (1 / labels().probability(task, ids) - 1))
        spread = {
            field: frame.groupby(field)[task].mean().std() for field in ("user", "item", "left", "again")
        }
        assert {field for field, deviation in spread.items() if deviation > 0.25} == fields


def test_a_pair_acts_only_together(ids: dict[str, np.ndarray]) -> None:
    frame = pd.DataFrame(ids | {"click": labels().probability("click", ids)})
    together = frame.groupby(["left", "right"])["click"].mean().std()
    assert all(frame.groupby(field)["click"].mean().std() < together / 4 for field in ("left", "right"))


def test_tasks_share_half_of_what_a_field_does() -> None:
    every = {field: np.zeros(200, dtype=np.int64) for field in FREQUENCIES} | {"user": np.arange(200)}
    found = []
    for seed in range(10):
        logits = [np.log(1 / (1 / labels(seed).probability(task, every) - 1)) for task in LABELS]
        found.append(np.corrcoef(*logits)[0, 1])
    assert np.mean(found) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("seed", range(5))
def test_the_second_of_two_values_makes_labels_likelier(seed: int) -> None:
    both = {field: np.zeros(2, dtype=np.int64) for field in FREQUENCIES} | {"again": np.arange(2)}
    first, second = labels(seed).probability("click", both)
    assert first < second


def test_scattered_numbers_are_the_same_numbers_in_another_order() -> None:
    numbers = scattered(np.arange(1000), 1000)
    assert sorted(numbers) == list(range(1000))
    assert (np.abs(np.diff(numbers)) > 1).all()


@pytest.mark.parametrize("counts", [[3, 0, 2, 9, 1, 0, 1, 0], [1], [0, 0, 5], [4, 4, 4, 4]])
def test_blocks_hold_owners_as_a_whole(counts: list[int]) -> None:
    found = [list(block) for block in blocks(np.array(counts), chunk=4)]
    assert [*chain(*found)] == [owner for owner, count in enumerate(counts) for _ in range(count)]
    assert all(found)
    owners = [set(block) for block in found]
    assert sum(map(len, owners)) == len(set().union(*owners))
    assert max(map(len, found)) <= max(4, max(counts)) + 3


def test_origins_are_the_last_fresh_rows() -> None:
    assert origins(np.array([False, False, True, False, True, True])).tolist() == [0, 0, 2, 2, 4, 5]


def test_csv_is_written_frame_by_frame(tmp_path: Path) -> None:
    def frames() -> Iterator[pd.DataFrame]:
        for text in ("x", "[1,2)"):
            yield pd.DataFrame({"number": [1, 2], "text": [text, None]})

    write_csv(tmp_path / "a/b.csv", frames())
    assert (tmp_path / "a/b.csv").read_bytes() == b'number,text\n1,x\n2,\n1,"[1,2)"\n2,\n'
    write_csv(tmp_path / "c.csv", frames(), header=False)
    assert (tmp_path / "c.csv").read_bytes() == b'1,x\n2,\n1,"[1,2)"\n2,\n'
