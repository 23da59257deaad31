"""Fields are permuted among rows, and the drop of a score is estimated with its error."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from automtl_core.data.earlier import rule_of
from automtl_core.data.fitting import encoded
from automtl_core.data.part import Coded, Part
from automtl_core.dataset.encodings import PLAIN, Encodings
from automtl_core.dataset.schema import DenseField, Schema, Task
from automtl_core.modules.inputs import Inputs
from automtl_core.tasks.builtin import auc
from automtl_core.training.batches import take
from automtl_core.training.compute import CPU
from automtl_inspection.importance import MARGIN, importance, permuted, sample
from automtl_testing.samples import sample_part, sample_schema

BINARY, REAL = Task("click"), Task("price", kind="regression")
NUMBERS = ("signal", "other", "noise")


def part_of(schema, dense, labels):
    ids = np.zeros((len(dense), len(schema.sparse)), np.int32)
    return Part(ids, dense.astype(np.float32), labels.astype(np.float32))


def numbers(rows, seed, task, strength=1.0):
    """Return rows of three normal numbers, and labels that depend on the first two."""
    random = np.random.default_rng(seed)
    x = random.standard_normal((rows, 3)).astype(np.float32)
    logit = strength * x[:, 0] + x[:, 1]
    if task.kind == "binary":
        labels = random.random(rows) < 1 / (1 + np.exp(-logit))
    else:
        labels = logit + random.standard_normal(rows)
    schema = Schema((), tuple(map(DenseField, NUMBERS)), (task,))
    return part_of(schema, x, labels[:, None]), schema


def linear(*weights):
    """Return a network that predicts the weighted sum of the numbers."""
    return lambda part: (part.dense.astype(np.float64) @ weights)[:, None]


def effects(part, schema, predict, fields=NUMBERS, seed=0):
    found = importance(predict, part, schema, fields, seed)
    return {field: by_task[schema.tasks[0].name] for field, by_task in found.items()}


@pytest.mark.parametrize("task", [BINARY, REAL])
@pytest.mark.parametrize("seed", range(3))
def test_fields_that_predict_matter_and_noise_has_no_effect_even_if_it_is_read(task, seed):
    part, schema = numbers(20_000, seed, task)
    found = effects(part, schema, linear(1.0, 1.0, 0.02), seed=seed)
    assert [one.verdict for one in found.values()] == ["matters", "matters", "no effect"]
    assert found["noise"].drop != 0


def test_the_drop_is_that_of_the_score():
    part, schema = numbers(20_000, 0, REAL)
    (one,) = effects(part, schema, linear(1.0, 1.0, 0.0), ["signal"]).values()
    assert one.low < 2 / 3 < one.high, "twice the variance of the number, of three"
    assert one.drop == pytest.approx((one.low + one.high) / 2)
    part, schema = numbers(20_000, 0, BINARY)
    (one,) = effects(part, schema, linear(1.0, 0.0, 0.0), ["signal"]).values()
    area = auc(part.labels[:, 0], part.dense[:, 0])
    assert one.low < area - 0.5 < one.high, "nothing else is read"
    assert one.high - one.low < 0.03


def test_verdicts_of_fields_that_are_unread_unclear_or_small():
    part, schema = numbers(1000, 0, BINARY)
    one = effects(part, schema, linear(1.0, 1.0, 0.0))["noise"]
    assert (one.drop, one.low, one.high, one.p, one.verdict) == (0.0, 0.0, 0.0, 1.0, "no effect")
    part, schema = numbers(200, 0, BINARY)
    one = effects(part, schema, linear(1.0, 1.0, 0.1))["noise"]
    assert one.verdict == "unclear"
    assert one.high - one.low > 2 * MARGIN
    part, schema = numbers(400_000, 0, REAL, strength=0.02)
    found = effects(part, schema, linear(0.02, 1.0, 0.0))
    assert found["signal"].high < MARGIN
    assert found["signal"].verdict == "matters"


@pytest.mark.parametrize(("rate", "rows"), [(0.4, 400), (0.03, 600)])
@pytest.mark.parametrize(("truth", "weight"), [(0.0, 0.5), (1.0, 1.0)])
def test_intervals_contain_the_true_drop(rate, rows, truth, weight):
    """Of ten million rows, the drop of the last case is that of an AUC; without an effect it is 0."""

    def drawn(rows, seed):
        random = np.random.default_rng(seed)
        x = random.standard_normal((rows, 3))
        logit = np.log(rate / (1 - rate)) + truth * x[:, 0] + x[:, 1]
        labels = random.random((rows, 1)) < 1 / (1 + np.exp(-logit))[:, None]
        schema = Schema((), tuple(map(DenseField, NUMBERS)), (BINARY,))
        (one,) = effects(
            part_of(schema, x, labels), schema, linear(weight, 1.0, 0.0), ["signal"], seed
        ).values()
        return one

    expected = drawn(400_000, 999).drop if truth else 0.0
    found = [drawn(rows, seed) for seed in range(300)]
    inside = np.mean([one.low < expected < one.high for one in found if one.drop is not None])
    assert 0.91 < inside < 0.99


@pytest.mark.parametrize(("task", "labels"), [(BINARY, 0.0), (BINARY, np.nan), (REAL, 1.0), (REAL, np.nan)])
def test_an_undefined_score_is_unclear(task, labels):
    part, schema = numbers(300, 0, task)
    known = np.full((300, 1), labels, np.float32)
    if task is BINARY and labels == 0:
        known[0] = 1  # one positive has no standard error
    one = effects(replace(part, labels=known), schema, linear(1.0, 1.0, 0.0))["signal"]
    assert (one.drop, one.low, one.p, one.verdict) == (None, None, None, "unclear")
    assert one.measure == ("AUC" if task is BINARY else "R2")


def test_rows_without_the_label_do_not_count():
    part, schema = numbers(6000, 0, BINARY)
    half = part.labels.copy()
    half[::2] = np.nan
    predict = linear(1.0, 1.0, 0.0)
    found = effects(replace(part, labels=half), schema, predict)["signal"]
    all_rows = effects(part, schema, predict)["signal"]
    assert found.verdict == "matters"
    assert found.high - found.low == pytest.approx(2**0.5 * (all_rows.high - all_rows.low), rel=0.1)


def test_p_values_are_corrected_for_all_fields_and_tasks():
    part, schema = numbers(300, 3, BINARY, strength=0.35)
    predict = linear(0.35, 1.0, 0.0)
    alone = effects(part, schema, predict, ["signal"])["signal"]
    among = effects(part, schema, predict, ["signal", "noise", "other"])["signal"]
    assert 0 < alone.p < 0.5
    assert among.p == pytest.approx(2 * alone.p), "the other two are more and less significant"
    two = replace(schema, tasks=(BINARY, Task("like")))
    again = replace(part, labels=np.repeat(part.labels, 2, axis=1))
    both = importance(lambda part: np.repeat(predict(part), 2, axis=1), again, two, ["signal"], 0)
    assert both["signal"]["click"].p == pytest.approx(2 * alone.p)


def test_equal_seeds_give_equal_effects_and_each_field_has_its_own_permutation():
    part, schema = numbers(500, 0, BINARY)
    predict = linear(1.0, 1.0, 1.0)
    whole = effects(part, schema, predict)
    assert effects(part, schema, predict) == whole
    assert effects(part, schema, predict, NUMBERS[::-1])["other"] == whole["other"]
    assert effects(part, schema, predict, seed=1)["other"].drop != whole["other"].drop
    seen = []
    same = replace(part, dense=np.repeat(np.arange(500, dtype=np.float32)[:, None], 3, axis=1))
    effects(same, schema, lambda part: seen.append(part.dense) or np.zeros((500, 1)))
    orders = [changed[:, place].astype(int) for place, changed in enumerate(seen[1:])]
    for order in orders:
        assert (order[order] == np.arange(500)).all(), "the rows of a pair exchange their values"
        assert (order != np.arange(500)).all()
    assert not (orders[0] == orders[1]).all()


def test_rows_are_a_sample_of_even_size():
    part, _ = numbers(301, 0, BINARY)
    assert len(sample(part, 1000, 0)) == 300
    few = sample(part, 51, 0)
    assert len(few) == 50
    assert (few.dense == sample(part, 51, 0).dense).all()
    assert not (few.dense == sample(part, 51, 1).dense).all()
    assert {row.tobytes() for row in few.dense} < {row.tobytes() for row in part.dense}
    assert len(sample(part, 0, 0)) == 0
    lists = replace(part, lists=(np.arange(301) // 4 + 1).astype(np.int32))
    few = sample(lists, 51, 0)
    assert len(few) == 48
    assert set(np.bincount(few.lists).tolist()) == {0, 4}


ENCODED = Encodings.model_validate({**PLAIN, "aggregates": [("user", "x0"), "tags"], "numbers": "bins"})


@pytest.mark.parametrize("field", ["user", "item", "tags", "tab", "x0", "x1"])
def test_a_permutation_reaches_all_encodings_of_a_field_and_of_nothing_else(field):
    """Embeddings, bins and lists move with the row; an aggregate has the values of both rows."""
    fields = sample_schema(dense=2)
    schema, part, train = fields.encoded(ENCODED), sample_part(fields, 200, 0), sample_part(fields, 2000, 1)
    hashes = np.arange(30, dtype=np.uint64) ** 3
    part, train = (replace(each, coded={0: Coded(each.ids[:, 0], hashes)}) for each in (part, train))
    assert np.isnan(part.dense).any()
    made, inputs = encoded(train, part, schema, rule_of(2000, None, 0.0, None)), Inputs(schema, 4, 1.0)
    inputs.load_edges(torch.from_numpy(made.edges))
    order = np.random.default_rng(0).permutation(200)

    def given(part):
        with torch.no_grad():
            rows = made.aggregates.of_part(part, schema)
            return inputs.eval()(take(rows, np.arange(200), CPU.device).features)

    before, after = given(part), given(permuted(part, schema, field, order))
    for place, one in enumerate(schema.sparse):
        expected = before.sparse[order, place] if one.name == field else before.sparse[:, place]
        assert torch.equal(after.sparse[:, place], expected), one.name
    for place, number in enumerate(schema.dense):
        expected = before.numbers[order, place] if number.name == field else before.numbers[:, place]
        assert torch.equal(after.numbers[:, place], expected), number.name
    pair, tags = before.aggregates
    assert torch.equal(after.aggregates[0], pair) == (field not in ("user", "x0"))
    assert torch.equal(after.aggregates[1], tags[order] if field == "tags" else tags)
    mixed = replace(part, ids=part.ids.copy(), dense=part.dense.copy(), coded=dict(part.coded))
    if field == "user":
        mixed.coded[0] = Coded(part.ids[order, 0], hashes)
    if field == "x0":
        mixed.dense[:, 0] = part.dense[order, 0]
    assert torch.equal(after.aggregates[0], given(mixed).aggregates[0])
