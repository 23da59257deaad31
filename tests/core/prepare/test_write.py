"""Arrays beside ids, numbers and labels as they are written."""

import numpy as np
import pytest

from automtl_core.data.store import PARTS
from automtl_core.dataset.dataset import Dense, Sparse
from automtl_core.prepare.prepare import prepare

ROWS = 3000
N = np.arange(ROWS)
COLUMNS = {
    "user": [f"u{n}" for n in N % 250],
    "city": N % 7,
    "price": N / 10,
    "click": N % 2,
    "buy": N % 3 == 0,
}


@pytest.mark.parametrize("split", ["random", "user"])
def test_users_are_identified_also_where_no_training_row_names_them(tmp_path, given, split):
    user = N % 250
    dataset = given({**COLUMNS, "user": [f"u{n}" if n else None for n in user], "price": user}, split=split)
    dataset.fields, dataset.user = (Sparse("user"), Dense("price", "none")), "user"
    prepared = prepare(dataset, "given", None, tmp_path)
    for name in PARTS:
        numbers, told = prepared.users(name), prepared.part(name).dense[:, 0]
        pairs = {(int(number), int(who)) for number, who in zip(numbers, told, strict=True)}
        assert len({number for number, _ in pairs}) == len({who for _, who in pairs}) == len(pairs)
        assert all((number == 0) == (who == 0) for number, who in pairs)


def test_a_split_by_time_keeps_the_order_of_times(tmp_path, given):
    at = (N * 7 % ROWS) // 10
    dataset = given({**COLUMNS, "price": at, "at": [f"{when:04}" for when in at]}, split="time")
    dataset.fields, dataset.time = (Sparse("user"), Dense("price", "none")), "at"
    prepared = prepare(dataset, "given", None, tmp_path)
    # the price tells when a row was
    pairs = []
    for name in PARTS:
        pairs += zip(prepared.times(name).tolist(), prepared.part(name).dense[:, 0].tolist(), strict=True)
    times, prices = zip(*sorted(set(pairs)), strict=True)
    assert len(pairs) == ROWS
    assert list(prices) == sorted(set(prices)) == list(range(300))
    assert len(set(times)) == 300


@pytest.mark.parametrize("split", ["random", "user"])
def test_without_a_split_by_time_no_times_are_written(tmp_path, given, split):
    dataset = given({**COLUMNS, "at": N}, split=split)
    dataset.user, dataset.time = "user", "at"
    prepared = prepare(dataset, "given", None, tmp_path)
    assert [prepared.times(name) for name in PARTS] == [None] * 3
    assert prepare(given(COLUMNS), "given", None, tmp_path).users("test") is None
