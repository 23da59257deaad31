import torch

from automtl_example_op import GatedLinear
from automtl_testing import check_op


def test_contract() -> None:
    check_op(GatedLinear)


def test_half_open_gates_halve_the_values() -> None:
    op = GatedLinear(3, 2, dropout=0.0)
    with torch.no_grad():
        op.linear.weight[2:] = 0
        op.linear.bias[2:] = 0
    x = torch.randn(5, 3)
    values = op.linear(x)[:, :2]
    assert torch.allclose(op(x), values / 2)
