import pytest
import torch

from automtl_core.choices import AnyOf, OneOf
from automtl_core.modules.relaxation import Softmax


def test_candidates_start_almost_equal_and_options_open():
    torch.manual_seed(0)
    start = Softmax().start(OneOf("op", tuple("abcdefgh")))
    assert 0 < start.abs().max() < 5e-3
    assert Softmax().start(AnyOf("fields", ("a", "b"))).tolist() == [0, 0]


def test_all_candidates_count_by_the_softmax():
    places, weights = Softmax().one_of(torch.tensor([2.0, 2.0]), training=True)
    assert list(places) == [0, 1]
    assert weights.tolist() == [0.5, 0.5]


def test_bits_are_drawn_in_training_with_the_gradient_of_the_probability():
    relaxation, logits = Softmax(), torch.tensor([30.0, -30.0, 0.0], requires_grad=True)
    drawn = torch.stack([relaxation.any_of(logits, training=True) for _ in range(200)])
    assert drawn[:, 0].eq(1).all()
    assert drawn[:, 1].eq(0).all()
    assert 0.35 < drawn[:, 2].mean() < 0.65
    drawn[0].sum().backward()
    assert logits.grad.tolist() == pytest.approx([0, 0, 0.25], abs=1e-6)


def test_without_sampling_all_are_open_and_evaluation_is_decided():
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
