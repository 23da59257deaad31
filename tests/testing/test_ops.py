"""What is wrong with an op is found, and said."""

import pytest
import torch
from torch import nn

from automtl_testing import check_history_encoder, check_op


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


class Undefined(Op):
    def forward(self, x):
        return super().forward(x) / torch.zeros(())


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


class Sharing(Op):
    """Holds the layer of another, once it shares."""

    @classmethod
    def share(cls, ops):
        owner, *others = ops
        for op in others:
            op.others = (owner,)
            del op.linear

    def layer(self):
        return self.others[0].linear if hasattr(self, "others") else self.linear

    def forward(self, x):
        return self.layer()(x)

    def alone(self):
        op = type(self)(self.layer().in_features, self.layer().out_features, 0.0).double()
        op.load_state_dict(self.layer().state_dict(prefix="linear."))
        return op


class RegisteredTwice(Sharing):
    @classmethod
    def share(cls, ops):
        for op in ops:
            op.linear = ops[0].linear


class StillShared(Sharing):
    def alone(self):
        op = super().alone()
        op.linear = self.layer()
        return op


class OtherAlone(Sharing):
    def alone(self):
        op = super().alone()
        op.linear.bias.data += 1
        return op


class OtherNames(Sharing):
    def alone(self):
        return super().alone().linear


@pytest.mark.parametrize("op", [Op, Sharing])
def test_a_good_op_passes(op):
    check_op(op)


@pytest.mark.parametrize(
    ("op", "promise"),
    [
        (OtherWidth, r"expected \(6, 5\)"),
        (OtherType, "dtype of the input must be kept"),
        (InPlace, "must not be changed in place"),
        (Undefined, "outputs must be finite"),
        (AlwaysRandom, "evaluation must be deterministic"),
        (AcrossRows, "rows must not depend on each other"),
        (Forgetful, "state_dict must hold all that the module learned"),
        (WronglyNarrowed, r"narrow\(columns\) must equal the op"),
        (WronglyMixed, "mixture must equal the weighted sum"),
        (RegisteredTwice, "shared must be registered by one op"),
        (StillShared, "must have weights of its own"),
        (OtherAlone, r"alone\(\) must equal the op"),
    ],
)
def test_a_broken_promise_is_named(op, promise):
    with pytest.raises(AssertionError, match=promise):
        check_op(op)


def test_what_is_taken_out_must_have_the_names_of_an_op():
    with pytest.raises(RuntimeError, match="Missing key"):
        check_op(OtherNames)


class Encoder(nn.Module):
    def __init__(self, event_dim, query_dim):
        super().__init__()
        self.width = event_dim

    def forward(self, events, query, known):
        return events.sum(1)


class TooWide(Encoder):
    def forward(self, events, query, known):
        return torch.cat([events.sum(1), query], dim=1)


class NoTensor(Encoder):
    def forward(self, events, query, known):
        return "summary"


class NotFinite(Encoder):
    def forward(self, events, query, known):
        return events.sum(1) / known.sum(1, keepdim=True)


class ReadsPadding(Encoder):
    def forward(self, events, query, known):
        return events.mean(1)


class ReadsOtherRows(Encoder):
    def forward(self, events, query, known):
        return events.sum(1) - events.sum(1).mean(0)


class Random(Encoder):
    def forward(self, events, query, known):
        return events.sum(1) + torch.rand(1)


class Forgets(Encoder):
    def __init__(self, event_dim, query_dim):
        super().__init__(event_dim, query_dim)
        self.secret = torch.rand(1)

    def forward(self, events, query, known):
        return events.sum(1) * self.secret


def test_a_sum_is_an_encoder():
    check_history_encoder(Encoder)


@pytest.mark.parametrize(
    ("encoder", "fault"),
    [
        (TooWide, "expected"),
        (NoTensor, "must be a tensor, got str"),
        (NotFinite, "must be finite"),
        (ReadsPadding, "padding must have no effect"),
        (ReadsOtherRows, "rows must not depend on each other"),
        (Random, "must be deterministic"),
        (Forgets, "state_dict must hold"),
    ],
)
def test_a_fault_is_named(encoder, fault):
    with pytest.raises(AssertionError, match=fault):
        check_history_encoder(encoder)
