"""Simulated Ali-CCP: the layout of the real files, something to learn, and little memory."""

import gc
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from automtl_datasets.aliccp import SPARSE
from simulated import aliccp

from .samples import ROWS, dominance, learnable

MULTI = {"210", "853", "109_14", "110_14", "127_14", "150_14"}
WEIGHED = {"853", "508", "509", "702", "109_14", "110_14", "127_14", "150_14"}
Sample = tuple[int, int, str, list[tuple[str, str, str]]]


def lines(path: Path, separators: int) -> list[list[str]]:
    return [line.split(",", separators) for line in path.read_text().splitlines()]


def features(count: str, text: str) -> list[tuple[str, str, str]]:
    """Return field, id and number of each feature."""
    found = [tuple(feature.replace("\x02", "\x03").split("\x03")) for feature in text.split("\x01")]
    assert len(found) == int(count)
    assert all(len(feature) == 3 for feature in found)
    return found


@pytest.fixture(scope="module")
def aliccp_parts(folders: dict[str, Path]) -> dict[str, tuple[dict[str, Any], list[Sample]]]:
    """Return for each part the common features by their index, and the samples."""
    parts = {}
    for part in ("train", "test"):
        folder = folders["aliccp"] / f"sample_{part}"
        commons = lines(folder / f"common_features_{part}.csv", 2)
        skeleton = lines(folder / f"sample_skeleton_{part}.csv", 5)
        assert [int(line[0]) for line in skeleton] == list(range(1, len(skeleton) + 1))
        parts[part] = (
            {index: features(*rest) for index, *rest in commons},
            [(int(click), int(buy), index, features(*rest)) for _, click, buy, index, *rest in skeleton],
        )
        assert len(parts[part][0]) == len(commons)
    return parts


Parts = dict[str, tuple[dict[str, Any], list[Sample]]]


def test_aliccp_has_its_sizes(aliccp_parts: Parts) -> None:
    for part, rows in (("train", ROWS["aliccp"]), ("test", ROWS["aliccp"] // 4)):
        commons, samples = aliccp_parts[part]
        assert (len(commons), len(samples)) == (rows // 50, rows)
        assert {len(index) for index in commons} == {16}
        assert {index for _, _, index, _ in samples} <= set(commons)
        sizes = np.array([len(commons[index]) + len(own) for _, _, index, own in samples])
        assert sizes.mean() == pytest.approx(300, rel=0.1)
        assert sizes.std() > 50
    assert not set(aliccp_parts["train"][0]) & set(aliccp_parts["test"][0])


def test_aliccp_has_optional_and_multi_valued_fields_in_any_order(aliccp_parts: Parts) -> None:
    commons, samples = aliccp_parts["train"]
    for rows, sure in (([*commons.values()], {"101"}), ([own for *_, own in samples], {"205", "301"})):
        held = [{field for field, _, _ in row} for row in rows]
        every = set().union(*held)
        assert set.intersection(*held) - MULTI == sure
        assert (
            len({tuple(field for field, _, _ in row if field not in MULTI) for row in rows}) > len(rows) / 4
        )
        many = {f for row in rows for f in MULTI if sum(field == f for field, _, _ in row) > 1}
        assert many == MULTI & every
        assert all(sum(field == f for field, _, _ in row) <= 1 for row in rows[:200] for f in every - MULTI)


def test_aliccp_has_numbers_behind_ids(aliccp_parts: Parts) -> None:
    commons, samples = aliccp_parts["train"]
    numbers: dict[str, set[str]] = {}
    for row in [*commons.values(), *(own for *_, own in samples)]:
        for field, _, number in row:
            numbers.setdefault(field, set()).add(number)
    assert set(numbers) == set(SPARSE)
    for field, found in numbers.items():
        assert (found == {"1.0"}) == (field not in WEIGHED)
        assert all("." in number and 0 < float(number) < 10 for number in found)
        assert len(found) > 5 or field not in WEIGHED


def test_aliccp_has_few_purchases_without_click(aliccp_parts: Parts) -> None:
    for _, samples in aliccp_parts.values():
        illegal = sum(buy > click for click, buy, *_ in samples)
        assert illegal == len(samples) // 2000


def test_aliccp_can_be_learnt(aliccp_parts: Parts) -> None:
    commons, samples = aliccp_parts["train"]
    fields = ["101", "121", "205", "206"]
    rows = [
        {"click": click, "purchase": buy, **{field: value for field, value, _ in commons[index] + own}}
        for click, buy, index, own in samples
    ]
    frame = pd.DataFrame(rows)[[*fields, "click", "purchase"]].fillna("")
    assert frame["click"].mean() == pytest.approx(0.06, rel=0.25)
    assert frame["purchase"].mean() > 0.01
    assert dominance(frame["101"]) > 0.15
    assert dominance(frame["205"]) > 0.4
    for task in ("click", "purchase"):
        assert learnable(frame, fields, task) > 0.6


def test_aliccp_features_follow_the_setting(tmp_path: Path) -> None:
    aliccp.simulate(tmp_path, 2000, 0, features_per_row=40)
    counts = [int(row[1]) for row in lines(tmp_path / "sample_train/common_features_train.csv", 2)]
    assert np.mean(counts) == pytest.approx(27, rel=0.15)


def test_the_memory_does_not_grow_with_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aliccp, "LINES", 500)
    monkeypatch.setattr(aliccp, "VALUES", 5000)
    monkeypatch.setattr("simulated.draws.TYPICAL", 1000)
    peaks = []
    for rows in (1000, 4000):
        (tmp_path / str(rows)).mkdir()
        gc.collect()
        tracemalloc.start()
        aliccp.simulate(tmp_path / str(rows), rows, 0, features_per_row=50)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]
