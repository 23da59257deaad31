import pytest
import torch
from torch import nn

from automtl_core.modules.batch_ensemble import BatchEnsemble, Scales, keep_lists


@pytest.mark.parametrize("rows", [6, 7])
def test_row_i_has_the_scales_of_member_i_mod_k(rows):
    scales, x = Scales(3, 4, "ones"), torch.randn(rows, 4)
    with torch.no_grad():
        scales.scale.copy_(torch.randn(3, 4))
    expected = torch.stack([x[i] * scales.scale[i % 3] for i in range(rows)])
    assert torch.equal(scales(x), expected)


def test_scales_begin_with_ones_or_random_signs_and_those_of_a_column_do_not_depend_on_the_others():
    assert (Scales(3, 4, "ones").scale == 1).all()
    torch.manual_seed(0)
    signs = Scales(8, 50, "signs")
    assert set(signs.scale.unique().tolist()) == {-1.0, 1.0}
    assert 100 < (signs.scale == 1).sum() < 300
    torch.manual_seed(0)
    some = Scales(8, 50, "signs", columns=[7, 3])
    assert torch.equal(some(torch.ones(8, 2)), signs(torch.ones(8, 50))[:, [7, 3]])


def test_the_first_scales_make_rows_of_all_members_side_by_side_in_prediction():
    x, scales = torch.arange(6.0).view(3, 2), Scales(2, 2, "ones", first=True)
    with torch.no_grad():
        scales.scale.copy_(torch.tensor([[1.0, 1.0], [3.0, 3.0]]))
    assert len(scales.train()(x)) == 3
    rows = scales.eval()(x)
    assert rows[:, 0].tolist() == [0, 0, 2, 6, 4, 12]
    network = BatchEnsemble(2)
    assert network.mean_of_members(x) is x
    assert torch.equal(network.eval().mean_of_members(rows), 2 * x)


def test_all_rows_of_a_list_belong_to_one_member_of_a_training():
    scales = Scales(2, 3, "signs")
    with torch.no_grad():
        scales.scale.copy_(torch.tensor([[1.0, 1, 1], [2, 2, 2]]))
    network, numbers = nn.Sequential(scales), torch.tensor([4, 4, 4, 9, 9, 0, 0, 5])
    keep_lists(network, numbers)
    assert scales(torch.ones(8, 3))[:, 0].tolist() == [2, 2, 2, 1, 1, 2, 1, 2]
    assert scales.eval()(torch.ones(8, 3))[:, 0].tolist() == [1, 2] * 4, "a prediction has rows of all"
    keep_lists(network.train(), None)
    assert scales(torch.ones(8, 3))[:, 0].tolist() == [1, 2] * 4
