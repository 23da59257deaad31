import pytest
import torch

from automtl_core.data.fitting import bin_edges
from automtl_core.dataset.encodings import plain
from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task
from automtl_core.modules.features import Features
from automtl_core.modules.inputs import Inputs, Numbers, Widths
from automtl_testing.samples import sample_part

FIELDS = (SparseField("a", 3), SparseField("b", 5))
SCHEMA = Schema(FIELDS, (DenseField("x"),), (Task("click"), Task("buy")))
ALL = {"numbers": "bins", "aggregates": (("a", "b"), "b")}
NAN = float("nan")


def test_plain_inputs_are_embeddings_then_numbers():
    inputs = Inputs(SCHEMA, dim=2, std=0.1)
    inputs.embedding.table.weight.data = torch.arange(16.0).reshape(8, 2)
    # row 1 of a; b starts at row 3, so that its id 2 is row 5
    given = inputs(Features(torch.tensor([[1, 2]]), torch.tensor([[0.5]])))
    assert given.flat().tolist() == [[2, 3, 10, 11, 0.5]]
    assert given.aggregates == ()
    assert inputs.width == 5


@pytest.mark.parametrize("encodings", [{}, *({name: answer} for name, answer in ALL.items()), ALL])
def test_what_is_given_is_as_wide_as_it_says(encodings):
    schema = SCHEMA.encoded(plain().with_answers(**encodings))
    inputs, widths = Inputs(schema, 4, 0.1), Widths.of(schema, 4)
    dense = torch.randn(2, schema.n_numbers)
    dense[1] = NAN
    given = inputs(Features(torch.tensor([[1, 2], [0, 0]]), dense))
    assert given.sparse.shape == (2, 2, widths.sparse)
    assert given.numbers.shape == (2, 1, widths.numbers)
    assert [list(one[0]) for one in given.aggregates] == [
        list(one) for one in dense[0, 1:].split(widths.aggregates)
    ]
    assert not any(one[1].any() for one in given.aggregates)
    assert given.flat().shape == (2, widths.flat) == (2, inputs.width)
    assert given.flat().isfinite().all()


def test_edges_are_read_and_saved():
    schema = SCHEMA.encoded(plain().with_answers(**ALL))
    edges = torch.from_numpy(bin_edges(sample_part(schema, 100, seed=0), schema))
    inputs, again = Inputs(schema, 4, 0.1), Inputs(schema, 4, 0.1)
    inputs.load_edges(edges)
    again.load_state_dict(inputs.state_dict())
    assert torch.equal(again.numbers.edges, edges)


DENSE = torch.tensor([[0.5, -1.0], [NAN, 2.5], [9.0, NAN], [-9.0, 0.0]])
EDGES = torch.tensor([[-1.0, 0.0, 1.0, 2.0], [-1.0, 0.0, 2.0, 2.0]])


def numbers(bins):
    found = Numbers(2, bins, 2, 0.1)
    found.edges.copy_(EDGES) if bins else None
    return found


@pytest.mark.parametrize("bins", [0, 3])
def test_a_number_comes_first_then_the_embedding_of_its_bin(bins):
    assert numbers(bins)(DENSE)[:, :, 0].tolist() == [[0.5, -1.0], [0.0, 2.5], [9.0, 0.0], [-9.0, 0.0]]
    found = numbers(3)
    rows = [[1 + 1, 4 + 1 + 0], [0, 4 + 1 + 2], [1 + 2, 4], [1 + 0, 4 + 1 + 1]]
    assert torch.equal(found(DENSE)[:, :, 1:], found.table.weight[torch.tensor(rows)])
