"""What is wrong with an op is found, and said."""

import pytest
import torch
from torch import nn
from torch.nn.functional import dropout

from automtl_testing import check_history_encoder, check_op


class Op(nn.Module):
    def __init__(self, in_dim, out_dim, dropout):
        super().__init__()
        self.linear = nn.Linear(in_dim, out_dim)

    def forward(self, x):
        return self.linear(x)


class Forgetful(Op):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.scale = torch.rand(())

    def forward(self, x):
        return self.scale * super().forward(x)


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


@pytest.mark.parametrize("op", [Op, Sharing])
def test_a_good_op_passes(op):
    check_op(op)


def but(base, **methods):
    """Return a class with other methods."""
    return type("Other", (base,), methods)


def share_twice(ops):
    for op in ops:
        op.linear = ops[0].linear


def still_shared(op):
    op.linear, alone = op.layer(), Sharing.alone(op)
    alone.linear = op.layer()
    return alone


def other_bias(op):
    alone = Sharing.alone(op)
    alone.linear.bias.data += 1
    return alone


@pytest.mark.parametrize(
    ("op", "promise"),
    [
        (but(Op, forward=lambda op, x: op.linear(x)[:, :-1]), r"expected \(6, 5\)"),
        (but(Op, forward=lambda op, x: op.linear(x).float()), "dtype of the input must be kept"),
        (but(Op, forward=lambda op, x: op.linear(x.mul_(2))), "must not be changed in place"),
        (but(Op, forward=lambda op, x: op.linear(x) / torch.zeros(())), "outputs must be finite"),
        (but(Op, forward=lambda op, x: op.linear(dropout(x, 0.5, True))), "evaluation must be deterministic"),
        (but(Op, forward=lambda op, x: op.linear(x - x.mean(0))), "rows must not depend on each other"),
        (Forgetful, "state_dict must hold all that the module learned"),
        (
            but(Op, narrow=lambda op, columns: nn.Linear(len(columns), op.linear.out_features).double()),
            r"narrow\(columns\) must equal the op",
        ),
        (
            but(Op, mixture=staticmethod(lambda ops, weights, x: sum(op(x) for op in ops))),
            "mixture must equal the weighted sum",
        ),
        (but(Sharing, share=staticmethod(share_twice)), "shared must be registered by one op"),
        (but(Sharing, alone=still_shared), "must have weights of its own"),
        (but(Sharing, alone=other_bias), r"alone\(\) must equal the op"),
    ],
)
def test_a_broken_promise_is_named(op, promise):
    with pytest.raises(AssertionError, match=promise):
        check_op(op)


def test_what_is_taken_out_must_have_the_names_of_an_op():
    with pytest.raises(RuntimeError, match="Missing key"):
        check_op(but(Sharing, alone=lambda op: Sharing.alone(op).linear))


class Encoder(nn.Module):
    def __init__(self, event_dim, query_dim):
        super().__init__()
        self.width = event_dim

    def forward(self, events, query, known):
        return events.sum(1)


class Forgets(Encoder):
    def __init__(self, event_dim, query_dim):
        super().__init__(event_dim, query_dim)
        self.secret = torch.rand(1)

    def forward(self, events, query, known):
        return events.sum(1) * self.secret


def test_a_sum_is_an_encoder():
    check_history_encoder(Encoder)


@pytest.mark.parametrize(
    ("forward", "fault"),
    [
        (lambda me, x, query, known: torch.cat([x.sum(1), query], dim=1), "expected"),
        (lambda me, x, query, known: "summary", "must be a tensor, got str"),
        (lambda me, x, query, known: x.sum(1) / known.sum(1, keepdim=True), "must be finite"),
        (lambda me, x, query, known: x.mean(1), "padding must have no effect"),
        (lambda me, x, query, known: x.sum(1) - x.sum(1).mean(0), "rows must not depend on each other"),
        (lambda me, x, query, known: x.sum(1) + torch.rand(1), "must be deterministic"),
    ],
)
def test_a_fault_is_named(forward, fault):
    with pytest.raises(AssertionError, match=fault):
        check_history_encoder(but(Encoder, forward=forward))


def test_what_is_learned_is_kept():
    with pytest.raises(AssertionError, match="state_dict must hold"):
        check_history_encoder(Forgets)
