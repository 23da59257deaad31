"""What is wrong with an op is found, and said."""

import pytest
import torch
from torch import nn

from automtl_core.testing import check_op


class Op(nn.Module):
    def __init__(self, in_dim, out_dim, dropout):
        super().__init__()
        self.linear = nn.Linear(in_dim, out_dim)

    def forward(self, x):
        return self.linear(x)


class OtherWidth(Op):
    def forward(self, x):
        return super().forward(x)[:, :-1]


class OtherType(Op):
    def forward(self, x):
        return super().forward(x).float()


class InPlace(Op):
    def forward(self, x):
        return super().forward(x.mul_(2))


class AlwaysRandom(Op):
    def forward(self, x):
        return super().forward(nn.functional.dropout(x, 0.5, True))


class AcrossRows(Op):
    def forward(self, x):
        return super().forward(x - x.mean(0))


class Forgetful(Op):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.scale = torch.rand(())

    def forward(self, x):
        return self.scale * super().forward(x)


class WronglyNarrowed(Op):
    def narrow(self, columns):
        return nn.Linear(len(columns), self.linear.out_features).double()


class WronglyMixed(Op):
    @classmethod
    def mixture(cls, ops, weights, x):
        return sum(op(x) for op in ops)


def test_a_good_op_passes():
    check_op(Op)


@pytest.mark.parametrize(
    ("op", "promise"),
    [
        (OtherWidth, r"expected \(6, 5\)"),
        (OtherType, "dtype of the input must be kept"),
        (InPlace, "must not be changed in place"),
        (AlwaysRandom, "evaluation must be deterministic"),
        (AcrossRows, "rows must not depend on each other"),
        (Forgetful, "state_dict must hold all that the op learned"),
        (WronglyNarrowed, r"narrow\(columns\) must equal the op"),
        (WronglyMixed, "mixture must equal the weighted sum"),
    ],
)
def test_a_broken_promise_is_named(op, promise):
    with pytest.raises(AssertionError, match=promise):
        check_op(op)
