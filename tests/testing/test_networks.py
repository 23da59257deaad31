"""What is wrong with an op, a history encoder, a space or a balancer is found, and said."""

from collections.abc import Mapping

import pytest
import torch
from failures import but
from torch import nn
from torch.nn.functional import dropout

from automtl_core.choices import Architecture
from automtl_core.settings.settings import Settings
from automtl_core.space import SearchSpace
from automtl_core.training.balancer import Balancer, WeightedMean
from automtl_testing import check_balancer, check_history_encoder, check_op, check_space, plain_schema


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
def test_a_broken_promise_of_an_op_is_named(op, promise):
    with pytest.raises(AssertionError, match=promise):
        check_op(op)


def test_what_is_taken_out_must_have_the_names_of_an_op():
    with pytest.raises(RuntimeError, match="Missing key"):
        check_op(but(Sharing, alone=lambda op: Sharing.alone(op).linear))


class Encoder(nn.Module):
    def __init__(self, event_dim, query_dim):
        super().__init__()
        self.width, self.secret = event_dim, torch.rand(1)  # which no state dictionary holds

    def forward(self, events, query, known):
        return events.sum(1)


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
        (lambda me, x, query, known: x.sum(1) * me.secret, "state_dict must hold"),
    ],
)
def test_a_fault_of_a_history_encoder_is_named(forward, fault):
    with pytest.raises(AssertionError, match=fault):
        check_history_encoder(but(Encoder, forward=forward))


class Net(nn.Module):
    def __init__(self, gate, shared):
        super().__init__()
        self.gate, self.shared = gate, shared

    def forward(self, features):
        x = features.ids.to(features.dense.dtype)[:, list(self.gate.kept)] / 30
        sums = self.gate(x, dim=1).sum(1, keepdim=True)
        return self.shared(sums)


class Space(SearchSpace):
    """One gate over the fields."""

    net = Net
    outputs = 2

    def build(self, choose):
        fields = [field.name for field in self.schema.sparse]
        return self.net(choose.any_of("fields", fields), nn.Linear(1, self.outputs))


def faulty(**methods):
    """Return a space whose network has other methods."""
    return but(Space, net=but(Net, **methods))


def no_gradient(net, features):
    net.gate(features.ids[:, list(net.gate.kept)].double(), dim=1)
    return net.shared(features.dense[:, :1])


class OnlyInMemory(Net):
    def __init__(self, gate, shared):
        super().__init__(gate, shared)
        self.scale = torch.rand(())

    def forward(self, features):
        return super().forward(features) * self.scale


class Landmarks(Space):
    points: Mapping[str, tuple[str, ...]] = {"all": ("user", "item", "tab"), "user": ("user",)}

    def landmarks(self):
        return {name: Architecture({"fields": fields}) for name, fields in self.points.items()}


def made(space):
    return space(plain_schema(), Settings(), {}.__getitem__)


def test_a_good_space_passes():
    check_space(made(Space))
    check_space(made(Landmarks))


@pytest.mark.parametrize(
    ("space", "promise"),
    [
        (but(Space, outputs=1), r"expected \(16, 2\)"),
        (faulty(forward=no_gradient), "no gradient reaches the logits of fields"),
        (
            faulty(forward=lambda me, x: Net.forward(me, x) * (1 + hasattr(me.gate, "relaxation"))),
            "must equal the fixed supernet",
        ),
        (faulty(forward=lambda me, x: dropout(Net.forward(me, x), 0.5)), "evaluation must be deterministic"),
        (but(Space, net=OnlyInMemory), "must equal the fixed supernet|weights must load"),
        (but(Landmarks, points={"all": ("user", "number")}), "the landmark all must decide all of"),
        (but(Landmarks, points={"user": ("user",), "one": ("user",)}), "landmarks must differ: one, user"),
        (
            but(Landmarks, net=but(Net, forward=lambda me, x: Net.forward(me, x) / (len(me.gate.kept) != 1))),
            "the landmark user must give finite logits",
        ),
    ],
)
def test_a_broken_promise_of_a_space_is_named(space, promise):
    with pytest.raises(AssertionError, match=promise):
        check_space(made(space), architectures=2)


class Densifies(WeightedMean):
    def backward(self, losses, penalty, inputs):
        super().backward(losses, penalty, inputs)
        for parameter in inputs:
            parameter.grad = parameter.grad.to_dense()


class Steps(WeightedMean):
    def backward(self, losses, penalty, inputs):
        super().backward(losses, penalty, inputs)
        with torch.no_grad():
            inputs[1] -= 1


class Two(Balancer):
    def __init__(self, settings, tasks):
        super().__init__(settings, tasks)
        self.pair = nn.Parameter(torch.ones(3))

    def backward(self, losses, penalty, inputs):
        ((self.pair[: len(losses)] * losses).mean() + penalty).backward(inputs=inputs)


class Counts(Balancer):
    count = 0

    def backward(self, losses, penalty, inputs):
        self.count += 1
        (losses.mean() / self.count + losses[0] + penalty).backward(inputs=inputs)


GENERATOR = torch.Generator()


def drawn(me, losses, penalty, inputs):
    (torch.rand((), generator=GENERATOR) * losses.mean() + penalty).backward(inputs=inputs)


@pytest.mark.parametrize(
    ("balancer", "promise"),
    [
        (
            but(Balancer, backward=lambda me, y, p, x: (y.mean() + 0 * p).backward(inputs=x)),
            "the penalty must count in full",
        ),
        (
            but(Balancer, backward=lambda me, y, p, x: (y.mean() + p).backward(inputs=x[:-1])),
            "every parameter that a loss reaches needs a gradient",
        ),
        (
            but(Balancer, backward=lambda me, y, p, x: (y.mean() + p).backward()),
            "a parameter outside of `inputs` must have no gradient",
        ),
        (
            but(Balancer, backward=lambda me, y, p, x: (y.log().mean() + p).backward(inputs=x)),
            "gradients must be finite where no row has a label of click",
        ),
        (Densifies, "the gradient of a sparse embedding must be sparse"),
        (Steps, "backward must not move parameters"),
        (Counts, "training that is resumed must end the same"),
        (but(Balancer, backward=drawn), "training must depend on its seed alone"),
    ],
)
def test_a_broken_promise_of_a_balancer_is_named(balancer, promise):
    with pytest.raises(AssertionError, match=promise):
        check_balancer(balancer)


def test_a_balancer_that_learns_passes():
    check_balancer(Two)
