import numpy as np
import torch

from automtl_core.data.part import Part
from automtl_core.data.statistics import crossed
from automtl_core.dataset.encodings import plain
from automtl_core.dataset.schema import Schema, SparseField, Task
from automtl_core.modules.features import Bag, Features
from automtl_core.modules.inputs import Crosses

FIELDS = (SparseField("a", 3), SparseField("tags", 4, "bag"), SparseField("b", 5), SparseField("c", 9000))


def schema(*pairs, **encodings) -> Schema:
    return Schema(FIELDS, (), (Task("click"),), plain().with_answers(crosses=pairs, **encodings))


def batch(folds=None) -> Features:
    tags = Bag(torch.tensor([1, 2]), torch.tensor([0, 1]))
    return Features(torch.tensor([[1, 4, 8999], [2, 0, 77]]), torch.zeros(2, 0), (tags,), folds)


def test_a_pair_reads_the_row_that_preparation_counted() -> None:
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
