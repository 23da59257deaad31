"""Aggregates: equal to a slow loop over rows in plain Python, for each rule of earlier rows."""

import bisect
import math

import numpy as np
import pytest

from automtl_core.data import aggregates
from automtl_core.data.aggregates import LEAST, SHRINKAGE, Aggregates, fit
from automtl_core.data.earlier import FOLDS, PERIODS, Earlier, rule_of
from automtl_core.data.part import Bags, Coded, Part
from automtl_core.dataset.encodings import plain
from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task
from automtl_core.errors import ArtifactError
from automtl_core.fields.lookup import hashes_of, lookups_of

ROWS = 240
TIMES = np.random.default_rng(5).integers(0, 40, ROWS) * 9000.0  # many at one time, and several each day
USERS = np.random.default_rng(6).integers(0, 30, ROWS).astype(np.int32)
DELAY = 63_000.0
BEGAN = TIMES // 100_000 * 100_000  # of lists in periods, which begin within a day
STARTS = [sorted(TIMES)[place * (ROWS - 1) // PERIODS] for place in range(PERIODS)]
LOOKS = {
    "never": lambda time: max(start for start in STARTS if start <= time),
    "1d": lambda time: time // 86_400 * 86_400,
    "1h": lambda time: time // 3600 * 3600,
    "always": lambda time: time,
}
RULES = {
    **{refresh: rule_of(ROWS, TIMES, refresh=refresh) for refresh in LOOKS},
    "delay": rule_of(ROWS, TIMES, DELAY, refresh="always"),
    "period": rule_of(ROWS, TIMES, refresh="1d", began=BEGAN, overlap=False),
    "random": rule_of(ROWS, None),
    "users": rule_of(ROWS, None, users=USERS),
}


def sees(name, row, other):
    """Return whether a training row sees another one."""
    if name == "delay":
        return bool(TIMES[other] < TIMES[row] - DELAY)
    if name == "period":
        return bool(TIMES[other] < LOOKS["1d"](BEGAN[row]))
    if name in LOOKS:
        return bool(TIMES[other] < LOOKS[name](TIMES[row]))
    return bool(RULES[name].folds[other] != RULES[name].folds[row])


FIELDS = (SparseField("a", 4), SparseField("tags", 6, "bag"), SparseField("b", 5))
SCHEMA = Schema(
    FIELDS,
    (DenseField("x"), DenseField("y")),
    (Task("click"), Task("price", kind="regression", mean=3.0, deviation=2.0)),
)
NAMES = {"a": 0, "tags": 1, "b": 2, "x": 0, "y": 1}
TEXTS = ("", "one", "two", "three", "rare", "rarer", "unseen")


def drawn(count, seed):
    """Return rows in which `rare` and `rarer` have the id 0 of blanks, and `unseen` is in no training row."""
    random = np.random.default_rng(seed)
    codes = random.integers(0, 7 if seed else 6, count)
    lengths = random.integers(0, 4, 9)
    held = np.concatenate([random.choice(np.arange(1, 6), n, replace=False) for n in lengths])
    bags = Bags(np.concatenate([[0], lengths.cumsum()]), held.astype(np.int32))
    ids = np.stack(
        [np.where(codes < 4, codes, 0), random.integers(0, 9, count), random.integers(5, size=count)]
    )
    dense = random.standard_normal((count, 2)).astype(np.float32)
    labels = np.stack([random.random(count) < 0.2 + 0.1 * codes, random.standard_normal(count)], axis=1)
    labels = labels.astype(np.float32)
    for array in (dense, labels):
        array[random.random(array.shape) < 0.2] = np.nan
    coded = {0: Coded(codes, hashes_of(TEXTS))}
    return Part(ids.T.astype(np.int32), dense, labels, {1: bags}, coded=coded)


TRAIN, OTHERS = drawn(ROWS, 0), drawn(60, 1)


def cells(part, row, key, edges):
    """Return the cells of a row."""
    found = [()]
    for name in key:
        place = NAMES[name]
        if name in edges:
            value = float(part.dense[row, place])
            values = [None if math.isnan(value) else bisect.bisect_right(edges[name], value)]
        elif name == "tags":
            bag = part.ids[row, place]
            values = part.bags[1].values[slice(*part.bags[1].starts[bag : bag + 2])].tolist()
        else:
            values = [int(part.coded[0].codes[row] if name == "a" else part.ids[row, place])]
        found = [(*cell, value) for cell in found for value in values]
    return found


def slow(aggregate, edges, part, seen):
    """Return the numbers of rows before they are standardised.

    Args:
        aggregate: The aggregate.
        edges: Numeric field of the key -> inner edges of its bins.
        part: The rows.
        seen: Row -> the training rows that it sees.

    """
    targets = TRAIN.labels

    def weight(other, time):
        return 1 if aggregate.half_life is None else 0.5 ** ((time - TIMES[other]) / aggregate.half_life)

    def mean(rows, t, prior, time):
        known = [row for row in rows if targets[row, t] == targets[row, t]]
        total = sum(float(targets[row, t]) * weight(row, time) for row in known)
        return (total + SHRINKAGE * prior) / (sum(weight(row, time) for row in known) + SHRINKAGE)

    def count(rows, time):
        return sum(weight(row, time) for row in rows)

    overall = [
        np.average(column[known], weights=[weight(row, TIMES.max()) for row in known])
        for column in targets.astype(float).T
        for known in [np.flatnonzero(column == column)]
    ]
    of_train = [cells(TRAIN, row, aggregate.key, edges) for row in range(ROWS)]
    found = np.zeros((len(part), 1 + len(overall)))
    for row in range(len(part)):
        mine, earlier = cells(part, row, aggregate.key, edges), seen(row)
        time = max((TIMES[other] for other in earlier), default=0)
        for cell in mine:
            rows = [other for other in earlier if cell in of_train[other]]
            numbers = []
            for t, of_all in enumerate(overall):
                prior = mean(earlier, t, of_all, time)
                p = mean(rows, t, prior, time)
                numbers.append(math.log(p / (1 - p) / (prior / (1 - prior))) if t == 0 else p - prior)
            scale = count(range(ROWS), TIMES.max()) / max(count(earlier, time), 1)
            numbers.insert(2, math.log(1 + count(rows, time) * scale))
            found[row] += np.array(numbers) / len(mine)
    return found


@pytest.mark.parametrize("chunk", [1 << 22, 50])
@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize(
    "key",
    [
        *("a", "tags", "x", ("a", "b"), ("tags", "a"), ("b", "x", "a")),
        {"key": ["a", "tags"], "half_life": 40_000.0},
        {"key": ["x"], "half_life": 3000.0},
    ],
)
def test_numbers_equal_a_slow_loop(key, name, chunk, monkeypatch):
    monkeypatch.setattr(aggregates, "CHUNK", chunk)
    schema = SCHEMA.encoded(plain().with_answers(aggregates=(key,)))
    (aggregate,) = schema.encodings.keys
    if aggregate.half_life and RULES[name].times is None:
        pytest.skip("a half-life needs times")
    out = np.empty((ROWS, 3), np.float32)
    made = fit(TRAIN, schema, RULES[name], out)
    (state,) = made.states
    assert state.edges.keys() == {*aggregate.key} & {"x"}
    expected = slow(
        aggregate, state.edges, TRAIN, lambda row: [other for other in range(ROWS) if sees(name, row, other)]
    )
    center, scale = expected.mean(0), np.maximum(expected.std(0), LEAST)
    assert out == pytest.approx((expected - center) / scale, abs=1e-4)
    assert out.mean(0) == pytest.approx(np.zeros(out.shape[1]), abs=1e-4)
    now = aggregates.numbers_as_of(TRAIN, schema, RULES[name], made, np.arange(ROWS))
    assert now == pytest.approx(out, abs=1e-5), "rows without a value in a bag among them"
    known = [other for other in range(ROWS) if name != "delay" or TIMES[other] < TIMES.max() - DELAY]
    expected = slow(aggregate, state.edges, OTHERS, lambda row: known)
    found = made.of_part(OTHERS, schema)
    assert np.array_equal(found.dense[:, :2], OTHERS.dense, equal_nan=True)
    assert found.dense[:, 2:] == pytest.approx((expected - center) / scale, abs=1e-4)
    assert made.of_part(found, schema) is found, "its numbers are there"


def test_a_field_that_tells_nothing_is_not_made_large():
    labels = np.random.default_rng(0).integers(2, size=(5000, 1)).astype(np.float32)
    part = Part(np.ones((5000, 1), np.int32), labels[:, :0], labels)
    schema = Schema((SparseField("same", 2),), (), (Task("click"),))
    out = np.empty((5000, 2), np.float32)
    fit(part, schema.encoded(plain().with_answers(aggregates=("same",))), rule_of(5000, None), out)
    assert np.abs(out).max() < 0.5, "folds differ by chance"


def test_a_state_is_saved_and_an_export_has_its_numbers(tmp_path):
    schema = SCHEMA.encoded(plain().with_answers(aggregates=(("a", "x"), "tags", "b")))
    first = fit(TRAIN, schema, RULES["delay"], np.empty((ROWS, 3 + 3 + 3), np.float32))
    served = lookups_of(first.save(tmp_path, served=True), tmp_path)
    content = first.save(tmp_path)
    again = Aggregates.load(content, tmp_path, schema.tasks)
    expected = first.of_part(OTHERS, schema).dense
    assert np.array_equal(again.of_part(OTHERS, schema).dense, expected, equal_nan=True)
    fields = {"a": OTHERS.entries(0), "tags": OTHERS.entries(1), "b": OTHERS.entries(2)}
    columns = [one(fields, {"x": OTHERS.dense[:, 0]}) for one in served]
    assert np.array_equal(np.concatenate(columns, axis=1).astype(np.float32), expected[:, 2:])
    assert not Aggregates.load({}, tmp_path / "none", schema.tasks).states
    assert lookups_of({}, tmp_path) == []
    path = tmp_path / content["file"]
    for damage in (lambda: path.write_bytes(path.read_bytes()[:-1] + b"x"), path.unlink):
        damage()
        with pytest.raises(ArtifactError, match="missing or damaged"):
            Aggregates.load(content, tmp_path, schema.tasks)


@pytest.mark.parametrize("name", RULES)
def test_a_row_sees_rows_of_its_cell_and_never_itself(name):
    of_cells = np.random.default_rng(0).integers(5, size=ROWS)
    found = RULES[name].sums(of_cells).of(np.eye(ROWS))
    same = of_cells[:, None] == of_cells
    expected = [[sees(name, row, other) for other in range(ROWS)] for row in range(ROWS)]
    assert np.array_equal(found, same & expected)
    assert not np.diag(found).any()
    some = np.arange(0, ROWS, 3)
    again = RULES[name].some(some).sums(of_cells[some]).of(np.eye(len(some)))
    assert np.array_equal(again, found[np.ix_(some, some)])


def test_folds_are_of_one_size_and_hold_whole_users():
    counts = np.bincount(rule_of(50_000, None, 0.0, None).folds)
    assert len(counts) == FOLDS
    assert np.abs(counts - 10_000).max() < 500
    folds = RULES["users"].folds
    assert all(len({*folds[user == USERS]}) == 1 for user in range(1, 30))
    assert len({*folds[USERS == 0]}) > 1, "rows without a user are on their own"
    assert len({*folds}) == FOLDS


def test_labels_within_the_delay_are_no_part_of_the_state():
    assert np.array_equal(RULES["delay"].known, TIMES.max() - DELAY > TIMES)
    assert Earlier(np.empty(0), np.empty(0), np.empty(0)).known is None
