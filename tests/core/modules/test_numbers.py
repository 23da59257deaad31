import pytest
import torch

from automtl_core.modules.inputs import Numbers

NAN = float("nan")
DENSE = torch.tensor([[0.5, -1.0], [NAN, 2.5], [9.0, NAN], [-9.0, 0.0]])
EDGES = torch.tensor([[-1.0, 0.0, 1.0, 2.0], [-1.0, 0.0, 2.0, 2.0]])


def numbers(bins: int) -> Numbers:
    found = Numbers(2, bins, 2, 0.1)
    found.load_fitted(EDGES)
    return found


@pytest.mark.parametrize("bins", [0, 3])
def test_the_number_itself_comes_first_and_is_0_where_missing(bins: int) -> None:
    assert numbers(bins)(DENSE)[:, :, 0].tolist() == [[0.5, -1.0], [0.0, 2.5], [9.0, 0.0], [-9.0, 0.0]]


def test_a_number_has_the_embedding_of_its_bin_and_a_missing_one_its_own() -> None:
    found = numbers(3)
    rows = [[1 + 1, 4 + 1 + 0], [0, 4 + 1 + 2], [1 + 2, 4], [1 + 0, 4 + 1 + 1]]
    assert torch.equal(found(DENSE)[:, :, 1:], found.table.weight[torch.tensor(rows)])


def test_without_numbers_nothing_is_made() -> None:
    found = Numbers(0, 32, 2, 0.1)
    assert found(torch.zeros(3, 0)).shape == (3, 0, 1)
    assert not list(found.parameters())
