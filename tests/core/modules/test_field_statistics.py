import itertools

import pytest
import torch

from automtl_core.dataset.schema import SparseField
from automtl_core.modules.features import Bag, Features
from automtl_core.modules.inputs import FieldStatistics

FIELDS = (SparseField("tags", 5, "bag"), SparseField("user", 7), SparseField("seen", 4, "bag"))


def bag(*values: list[int]) -> Bag:
    starts = [sum(map(len, values[:n])) for n in range(len(values))]
    return Bag(torch.tensor([*itertools.chain(*values)], dtype=torch.long), torch.tensor(starts))


def features(ids, *bags: Bag, folds=None) -> Features:
    return Features(ids, torch.zeros(len(ids), 0), bags, folds)


@pytest.mark.parametrize("fold", [None, torch.tensor([1, 0])])
def test_rows_read_all_rows_those_of_training_the_other_folds(fold: torch.Tensor | None) -> None:
    statistics = FieldStatistics(FIELDS, 2)
    tables = torch.randn(3, 16, 2)  # of two folds, and of both together
    statistics.load_fitted(tables)
    told = statistics(features(torch.tensor([[2], [6]]), bag([1, 4], []), bag([3], [1, 2, 3]), folds=fold))
    one, two = tables[[2, 2] if fold is None else fold.tolist()]
    expected = [
        [one[[1, 4]].mean(0), one[5 + 2], one[12 + 3]],
        [torch.zeros(2), two[5 + 6], two[[13, 14, 15]].mean(0)],
    ]
    torch.testing.assert_close(told, torch.stack([torch.stack(row) for row in expected]))


def test_what_is_saved_is_of_all_rows() -> None:
    statistics = FieldStatistics(FIELDS, 2)
    statistics.load_fitted(torch.randn(3, 16, 2))
    assert set(statistics.state_dict()) == {"table"}


def test_without_bags_all_fields_are_read_at_once() -> None:
    statistics = FieldStatistics((SparseField("a", 2), SparseField("b", 3)), 1)
    statistics.load_fitted(torch.arange(15.0).view(3, 5, 1))
    ids = torch.tensor([[0, 2], [1, 0]])
    assert statistics(features(ids))[:, :, 0].tolist() == [[10, 14], [11, 12]]
    assert statistics(features(ids, folds=torch.tensor([0, 1])))[:, :, 0].tolist() == [[0, 4], [6, 7]]


@pytest.mark.parametrize("fold", [None, torch.tensor([1, 0])])
def test_no_field_of_one_value_has_no_columns(fold: torch.Tensor | None) -> None:
    none = torch.zeros(2, 0, dtype=torch.long)
    assert FieldStatistics((), 3)(features(none, folds=fold)).shape == (2, 0, 3)
    bags = FieldStatistics(FIELDS[:1], 3)
    bags.load_fitted(torch.randn(3, 5, 3))
    assert bags(features(none, bag([1, 4], [3]), folds=fold)).shape == (2, 1, 3)
