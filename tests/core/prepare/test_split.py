from collections import Counter

import numpy as np
import pandas as pd
import pytest

from automtl_core.errors import AutoMTLError, DataError
from automtl_core.prepare.examples import make_examples
from automtl_core.prepare.split import (
    LEFT_OUT,
    TEST,
    TRAIN,
    VALIDATION,
    leave_out,
    parts_of_groups,
    random_parts,
    split,
)
from automtl_core.prepare.values import Examples
from automtl_core.raw.connection import connect
from automtl_core.raw.sql import quoted
from automtl_core.system.seeds import generator

ROWS = 200


def frame(**columns):
    n = np.arange(ROWS)
    return {"user": n % 20, "city": n, "price": n, "click": n % 2, "buy": n % 3 == 0, **columns}


def parts_of(tmp_path, dataset, columns=("city",), unit=1.0, whole=True):
    """Return the part of each example, by the value of some columns; of all, or of those with weights."""
    with connect(None, tmp_path) as db:
        make_examples(table := Examples(db, dataset, "shop"))
        table.unit = unit
        table.parts = parts = split(table)
        if not whole:
            leave_out(table)
            parts = table.parts
        rows = db.table("examples").project(", ".join(map(quoted, columns))).fetchall()
    return dict(zip(rows, parts.tolist(), strict=True))


@pytest.mark.parametrize(
    ("rows", "validation", "test"), [(100, 10, 10), (7, 1, 1), (1005, 100, 100), (26, 3, 3)]
)
def test_a_random_split_has_exact_sizes(rows, validation, test):
    counts = Counter(random_parts(rows, [validation, test], seed=0).tolist())
    assert counts == {TRAIN: rows - validation - test, VALIDATION: validation, TEST: test}


def test_a_random_split_is_drawn_block_by_block_by_permutations():
    parts = random_parts(1005, [100, 200], 3, block=300)
    assert Counter(parts.tolist()) == {TRAIN: 705, VALIDATION: 100, TEST: 200}
    assert all(abs(np.count_nonzero(parts[at : at + 300] == TEST) - 60) <= 1 for at in (0, 300, 600))
    assert not np.array_equal(parts[:300], parts[300:600])
    order = generator(7, "split").permutation(np.arange(50, dtype=np.int32))
    parts = random_parts(50, [5, 10], 7)
    assert set(order[:5]) == {*np.flatnonzero(parts == VALIDATION)}
    assert set(order[5:15]) == {*np.flatnonzero(parts == TEST)}


DAYS = pd.date_range("2024-01-01", periods=ROWS, freq="12h")
HOURS = np.arange(ROWS) * 12


