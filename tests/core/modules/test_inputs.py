import itertools

import numpy as np
import pytest
import torch
from automtl_core.data.statistics import crossed

from automtl_core.data.fitting import fitted
from automtl_core.data.part import Part
from automtl_core.dataset.encodings import plain
from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task
from automtl_core.modules.features import Bag, Features
from automtl_core.modules.inputs import Crosses, FieldStatistics, Numbers, Widths, inputs_of

FIELDS = (SparseField("a", 3), SparseField("tags", 4, "bag"), SparseField("b", 5))
SCHEMA = Schema((FIELDS[0], FIELDS[2]), (DenseField("x"),), (Task("click"), Task("buy")))
ALL = {"statistics": "folds", "numbers": "bins", "crosses": (("a", "b"),), "bins": 3}


def rows():
    torch.manual_seed(0)
    ids = torch.stack([torch.randint(3, (100,)), torch.randint(5, (100,))], dim=1).int()
    return Part(ids.numpy(), torch.randn(100, 1).numpy(), torch.randint(2, (100, 2)).float().numpy())


def test_plain_inputs_are_embeddings_then_numbers():
    inputs = inputs_of(SCHEMA, dim=2, std=0.1)
    inputs.embedding.table.weight.data = torch.arange(16.0).reshape(8, 2)
    # row 1 of a; b starts at row 3, so that its id 2 is row 5
    given = inputs(Features(torch.tensor([[1, 2]]), torch.tensor([[0.5]])))
    assert given.flat().tolist() == [[2, 3, 10, 11, 0.5]]
    assert given.crosses is None
    assert inputs.width == 5


@pytest.mark.parametrize("encodings", [{}, *({name: answer} for name, answer in ALL.items()), ALL])
def test_what_is_given_is_as_wide_as_it_says(encodings):
    schema = SCHEMA.encoded(plain().with_answers(**encodings))
    inputs, widths = inputs_of(schema, 4, 0.1), Widths.of(schema, 4)
    given = inputs(Features(torch.tensor([[1, 2], [0, 0]]), torch.tensor([[0.5], [float("nan")]])))
    assert given.sparse.shape == (2, 2, widths.sparse)
    assert given.numbers.shape == (2, 1, widths.numbers)
    assert given.crosses is None or given.crosses.shape == (2, 1, widths.crosses)
    assert given.flat().shape == (2, widths.flat) == (2, inputs.width)
    assert given.flat().isfinite().all()


def test_all_that_was_fitted_is_read_and_saved():
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


NAN = float("nan")
DENSE = torch.tensor([[0.5, -1.0], [NAN, 2.5], [9.0, NAN], [-9.0, 0.0]])
EDGES = torch.tensor([[-1.0, 0.0, 1.0, 2.0], [-1.0, 0.0, 2.0, 2.0]])


def numbers(bins):
    found = Numbers(2, bins, 2, 0.1)
    found.load_fitted(EDGES)
    return found


@pytest.mark.parametrize("bins", [0, 3])
def test_a_number_comes_first_then_the_embedding_of_its_bin(bins):
    assert numbers(bins)(DENSE)[:, :, 0].tolist() == [[0.5, -1.0], [0.0, 2.5], [9.0, 0.0], [-9.0, 0.0]]
    found = numbers(3)
    rows = [[1 + 1, 4 + 1 + 0], [0, 4 + 1 + 2], [1 + 2, 4], [1 + 0, 4 + 1 + 1]]
    assert torch.equal(found(DENSE)[:, :, 1:], found.table.weight[torch.tensor(rows)])


STACKED = (SparseField("tags", 5, "bag"), SparseField("user", 7), SparseField("seen", 4, "bag"))


def bag(*values):
    starts = [sum(map(len, values[:n])) for n in range(len(values))]
    return Bag(torch.tensor([*itertools.chain(*values)], dtype=torch.long), torch.tensor(starts))


def features(ids, *bags, folds=None):
    return Features(ids, torch.zeros(len(ids), 0), bags, folds)


@pytest.mark.parametrize("fold", [None, torch.tensor([1, 0])])
def test_rows_read_all_rows_those_of_training_the_other_folds(fold):
    statistics = FieldStatistics(STACKED, 2)
    tables = torch.randn(3, 16, 2)  # of two folds, and of both together
    statistics.load_fitted(tables)
    told = statistics(features(torch.tensor([[2], [6]]), bag([1, 4], []), bag([3], [1, 2, 3]), folds=fold))
    one, two = tables[[2, 2] if fold is None else fold.tolist()]
    expected = [
        [one[[1, 4]].mean(0), one[5 + 2], one[12 + 3]],
        [torch.zeros(2), two[5 + 6], two[[13, 14, 15]].mean(0)],
    ]
    torch.testing.assert_close(told, torch.stack([torch.stack(row) for row in expected]))


CROSSED = (SparseField("a", 3), SparseField("tags", 4, "bag"), SparseField("b", 5), SparseField("c", 9000))


def schema(*pairs, **encodings):
    return Schema(CROSSED, (), (Task("click"),), plain().with_answers(crosses=pairs, **encodings))


def batch(folds=None):
    tags = Bag(torch.tensor([1, 2]), torch.tensor([0, 1]))
    return Features(torch.tensor([[1, 4, 8999], [2, 0, 77]]), torch.zeros(2, 0), (tags,), folds)


def test_a_pair_reads_the_row_that_preparation_counted():
    told = schema(("a", "b"), ("b", "c"), ("a", "c"))
    crosses, random = Crosses(told), np.random.default_rng(0)
    tables = torch.from_numpy(random.random((3, crosses.statistics.rows, 2), np.float32))
    crosses.statistics.load_fitted(tables)
    ids = np.array([[1, 0, 4, 8999], [2, 0, 0, 77]], np.int32)
    part = Part(ids, np.zeros((2, 0), np.float32), np.zeros((2, 1), np.float32))
    for place, cross in enumerate(told.crosses()):
        rows = torch.from_numpy(crossed(part, cross)) + crosses.statistics.offsets[place]
        assert torch.equal(crosses(batch())[:, place], tables[-1][rows])
        assert torch.equal(crosses(batch(torch.tensor([1, 0])))[:, place], tables[[1, 0], rows])
