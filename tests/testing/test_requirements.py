"""A listener of contract tests keeps the state of each epoch, as a file holds it, and ends a loop."""

import torch

from automtl_core.training.events import EpochEnded
from automtl_testing.requirements import Watch, same_weights

REPORT = EpochEnded("train", 1, {}, {}, 0.0, 0.0)


def test_the_state_is_that_of_the_last_epoch():
    weight = torch.zeros(2)
    watch = Watch(lambda: {"weight": weight}, last_epoch=2)
    assert watch.epoch(REPORT)
    weight += 1
    assert torch.equal(watch.state["weight"], torch.zeros(2))
    assert not watch.epoch(REPORT)
    assert same_weights(watch.state, {"weight": torch.ones(2)})
    assert not same_weights(watch.state, {"weight": torch.zeros(2)})
    assert not same_weights(watch.state, {})
