import torch
from torch import nn

from automtl_core.ops import ZeroFilled, narrowed, standalone


class Narrow(nn.Linear):
    def narrow(self, columns):
        return nn.Linear(len(columns), self.out_features)


class Shared(nn.Linear):
    @classmethod
    def share(cls, ops):
        """Share nothing."""

    def alone(self):
        return nn.Linear(self.in_features, self.out_features)


def test_all_inputs_leave_an_op_as_it_is():
    op = Narrow(3, 2)
    assert narrowed(op, [0, 1, 2], 3) is op
    assert narrowed(op, range(3), 3) is op


def test_an_op_is_narrowed_by_its_own_way_or_filled_with_zeros():
    assert narrowed(Narrow(3, 2), [1], 3).in_features == 1
    plain = nn.Linear(3, 2)
    filled = narrowed(plain, [2, 0], 3)
    assert isinstance(filled, ZeroFilled)
    assert torch.equal(filled(torch.tensor([[5.0, 7.0]])), plain(torch.tensor([[7.0, 0.0, 5.0]])))


def test_an_op_that_shares_weights_is_taken_out():
    plain = nn.Linear(3, 2)
    assert standalone(plain) is plain
    assert type(standalone(Shared(3, 2))) is nn.Linear
