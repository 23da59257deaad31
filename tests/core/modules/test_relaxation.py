import pytest
import torch
from torch import nn

from automtl_core.choices import AnyOf, OneOf
from automtl_core.modules.relaxation import Gate, MixedOp, Relaxation, Softmax, Weighed, mixture


def test_candidates_start_almost_equal_and_all_count():
    torch.manual_seed(0)
    start = Softmax().start(OneOf("op", tuple("abcdefgh")))
    assert 0 < start.abs().max() < 5e-3
    assert Softmax().start(AnyOf("fields", ("a", "b"))).tolist() == [0, 0]
    places, weights = Softmax().one_of(torch.tensor([2.0, 2.0]), training=True)
    assert list(places) == [0, 1]
    assert weights.tolist() == [0.5, 0.5]


def test_bits_are_drawn_in_training_alone_and_if_they_are_sampled():
    relaxation, logits = Softmax(), torch.tensor([30.0, -30.0, 0.0], requires_grad=True)
    drawn = torch.stack([relaxation.any_of(logits, training=True) for _ in range(200)])
    assert drawn[:, 0].eq(1).all()
    assert drawn[:, 1].eq(0).all()
    assert 0.35 < drawn[:, 2].mean() < 0.65
    drawn[0].sum().backward()
    assert logits.grad.tolist() == pytest.approx([0, 0, 0.25], abs=1e-6)
    logits = torch.tensor([3.0, -3.0, 0.0])
    assert Softmax(sampling=False).any_of(logits, training=True).tolist() == [1, 1, 1]
    assert Softmax().any_of(logits, training=False).tolist() == [1, 0, 1]
    assert Softmax().opened(logits).tolist() == [True, False, True]
    assert Softmax().best(logits) == 0


def test_draws_follow_from_the_seed_and_not_from_torchs_own():
    relaxation, like = Softmax(), torch.zeros(5)
    relaxation.seed(3)
    first = relaxation.uniform(like)
    assert not torch.equal(relaxation.uniform(like), first)
    torch.rand(3)
    relaxation.seed(3)
    assert torch.equal(relaxation.uniform(like), first)


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


def test_what_a_relaxation_leaves_out_is_not_computed():
    op = mixed(Second())
    assert op(torch.ones(1, 1)).item() == 20
    assert op.candidates["a"].calls == 0


def test_fixed_ops_and_gates_keep_their_decision_alone():
    op = mixed(Softmax())
    op.fix("b")
    assert list(op.candidates) == ["b"]
    assert op.logits is None
    assert op.favourite() == "b"
    assert op(torch.ones(1, 1)).item() == 10
    gate = Gate(AnyOf("fields", ("a", "b")), Softmax())
    gate.fix(("b",))
    assert gate.logits is None
    assert gate.favourite() == ("b",)
    assert gate(torch.ones(1, 2), dim=1).tolist() == [[0, 1]]


def test_a_gate_multiplies_the_dimension_of_its_options():
    gate = Gate(AnyOf("fields", ("a", "b")), Second())
    assert gate(torch.ones(1, 2, 3), dim=1).tolist() == [[[0, 0, 0], [0.5, 0.5, 0.5]]]
    assert gate(torch.ones(1, 2), dim=1).tolist() == [[0, 0.5]]
    assert gate.kept == (0, 1)


def test_classes_that_can_are_evaluated_together():
    class Joint(Times):
        @classmethod
        def mixture(cls, ops, weights, x):
            return torch.full_like(x, 100.0 * len(ops))

    ops = [Joint(1.0), Times(1.0), Joint(2.0)]
    assert mixture(ops, torch.tensor([0.1, 0.2, 0.7]), torch.ones(1, 1)).item() == pytest.approx(200.2)
    assert mixture(ops[:2], torch.tensor([0.5, 0.5]), torch.ones(1, 1)).item() == 1, "one alone is called"
