"""Vocabularies and probabilities as they are written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from automtl_core.data.prepare.prepare import prepare
from automtl_core.data.store import PARTS
from automtl_core.dataset import Label

ROWS = 3000
N = np.arange(ROWS)
COLUMNS = {
    "user": [f"u{n}" for n in N % 250],
    "city": N % 7,
    "price": N / 10,
    "click": N % 2,
    "buy": N % 3 == 0,
    "p": (N % 10) / 10,
}


def test_a_vocabulary_is_the_same_however_few_values_are_fetched_at_a_time(
    tmp_path: Path, given: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = prepare(given(COLUMNS), "given", None, tmp_path / "first").manifest
    monkeypatch.setattr("automtl_core.data.prepare.write.LINES", 7)
    assert prepare(given(COLUMNS), "given", None, tmp_path / "second").manifest == first


def test_probabilities_stand_beside_the_labels_that_have_them(
    tmp_path: Path, given: Callable[..., Any]
) -> None:
    dataset = given(COLUMNS)
    dataset.labels = (Label("buy"), Label("click", oracle="p"))
    prepared = prepare(dataset, "given", None, tmp_path)
    for name in PARTS:
        found, part = prepared.oracle(name), prepared.part(name)
        assert found is not None
        assert found.shape == part.labels.shape
        assert np.isnan(found[:, 0]).all()
        # p is the last digit of n, whose oddness is the label
        assert np.array_equal(np.round(found[:, 1] * 10) % 2, part.labels[:, 1])
