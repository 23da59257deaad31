"""Inputs from histories, by hand."""

import math
from dataclasses import replace

import pytest
import torch

from automtl_core.dataset.declarations import History
from automtl_core.dataset.encodings import plain
from automtl_core.dataset.schema import Pretrained, Schema, SparseField, Task
from automtl_core.fields.numeric import Dense
from automtl_core.modules.embedding import FieldEmbedding
from automtl_core.modules.features import Features, Past
from automtl_core.modules.histories import HistoryInputs, raw_width
from automtl_core.modules.inputs import Inputs, Widths

PAST = History("past", "user", "at", ("item", "shop"), ("click", "buy"), length=4)
FIELDS = (SparseField("user", 3), SparseField("item", 5), SparseField("shop", 3))
DIM = 2


def schema(*parts):
    return Schema(FIELDS, (), (Task("buy"),), plain().with_answers(history=parts), (PAST,))


# The first row has three events, the second none. Item 7 is outside of the vocabulary.
FEATURES = Features(
    torch.tensor([[1, 0, 2], [2, 3, 1]]),
    torch.zeros(2, 0),
    histories=(
        Past(
            torch.tensor([[[7, 2], [4, 2], [7, 1], [0, 0]], [[0, 0]] * 4]),
            torch.tensor([[[1.0, 0], [0, 1], [1, 1], [0, 0]], [[0.0, 0]] * 4]),
            torch.tensor([[3.0, 8, 20, 0], [0.0] * 4]),
            torch.tensor([[True, True, True, False], [False] * 4]),
            torch.tensor([[7, 2], [3, 1]]),
        ),
    ),
)


class Encoder(torch.nn.Module):
    """An encoder without weights."""

    def __init__(self, *sizes):
        super().__init__()


class First(Encoder):
    def forward(self, events, query, known):
        return events[:, 0] + query.sum()


class Mean(Encoder):
    def weights(self, known):
        return known / known.sum(1, keepdim=True).clamp(min=1)

    def forward(self, events, query, known):
        raise AssertionError("sums need no events")


class MeanOfEvents(Encoder):
    def forward(self, events, query, known):
        return events.sum(1) / known.sum(1, keepdim=True).clamp(min=1)


def read(*parts, encoder=First, raw=True):
    torch.manual_seed(0)
    inputs = HistoryInputs(schema(*parts), DIM, 0.1, lambda name: encoder)
    if raw:
        inputs.each[0].project = torch.nn.Identity()
    embedding = FieldEmbedding(FIELDS, DIM, 1.0)
    return inputs(FEATURES.histories, embedding), inputs.each[0].age, embedding


def test_the_sums_of_a_pooling_encoder_are_those_of_its_events():
    parts = ("last-1", "mean", "matches")
    for raw in (True, False):
        pooled, _, _ = read(*parts, encoder=Mean, raw=raw)
        plain, _, _ = read(*parts, encoder=MeanOfEvents, raw=raw)
        assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(pooled, plain, strict=True))


def test_a_match_counts_equal_values_and_tells_the_last_one():
    (item, shop, every), age, _ = read("matches")
    assert item.shape == (2, DIM + 2 + 2 * 2)
    # Item 7: two events, the last one 3 ago, with a click; two clicks and one buy in all.
    logs = [math.log(3), math.log(4) / 10, math.log(3), math.log(2)]
    assert item[0].tolist() == pytest.approx([*age[int(2 * math.log2(4))].tolist(), *logs, 1, 0], abs=1e-5)
    assert shop[0, 2].item() == pytest.approx(math.log(3))
    assert every[0, 2].item() == pytest.approx(math.log(4))
    # Without events: no counts, and an age that means none.
    assert item[1].tolist() == pytest.approx([*age[64].tolist(), 0, -0.1 * 10, 0, 0, 0, 0])


def test_the_latest_events_are_side_by_side():
    (first, second, third, fourth, fifth), age, embedding = read("last-5")
    assert first.shape == (2, raw_width(schema(), PAST, DIM))
    (projected, *_), _, _ = read("last-5", raw=False)
    assert projected.shape == (2, DIM)
    unseen, shop = embedding.table.weight[3 + 0], embedding.table.weight[8 + 2]
    expected = [*unseen.tolist(), *shop.tolist(), *age[4].tolist(), math.log(4) / 10, 1, 0, 1, 1]
    assert first[0].tolist() == pytest.approx(expected)
    assert second[0, -2:].tolist() == [0, 1]
    assert third[0, -2:].tolist() == [1, 0]
    assert not torch.cat([first[1], fourth[0], fifth[0]]).any()


def test_numbers_follow_outcomes_and_a_missing_one_is_marked():
    history = replace(PAST, outcomes=("click",), numbers=(Dense("price"),))
    made = Schema(FIELDS, (), (Task("buy"),), plain().with_answers(history=("last-2",)), (history,))
    inputs = HistoryInputs(made, DIM, 0.1, lambda name: Mean)
    inputs.each[0].project = torch.nn.Identity()
    (past,) = FEATURES.histories
    past = past._replace(numbers=past.numbers * torch.tensor([1.0, 7.0]))
    past.numbers[0, 0, 1] = math.nan
    first, second = inputs((past,), FieldEmbedding(FIELDS, DIM, 1.0))
    assert first.shape[1] == raw_width(made, history, DIM)
    assert first[0, -5:].tolist() == [1, 0, 1, 1, 1]  # click, no price, and two equal values
    assert second[0, -5:].tolist() == [0, 7, 0, 0, 1]
    assert not first[1].any()


