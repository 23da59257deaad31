import pytest
import torch

from automtl_core.modules.numbers import Numbers

NAN = float("nan")
DENSE = torch.tensor([[0.5, -1.0], [NAN, 2.5], [9.0, NAN], [-9.0, 0.0]])
EDGES = torch.tensor([[-1.0, 0.0, 1.0, 2.0], [-1.0, 0.0, 2.0, 2.0]])


def numbers(kind: str, dim: int = 2) -> Numbers:
    found = Numbers(2, kind, 3, dim, 0.1)
    found.load_fitted(EDGES)
    return found


@pytest.mark.parametrize("kind", ["standard", "bins", "piecewise"])
def test_the_number_itself_comes_first_and_is_0_where_missing(kind: str) -> None:
    assert numbers(kind)(DENSE)[:, :, 0].tolist() == [[0.5, -1.0], [0.0, 2.5], [9.0, 0.0], [-9.0, 0.0]]


def test_a_number_has_the_embedding_of_its_bin_and_a_missing_one_its_own() -> None:
    found = numbers("bins")
    rows = [[1 + 1, 4 + 1 + 0], [0, 4 + 1 + 2], [1 + 2, 4], [1 + 0, 4 + 1 + 1]]
    assert torch.equal(found(DENSE)[:, :, 1:], found.table.weight[torch.tensor(rows)])


def test_piecewise_embeddings_add_up_the_bins_below() -> None:
    found = numbers("piecewise")
    weight = found.table.weight.data.abs_().view(2, 4, 2)  # so that no ReLU cuts
    e = found(DENSE)[:, :, 1:]
    expected = weight[0, 1] + 0.5 * weight[0, 2]
    torch.testing.assert_close(e[0, 0], expected)
    torch.testing.assert_close(e[1, 0], weight[0, 0])  # missing
    torch.testing.assert_close(e[2, 0], weight[0, 1:].sum(0))
    torch.testing.assert_close(e[3, 0], torch.zeros(2))
    torch.testing.assert_close(e[1, 1], weight[1, 1:].sum(0))  # above all edges


def test_piecewise_embeddings_change_steadily() -> None:
    found = numbers("piecewise")
    x = torch.linspace(-1.5, 2.5, 2001)
    e = found(torch.stack([x, x], dim=1))[:, 0, 1:]
    assert (e[1:] - e[:-1]).abs().max() < 0.01


def test_without_numbers_nothing_is_made() -> None:
    found = Numbers(0, "bins", 32, 2, 0.1)
    assert found(torch.zeros(3, 0)).shape == (3, 0, 1)
    assert not list(found.parameters())
