import pytest
import torch

from automtl_core.data.fitting import fitted
from automtl_core.data.part import Part
from automtl_core.dataset.encodings import plain
from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task
from automtl_core.modules.features import Features
from automtl_core.modules.inputs import Widths, inputs_of

FIELDS = (SparseField("a", 3), SparseField("tags", 4, "bag"), SparseField("b", 5))
SCHEMA = Schema((FIELDS[0], FIELDS[2]), (DenseField("x"),), (Task("click"), Task("buy")))
ALL = {"statistics": "folds", "numbers": "bins", "crosses": (("a", "b"),), "bins": 3}


def rows() -> Part:
    torch.manual_seed(0)
    ids = torch.stack([torch.randint(3, (100,)), torch.randint(5, (100,))], dim=1).int()
    return Part(ids.numpy(), torch.randn(100, 1).numpy(), torch.randint(2, (100, 2)).float().numpy())


def test_plain_inputs_are_embeddings_then_numbers() -> None:
    inputs = inputs_of(SCHEMA, dim=2, std=0.1)
    inputs.embedding.table.weight.data = torch.arange(16.0).reshape(8, 2)
    # row 1 of a; b starts at row 3, so that its id 2 is row 5
    given = inputs(Features(torch.tensor([[1, 2]]), torch.tensor([[0.5]])))
    assert given.flat().tolist() == [[2, 3, 10, 11, 0.5]]
    assert given.crosses is None
    assert inputs.width == 5


@pytest.mark.parametrize("encodings", [{}, *({name: answer} for name, answer in ALL.items()), ALL])
def test_what_is_given_is_as_wide_as_it_says(encodings) -> None:
    schema = SCHEMA.encoded(plain().with_answers(**encodings))
    inputs, widths = inputs_of(schema, 4, 0.1), Widths.of(schema, 4)
    given = inputs(Features(torch.tensor([[1, 2], [0, 0]]), torch.tensor([[0.5], [float("nan")]])))
    assert given.sparse.shape == (2, 2, widths.sparse)
    assert given.numbers.shape == (2, 1, widths.numbers)
    assert given.crosses is None or given.crosses.shape == (2, 1, widths.crosses)
    assert given.flat().shape == (2, widths.flat) == (2, inputs.width)
    assert given.flat().isfinite().all()


def test_all_that_was_fitted_is_read_and_saved() -> None:
    part, schema = rows(), SCHEMA.encoded(plain().with_answers(**ALL))
    folds, found = fitted(part, schema)
    inputs = inputs_of(schema, 4, 0.1)
    inputs.load_fitted(found)
    ids, dense = torch.from_numpy(part.ids).long(), torch.from_numpy(part.dense)
    given = inputs(Features(ids, dense))
    assert torch.equal(given.sparse[:, 0, 4:], torch.from_numpy(found.sparse)[-1][ids[:, 0]])
    assert torch.equal(given.crosses[:, 0], torch.from_numpy(found.crosses)[-1][ids[:, 0] * 5 + ids[:, 1]])
    assert torch.equal(inputs.numbers.edges, torch.from_numpy(found.edges))
    again = inputs_of(schema, 4, 0.1)
    again.load_state_dict(inputs.state_dict())
    assert torch.equal(again(Features(ids, dense)).flat(), given.flat())
    seen = inputs(Features(ids, dense, folds=torch.from_numpy(folds).long()))
    assert not torch.equal(seen.sparse, given.sparse)
    assert not torch.equal(seen.crosses, given.crosses)
