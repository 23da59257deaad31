import pytest
import torch
from torch import nn

from automtl_core.choices import AnyOf, OneOf
from automtl_core.modules.relaxation import Gate, MixedOp, Relaxation, Softmax, Weighed, mixture


class Times(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor, self.calls = factor, 0

    def forward(self, x):
        self.calls += 1
        return self.factor * x


class Second(Relaxation):
    """Takes the second candidate, twice."""

    def one_of(self, logits, training):
        return Weighed([1], torch.tensor([2.0]))

    def any_of(self, logits, training):
        return torch.tensor([0.0, 0.5])


def mixed(relaxation):
    return MixedOp(OneOf("op", ("a", "b")), {"a": Times(1.0), "b": Times(10.0)}, relaxation)


def test_a_mixed_op_is_the_weighted_sum():
    op = mixed(Softmax())
    op.logits.data.zero_()
    assert op(torch.ones(1, 1)).item() == pytest.approx((1 + 10) / 2)


def test_what_a_relaxation_leaves_out_is_not_computed():
    op = mixed(Second())
    assert op(torch.ones(1, 1)).item() == 20
    assert op.candidates["a"].calls == 0


def test_a_fixed_op_holds_the_chosen_candidate_alone():
    op = mixed(Softmax())
    op.fix("b")
    assert list(op.candidates) == ["b"]
    assert op.logits is None
    assert op.favourite() == "b"
    assert op(torch.ones(1, 1)).item() == 10


def test_a_held_op_is_let_go():
    op = mixed(Softmax())
    op.logits.data = torch.tensor([5.0, 0.0])
    op.hold("b")
    assert (op.favourite(), op(torch.ones(1, 1)).item()) == ("b", 10)
    op.hold(None)
    assert op.favourite() == "a"


def test_a_gate_multiplies_the_dimension_of_its_options():
    gate = Gate(AnyOf("fields", ("a", "b")), Second())
    assert gate(torch.ones(1, 2, 3), dim=1).tolist() == [[[0, 0, 0], [0.5, 0.5, 0.5]]]
    assert gate(torch.ones(1, 2), dim=1).tolist() == [[0, 0.5]]
    assert gate.kept == (0, 1)


def test_a_fixed_gate_keeps_its_decision():
    gate = Gate(AnyOf("fields", ("a", "b")), Softmax())
    gate.fix(("b",))
    assert gate.logits is None
    assert gate.favourite() == ("b",)
    assert gate(torch.ones(1, 2), dim=1).tolist() == [[0, 1]]


def test_a_gate_tells_what_can_be_open_in_a_pass():
    gate = Gate(AnyOf("fields", ("a", "b", "c")), Softmax())
    assert gate.open == (0, 1, 2)
    gate.hold(("c",))
    assert gate.open == (2,)
    gate.hold(())
    assert gate.open == ()
    gate.hold(None)
    assert gate.open == (0, 1, 2)
    gate.fix(("a", "b"))
    assert gate.open == (0, 1)
    gate.hold(("b",))
    assert gate.open == (1,)


def test_classes_that_can_are_evaluated_together():
    class Joint(Times):
        @classmethod
        def mixture(cls, ops, weights, x):
            return torch.full_like(x, 100.0 * len(ops))

    ops = [Joint(1.0), Times(1.0), Joint(2.0)]
    assert mixture(ops, torch.tensor([0.1, 0.2, 0.7]), torch.ones(1, 1)).item() == pytest.approx(200.2)
    assert mixture(ops[:2], torch.tensor([0.5, 0.5]), torch.ones(1, 1)).item() == 1, "one alone is called"
