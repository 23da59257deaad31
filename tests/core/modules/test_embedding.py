import itertools
from copy import deepcopy
from unittest.mock import patch

import pytest
import torch

from automtl_core.dataset.schema import Pretrained, SparseField
from automtl_core.modules.embedding import FieldEmbedding, mean_of
from automtl_core.modules.features import Bag, Features

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


def test_a_multi_valued_field_is_the_mean_of_its_values():
    embedding = FieldEmbedding(FIELDS, 3, 1.0).double()
    e = embedding(features(torch.tensor([[2], [6]]), bag([1, 4], []), bag([3], [1, 2, 3])))
    w = embedding.table.weight
    expected = [[w[[1, 4]].mean(0), w[5 + 2], w[12 + 3]], [0 * w[0], w[5 + 6], w[[13, 14, 15]].mean(0)]]
    torch.testing.assert_close(e, torch.stack([torch.stack(row) for row in expected]))


@pytest.mark.parametrize("large", [False, True])
def test_gradients_reach_the_values_of_bags(large):
    fields = (SparseField("tags", 600_000 if large else 5, "bag"), SparseField("user", 7))
    embedding = FieldEmbedding(fields, 3, 1.0)
    embedding(features(torch.tensor([[2], [6]]), bag([1, 4], []))).sum().backward()
    grad = embedding.table.weight.grad
    assert grad is not None
    assert grad.is_sparse == large
    rows = grad.to_dense()[:, 0] if not large else grad.coalesce().to_dense()[:, 0]
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


def test_without_learned_numbers_vectors_are_read_alone():
    """As by trees, which read no embeddings."""
    embedding = FieldEmbedding(WITH_VECTORS, 0, 1.0)
    rows = features(torch.tensor([[4, 6], [0, 2]]), bag([1], [2]))
    assert embedding(rows).shape == (2, 3, 0)
    assert embedding.of_fields(torch.tensor([[[6, 4], [9, 0]]]), [2, 1]).shape == (1, 2, 0)
    assert embedding.vector_width == 3
    assert [one.shape for one in embedding.raw_vectors(rows)] == [(2, 3)]


def test_vectors_are_not_trained_not_saved_and_not_copied():
    embedding = FieldEmbedding(WITH_VECTORS, 2, 1.0)
    (vectors,) = embedding.vectors.values()
    assert vectors.vectors.shape == (5, 3)
    assert [name for name, _ in vectors.named_parameters()] == ["project.weight"]
    assert not any(name.endswith(".vectors") for name in embedding.state_dict())
    (copy,) = deepcopy(embedding).vectors.values()
    assert copy.vectors is vectors.vectors
    assert copy.project.weight is not vectors.project.weight


def test_the_mean_of_a_bag_is_the_same_when_it_is_exported():
    table, held = torch.randn(6, 3), bag([1, 4], [], [5], [0, 0, 2], [])
    expected = torch.stack(
        [table[[1, 4]].mean(0), 0 * table[0], table[5], table[[0, 0, 2]].mean(0), 0 * table[0]]
    )
    torch.testing.assert_close(mean_of(table, held), expected)
    with patch("torch.compiler.is_exporting", return_value=True):
        torch.testing.assert_close(mean_of(table, held), expected)
