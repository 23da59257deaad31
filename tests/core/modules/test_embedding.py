"""Embeddings of fields, and tables whose steps update some rows: against all rows, by hand."""

import itertools
import math
from copy import deepcopy
from unittest.mock import patch

import pytest
import torch

from automtl_core.dataset.schema import Pretrained, SparseField
from automtl_core.modules import table as tables
from automtl_core.modules.embedding import FieldEmbedding
from automtl_core.modules.features import Bag, Features
from automtl_core.modules.table import RowTable
from automtl_core.training.compute import CPU
from automtl_core.training.optimisers import Optimiser, weight_groups
from automtl_core.training.recipe import Recipe

FIELDS = (SparseField("tags", 5, "bag"), SparseField("user", 7), SparseField("seen", 4, "bag"))


def bag(*values):
    starts = [sum(map(len, values[:n])) for n in range(len(values))]
    return Bag(torch.tensor([*itertools.chain(*values)], dtype=torch.long), torch.tensor(starts))


def features(ids, *bags):
    return Features(ids, torch.zeros(len(ids), 0), bags)


def test_fields_own_their_rows_of_one_table_also_without_single_values():
    embedding = FieldEmbedding((SparseField("a", 3), SparseField("b", 4)), 2, 1.0)
    e = embedding(features(torch.tensor([[2, 0], [1, 3]])))
    assert e.shape == (2, 2, 2)
    assert torch.equal(e[0], embedding.table.weight[[2, 3]])
    assert torch.equal(e[1], embedding.table.weight[[1, 6]])
    assert FieldEmbedding((), 2, 1.0)(features(torch.zeros(3, 0).long())).shape == (3, 0, 2)
    bags = FieldEmbedding(FIELDS[:1], 2, 1.0)
    e = bags(features(torch.zeros(2, 0).long(), bag([1, 4], [3])))
    assert torch.equal(e[1, 0], bags.table.weight[3])


@pytest.mark.parametrize("exporting", [False, True])
def test_a_multi_valued_field_is_the_mean_of_its_values_also_when_it_is_exported(exporting):
    embedding = FieldEmbedding(FIELDS, 3, 1.0).double()
    given = features(torch.tensor([[2], [6], [0]]), bag([0, 0, 4], [], [3]), bag([3], [1, 2, 3], []))
    with patch("torch.compiler.is_exporting", return_value=exporting):
        e = embedding(given)
    w, zeros = embedding.table.weight, torch.zeros(3, dtype=torch.float64)
    expected = [
        [w[[0, 0, 4]].mean(0), w[5 + 2], w[12 + 3]],
        [zeros, w[5 + 6], w[[13, 14, 15]].mean(0)],
        [w[3], w[5 + 0], zeros],
    ]
    torch.testing.assert_close(e, torch.stack([torch.stack(row) for row in expected]))


@pytest.mark.parametrize("large", [False, True])
def test_gradients_reach_the_values_of_bags(large):
    fields = (SparseField("tags", 600_000 if large else 5, "bag"), SparseField("user", 7))
    embedding = FieldEmbedding(fields, 3, 1.0)
    embedding(features(torch.tensor([[2], [6]]), bag([1, 4], []))).sum().backward()
    grad = embedding.table.weight.grad
    assert grad.is_sparse == large
    rows = grad.to_dense()[:, 0]
    assert torch.equal(rows.nonzero().flatten(), torch.tensor([1, 4, fields[0].size + 2, fields[0].size + 6]))
    assert rows[[1, 4]].tolist() == [0.5, 0.5]


def test_gradients_are_those_of_an_embedding():
    torch.manual_seed(0)
    fields = tuple(SparseField(f"f{n}", 7) for n in range(3))
    embedding, ids = FieldEmbedding(fields, 4, 1.0).double(), torch.randint(7, (50, 3))
    plain = torch.nn.Embedding.from_pretrained(embedding.table.weight.detach().clone(), freeze=False)
    weights = torch.randn(50, 3, 4, dtype=torch.double)
    for rows in (embedding(features(ids)), plain(ids + embedding.offsets)):
        (rows * weights).sum().backward()
    assert torch.allclose(embedding.table.weight.grad, plain.weight.grad, rtol=0, atol=1e-12)


WITH_VECTORS = (
    SparseField("tags", 5, "bag"),
    SparseField("v", 5, vectors=Pretrained("user", 3)),
    SparseField("user", 7),
)


def test_a_field_with_vectors_has_projections_beside_the_embedding_of_missing_ones():
    embedding = FieldEmbedding(WITH_VECTORS, 2, 1.0)
    (vectors,) = embedding.vectors.values()
    vectors.load(torch.cat([torch.zeros(1, 3), torch.randn(4, 3)]))
    e = embedding(features(torch.tensor([[4, 6], [0, 2]]), bag([1], [2])))
    w = embedding.table.weight
    assert len(w) == 5 + 2 + 7
    assert torch.allclose(e[0, 1], vectors.project(vectors.vectors[4]) + w[6])
    assert torch.equal(e[1, 1], w[5])
    assert torch.equal(e[:, 2], w[[13, 9]])
    events = embedding.of_fields(torch.tensor([[[6, 4], [9, 0]]]), [2, 1])
    assert torch.allclose(events[0, 0], torch.cat([w[13], e[0, 1]]))
    assert torch.equal(events[0, 1], torch.cat([w[7], w[5]]))
    # the vectors are not trained, not saved, and not copied
    assert [name for name, _ in vectors.named_parameters()] == ["project.weight"]
    assert not any(name.endswith(".vectors") for name in embedding.state_dict())
    (copy,) = deepcopy(embedding).vectors.values()
    assert copy.vectors is vectors.vectors
    assert copy.project.weight is not vectors.project.weight