@pytest.mark.parametrize(
    ("times", "unit", "settings", "sizes"),
    [
        (DAYS, 1.0, {"test_from": "2024-03-31"}, (162, 18, 20)),  # a tenth of the other rows validates
        (DAYS, 1.0, {"test_from": "2024-03-31T12:00:00", "validation_from": "2024-03-30"}, (178, 3, 19)),
        (DAYS, 1.0, {"test_from": "2024-03-31 11:59", "validation_from": "2024-03-31"}, (180, 1, 19)),
        (DAYS.tz_localize("UTC"), 1.0, {"test_from": "2024-03-31T02:00:00+02:00"}, (162, 18, 20)),
        (HOURS // 12, 1.0, {"test_from": 150, "validation_from": 149}, (149, 1, 50)),
        (HOURS, 3600.0, {"test_from": "1970-03-31", "validation_from": "1970-03-30"}, (176, 2, 22)),
    ],
)
def test_dates_and_numbers_cut_the_parts(tmp_path, given, times, unit, settings, sizes):
    dataset = given(frame(at=times), split="time", **settings)
    dataset.time = "at"
    parts = parts_of(tmp_path, dataset, unit=unit)
    expected = [TRAIN] * sizes[0] + [VALIDATION] * sizes[1] + [TEST] * sizes[2]
    assert [parts[city,] for city in range(ROWS)] == expected


@pytest.mark.parametrize(
    ("settings", "windows"),
    [
        ({}, [(160, 20, 20), (140, 20, 20), (120, 20, 20)]),
        ({"test_fraction": 0.2, "validation_fraction": 0.05}, [(150, 10, 40), (110, 10, 40)]),
        ({"test_from": 160}, [(144, 16, 40), (109, 12, 39), (74, 8, 39)]),
        ({"test_from": 160, "validation_from": 150}, [(150, 10, 40), (111, 10, 39), (72, 10, 39)]),
    ],
)
def test_windows_end_one_before_the_other(tmp_path, given, settings, windows):
    for number, (train, validation, test) in enumerate(windows):
        (folder := tmp_path / str(number)).mkdir()
        dataset = given(frame(at=np.arange(ROWS)), split="time", split_seed=number, **settings)
        dataset.time = "at"
        parts = parts_of(folder, dataset)
        left = ROWS - train - validation - test
        expected = [TRAIN] * train + [VALIDATION] * validation + [TEST] * test + [LEFT_OUT] * left
        assert [parts[city,] for city in range(ROWS)] == expected


@pytest.mark.parametrize(
    ("times", "settings", "message"),
    [
        (DAYS, {"test_from": 5}, "dataset.test_from is 5, and times are dates"),
        (DAYS, {"test_from": "2024-03-01T00:00Z"}, "times are dates without an offset"),
        (DAYS, {"test_from": "2025-03-01"}, "at is from 2024-01-01 00:00:00 to 2024-04-09"),
        (HOURS, {"test_from": 150, "validation_from": 149.5}, "no row .* that dataset.validation_from=149.5"),
        (DAYS, {"validation_from": "2024-03-01"}, "needs dataset.test_from"),
        (HOURS.astype(str), {"test_from": 5}, "at has texts that are no times"),
        (DAYS, {"test_from": "2024-03-01", "split": "random"}, "needs a split by time"),
        ([None, *DAYS[1:]], {}, "at holds None, expected a time in each row"),
        (None, {}, "dataset shop has no time"),
        (None, {"split": "user"}, "dataset shop has no user"),
    ],
)
def test_splits_that_cannot_be(tmp_path, given, times, settings, message):
    dataset = given(frame(at=times), **{"split": "time", **settings})
    dataset.time = None if times is None else "at"
    with pytest.raises(AutoMTLError, match=message):
        parts_of(tmp_path, dataset)


@pytest.mark.parametrize(
    ("rows", "columns", "message", "fix"),
    [
        (0, {}, "no rows are left", "lower min_buys (now 7)"),
        (4, {}, "4 rows are left", "lower min_buys (now 7)"),
        (ROWS, {"told": ["train"] * (ROWS - 1) + ["dev"]}, "told holds 'dev'", "allowed are train"),
        (ROWS, {"w": 0}, "the weights of all training rows are 0", "correct the columns"),
    ],
)
def test_empty_parts_and_unknown_ones_are_refused(tmp_path, given, rows, columns, message, fix):
    table = pd.DataFrame(frame(**{"w": 1, "told": "train", **columns}))
    dataset = given(table.iloc[:rows], min_buys=7, weights="w")
    dataset.part = "told"
    with pytest.raises(DataError, match=message) as error:
        parts_of(tmp_path, dataset, whole=False)
    assert error.value.fix.startswith(fix)


@pytest.mark.parametrize("weights", ["w", {"click": "w"}, {"click": "w", "buy": "v"}])
def test_training_rows_whose_weights_are_all_0_are_left_out(tmp_path, given, weights):
    n = np.arange(ROWS)
    columns, found = frame(w=n % 3 / 2, v=n % 2 * 1e-50), []
    for whole in (True, False):
        (folder := tmp_path / str(whole)).mkdir()
        found.append(parts_of(folder, given(columns, split_seed=1, weights=weights), whole=whole))
    parts, left = found
    for (city,), part in parts.items():
        # The weight of a row for a task that has no column of weights is 1.
        zero = city % 3 == 0 and part == TRAIN and weights != {"click": "w"}
        assert left[city,] == (LEFT_OUT if zero else part)


def test_equal_times_stay_together(tmp_path, given):
    dataset = given(frame(at=np.arange(ROWS) // 30), split="time")
    dataset.time = "at"
    parts = parts_of(tmp_path, dataset, ("at", "city"))
    by_time = {time: {part for (at, _), part in parts.items() if at == time} for time, _ in parts}
    assert all(len(found) == 1 for found in by_time.values())
    assert [next(iter(by_time[time])) for time in range(7)] == [TRAIN] * 5 + [VALIDATION, TEST]


def test_a_user_is_in_one_part(tmp_path, given):
    seen = []
    for seed in (0, 1):
        dataset = given(frame(), split="user", split_seed=seed)
        dataset.user = "user"
        (tmp_path / str(seed)).mkdir()
        parts = parts_of(tmp_path / str(seed), dataset, ("user", "city"))
        users = {user: {part for (u, _), part in parts.items() if u == user} for user in range(20)}
        assert all(len(found) == 1 for found in users.values())
        assert Counter(parts.values()) == {TRAIN: 160, VALIDATION: 20, TEST: 20}
        seen.append(users)
    assert seen[0] != seen[1]


def test_groups_fill_a_part_as_nearly_as_they_can():
    sizes = np.array([60, 25, 5, 6, 4])
    parts = parts_of_groups(sizes, np.arange(5, dtype=np.int32)[::-1], [10, 10])
    assert parts.tolist() == [TRAIN, TRAIN, VALIDATION, TEST, TEST]


@pytest.mark.parametrize(
    ("given_parts", "expected"),
    [
        ({0: "test", 1: "validation"}, {TRAIN: 160, VALIDATION: 20, TEST: 20}),
        ({0: "test"}, {TRAIN: 162, VALIDATION: 18, TEST: 20}),
        ({1: "validation"}, {TRAIN: 162, VALIDATION: 20, TEST: 18}),
        ({}, {TRAIN: 160, VALIDATION: 20, TEST: 20}),
    ],
)
def test_the_split_of_the_publisher_is_kept(tmp_path, given, given_parts, expected):
    told = [given_parts.get(n % 10, "train") for n in range(ROWS)]
    dataset = given(frame(told=told))
    dataset.part = "told"
    parts = parts_of(tmp_path, dataset, ("city", "told"))
    assert Counter(parts.values()) == expected
    for (_, name), part in parts.items():
        assert name == "train" or part == {"validation": VALIDATION, "test": TEST}[name]