def test_an_encoder_reads_events_and_the_values_of_the_row():
    (latest,), _, _ = read("last-1")
    (summary,), _, embedding = read("mean")
    query = embedding.table.weight[[3 + 0, 8 + 2, 3 + 3, 8 + 1]].sum()
    assert torch.allclose(summary, latest + query, atol=1e-5)


def test_names_and_widths_agree():
    parts = ("matches", "last-2", "mean")
    names = schema(*parts).history_inputs()
    assert names == ["past:item", "past:shop", "past:any", "past:last1", "past:last2", "past:mean"]
    found, _, _ = read(*parts, encoder=MeanOfEvents, raw=False)
    widths = Widths.of(schema(*parts), DIM)
    assert [one.shape[1] for one in found] == list(widths.histories)
    inputs = Inputs(schema("matches", "last-2"), DIM, 0.1)
    assert inputs(FEATURES).flat().shape == (2, inputs.width)


def test_events_have_the_vectors_of_their_values_which_are_not_matched():
    vectors = SparseField("item:vector", 4, vectors=Pretrained("item", 3))
    with_vectors = Schema(
        (*FIELDS, vectors), (), (Task("buy"),), plain().with_answers(history=("last-2", "matches")), (PAST,)
    )
    assert with_vectors.shared_fields(PAST) == [1, 2, 3]
    assert with_vectors.history_inputs()[2:] == ["past:item", "past:shop", "past:any"]
    torch.manual_seed(0)
    inputs = HistoryInputs(with_vectors, DIM, 0.1, None)
    embedding = FieldEmbedding((*FIELDS, vectors), DIM, 1.0)
    embedding.vectors["3"].load(torch.cat([torch.zeros(1, 3), torch.randn(3, 3)]))
    inputs.each[0].project = torch.nn.Identity()
    (past,) = FEATURES.histories
    of_events = torch.tensor([[3, 0, 1, 0], [0] * 4]).unsqueeze(2)
    past = past._replace(
        ids=torch.cat([past.ids, of_events], dim=2),
        values=torch.cat([past.values, torch.tensor([[3], [0]])], dim=1),
    )
    last, second, item, *_ = inputs((past,), embedding)
    of_last, missing = embedding.vectors["3"], embedding.offsets[3]
    projected = of_last.project(of_last.vectors[3]) + embedding.table.weight[missing + 1]
    assert torch.allclose(last[0, 2 * DIM : 3 * DIM], projected)
    assert torch.allclose(second[0, 2 * DIM : 3 * DIM], embedding.table.weight[missing])
    assert item[0, DIM].item() == pytest.approx(math.log(3))


def long_histories(rows=6, length=30):
    torch.manual_seed(1)
    known = torch.arange(length) < torch.tensor([[30], [5], [0], [12], [30], [30]])
    ids = torch.randint(0, 6, (rows, length, 2)) * known.unsqueeze(2)
    outcomes = torch.randint(0, 2, (rows, length, 2)).float()
    ages = torch.arange(1.0, length + 1).expand(rows, -1) * known
    return Past(ids, outcomes, ages, known, torch.randint(1, 3, (rows, 2)))


def read_long(past, **encodings):
    """Return the inputs of a long history, and the ages of the events that an encoder reads, row by row."""
    seen = []

    class Seeing(Encoder):
        def forward(self, events, query, known):
            for row, of_row in zip(events[:, :, 3 * DIM], known, strict=True):
                seen.append([round(math.expm1(10 * one)) for one in row[of_row].tolist()])
            return events.sum(1)

    torch.manual_seed(0)
    chosen = plain().with_answers(history=("matches", "attention", "last-2"), **encodings)
    made = Schema(FIELDS, (), (Task("buy"),), chosen, (PAST,))
    inputs = HistoryInputs(made, DIM, 0.1, lambda name: Seeing)
    inputs.each[0].project = torch.nn.Identity()
    return inputs((past,), FieldEmbedding(FIELDS, DIM, 1.0)), seen


def test_encoders_read_the_latest_matching_events_and_matches_all_of_them():
    past, window = long_histories(), 8
    of_all, _ = read_long(past)
    of_some, seen = read_long(past, history_window=window)
    for place in (0, 1, 2, 4, 5):  # all but the encoder
        assert torch.allclose(of_all[place], of_some[place])
    same = (past.ids == past.values.unsqueeze(1)) & (past.ids > 0) & past.known.unsqueeze(2)
    for row, ages in enumerate(seen):
        known = [int(age) for age in past.ages[row][past.known[row]]]
        known.sort(key=lambda age, row=row: (not same[row, age - 1].any(), age))
        assert ages == sorted(known[:window])