def test_without_learned_numbers_vectors_are_read_alone():
    """As by trees, which read no embeddings."""
    embedding = FieldEmbedding(WITH_VECTORS, 0, 1.0)
    rows = features(torch.tensor([[4, 6], [0, 2]]), bag([1], [2]))
    assert embedding(rows).shape == (2, 3, 0)
    assert embedding.of_fields(torch.tensor([[[6, 4], [9, 0]]]), [2, 1]).shape == (1, 2, 0)
    assert embedding.vector_width == 3
    assert [one.shape for one in embedding.raw_vectors(rows)] == [(2, 3)]


BETA = 0.999


class Whole:
    """The same over all rows of a table, as written down."""

    def __init__(self, table, lr, decay):
        self.w, self.v, self.lr, self.decay, self.steps = table.clone(), torch.zeros_like(table), lr, decay, 0

    def step(self, gradient):
        self.steps += 1
        d = gradient + self.decay * self.w
        self.v = BETA * self.v + (1 - BETA) * d**2
        self.w -= self.lr * d / ((self.v / (1 - BETA**self.steps)).sqrt() + 1e-8)


def table_of(values):
    """Return a table of rows with these values."""
    table = RowTable(*values.shape).double()
    table.weight.data.copy_(values)
    return table


def step(rule, rows, values):
    """Take a step by a gradient of some rows."""
    weight = rule.weight
    weight.grad = torch.sparse_coo_tensor(rows[None], values, weight.shape, check_invariants=True)
    rule.step()


def test_rows_that_each_step_reads_decay_as_in_the_whole_table():
    torch.manual_seed(0)
    table = table_of(torch.randn(3, 2, dtype=torch.double))
    whole, rule = Whole(table.weight.detach(), 0.01, 0.3), table.rule(0.01, 0.3)
    for _ in range(20):
        values = torch.randn(3, 2, dtype=torch.double)
        step(rule, torch.arange(3), values)
        whole.step(values)
    torch.testing.assert_close(table.weight.detach(), whole.w, rtol=0, atol=1e-10)


def test_a_row_shrinks_for_all_the_steps_that_it_missed():
    table = table_of(torch.tensor([[1.0], [2.0]]))
    rule, weight = table.rule(0.1, 0.5), table.weight
    for row in (0, 1, 1, 1):
        step(rule, torch.tensor([row]), torch.tensor([[4.0]], dtype=torch.double))
    before = 1 - 0.1  # the first step has the size of the learning rate
    assert weight[0].item() == pytest.approx(before)
    rule.catch_up(torch.tensor([0]))
    spread = math.sqrt(0.001 * 4.5**2 / (1 - BETA**4))
    assert weight[0].item() == pytest.approx(before * math.exp(-0.1 * 0.5 * 3 / spread))
    assert rule.state["exp_avg_sq"][0].item() == pytest.approx(0.001 * 4.5**2 * BETA**3)
    now = weight.detach().clone()
    rule.catch_up(torch.tensor([0, 1]))
    assert torch.equal(weight, now), "nothing is missed twice"


def test_shrinkage_is_close_to_that_of_the_whole_table():
    torch.manual_seed(0)
    table = table_of(0.1 * torch.randn(40, 4, dtype=torch.double))
    whole, rule = Whole(table.weight.detach(), 2e-3, 1e-2), table.rule(2e-3, 1e-2)
    for number in range(300):
        read = torch.unique(torch.randint(40, (6,)) // (1 + number % 3)) if number else torch.arange(40)
        rule.catch_up(read)
        step(rule, read, 0.1 * torch.randn(len(read), 4, dtype=torch.double))
        whole.step(table.weight.grad.to_dense())
    rule.settle()
    assert float((table.weight.detach() - whole.w).norm() / whole.w.norm()) < 0.05


def of(user):
    return Features(torch.tensor([[user]]), torch.zeros(1, 0))


@pytest.mark.parametrize("chunk", [3, 1 << 20])
def test_rows_have_caught_up_when_they_are_read_and_when_all_are_settled(monkeypatch, chunk):
    monkeypatch.setattr(tables, "WHOLE_TABLE", 5)
    monkeypatch.setattr(tables, "CHUNK", chunk)
    net = FieldEmbedding((SparseField("user", 8),), 2, 1.0)
    assert isinstance(net.table, RowTable)
    recipe = Recipe(learning_rate=0.1, embedding_decay=0.5)
    optimiser = Optimiser(weight_groups(net, dict(net.named_parameters()), recipe), CPU)
    for user in (1, 2, 3):
        optimiser.step(net(of(user)).sum().backward)
    before = net.table.weight.detach().clone()
    read = net(of(1)).detach()
    assert float(read.abs().sum()) < float(before[1].abs().sum())
    assert torch.equal(net.table.weight.detach()[2:], before[2:])
    optimiser.settle()
    assert float(net.table.weight[2].detach().abs().sum()) < float(before[2].abs().sum())
    settled = net.table.weight.detach().clone()
    net.eval()
    net(of(2))
    assert torch.equal(net.table.weight, settled)
