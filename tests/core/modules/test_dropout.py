"""Dropout keeps expectations, follows torch's seed, and does nothing outside of training."""

import pytest
import torch

from automtl_core.modules.dropout import Dropout, dropout


@pytest.mark.parametrize(
    ("p", "bits"), [(0.01, 16), (0.1, 8), (0.15, 8), (0.2, 8), (0.5, 8), (0.9, 8), (0.98, 16)]
)
def test_a_share_is_dropped_and_the_mean_stays(p, bits):
    torch.manual_seed(1)
    x = torch.ones(1000, 999)
    found = dropout(x, p, training=True)
    error, near = (p * (1 - p) / x.numel()) ** 0.5, round(p * 2**bits) / 2**bits
    assert abs(near - p) <= 0.02 * p
    assert (found == 0).double().mean().item() == pytest.approx(near, abs=4 * error)
    assert found[found > 0].unique().tolist() == pytest.approx([1 / (1 - near)])
    assert found.double().mean().item() == pytest.approx(1, abs=5 * error / (1 - p))


def test_values_are_dropped_independently():
    torch.manual_seed(1)
    kept = (dropout(torch.ones(2000, 64), 0.5, training=True) > 0).double() - 0.5
    across, along = (kept.T @ kept / 2000, kept[:-1].mul(kept[1:]).mean())
    assert (across - 0.25 * torch.eye(64)).abs().max() < 0.25 * 5 / 2000**0.5
    assert abs(along) < 0.25 * 5 / kept.numel() ** 0.5


def test_masks_follow_the_seed_of_torch_in_the_order_of_the_tensor():
    def drawn(seed):
        torch.manual_seed(seed)
        return [dropout(torch.ones(33), 0.5, training=True) for _ in range(2)]

    (one, two), (again, _), (other, _) = drawn(1), drawn(1), drawn(2)
    assert torch.equal(one, again)
    assert not torch.equal(one, two)
    assert not torch.equal(one, other)
    torch.manual_seed(3)
    x = torch.arange(1.0, 7.0).view(2, 3)
    straight = dropout(x.T.contiguous(), 0.5, training=True)
    torch.manual_seed(3)
    assert torch.equal(dropout(x.T, 0.5, training=True), straight)


def test_gradients_reach_what_is_kept_alone():
    torch.manual_seed(3)
    x = torch.full((40,), 2.0, requires_grad=True)
    found = dropout(x, 0.25, training=True)
    found.sum().backward()
    assert torch.equal(x.grad, found.detach() / 2)


@pytest.mark.parametrize(("p", "training"), [(0.0, True), (0.5, False)])
def test_nothing_changes_without_training_or_share(p, training):
    x = torch.randn(5)
    assert dropout(x, p, training) is x
    assert Dropout(p).train(training)(x) is x
