import torch
from torch import nn

from automtl_core.ops import ZeroFilled, narrowed, share_alike, standalone


class Narrow(nn.Linear):
    def narrow(self, columns):
        return nn.Linear(len(columns), self.out_features)


class Shared(nn.Linear):
    @classmethod
    def share(cls, ops):
        """Share nothing."""

    def alone(self):
        return nn.Linear(self.in_features, self.out_features)


def test_an_op_is_narrowed_by_its_own_way_or_filled_with_zeros_unless_it_reads_all():
    op = Narrow(3, 2)
    assert narrowed(op, [0, 1, 2], 3) is op
    assert narrowed(op, range(3), 3) is op
    assert narrowed(Narrow(3, 2), [1], 3).in_features == 1
    plain = nn.Linear(3, 2)
    filled = narrowed(plain, [2, 0], 3)
    assert isinstance(filled, ZeroFilled)
    assert torch.equal(filled(torch.tensor([[5.0, 7.0]])), plain(torch.tensor([[7.0, 0.0, 5.0]])))


def test_an_op_that_shares_weights_is_taken_out():
    plain = nn.Linear(3, 2)
    assert standalone(plain) is plain
    assert type(standalone(Shared(3, 2))) is nn.Linear


def test_ops_of_one_class_share_where_they_can(monkeypatch):
    shared = []
    monkeypatch.setattr(Shared, "share", classmethod(lambda cls, ops: shared.append((cls, ops))))
    other = type("Other", (Shared,), {})
    ops = [Shared(3, 2), nn.Linear(3, 2), other(3, 2), Shared(3, 4), nn.Linear(3, 2), other(3, 5)]
    share_alike(ops)
    assert [cls for cls, _ in shared] == [Shared, other]
    assert all(a is b for a, b in zip(shared[0][1], [ops[0], ops[3]], strict=True))
    assert all(a is b for a, b in zip(shared[1][1], [ops[2], ops[5]], strict=True))
    shared.clear()
    share_alike(ops[:3])  # one of each class
    assert not shared
