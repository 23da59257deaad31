"""What a loss must define."""

import pytest
import torch

from automtl_core.registry.kinds import LOSSES
from automtl_core.settings.settings import Settings
from automtl_core.tasks.loss import Loss


def test_each_row_is_a_term_by_its_weight():
    class Distance(Loss):
        kinds = ("regression",)

        def row_losses(self, logits, labels):
            return (logits - labels).abs()

    logits, labels = torch.tensor([[1.0], [5.0], [2.0]]), torch.tensor([[0.0], [0.0], [4.0]])
    sums, numbers = Distance(Settings()).sums(logits, labels, torch.tensor([[1.0], [0.0], [2.5]]), None)
    assert (sums.tolist(), numbers.tolist()) == ([1 + 5.0], [3.5])
    with pytest.raises(NotImplementedError, match="Loss defines neither `sums` nor `row_losses`"):
        Loss(Settings()).row_losses(logits, labels)


@pytest.mark.parametrize("kinds", [(), "binary", (3,), None])
def test_a_loss_names_kinds(kinds):
    made = type("Odd", (Loss,), {"kinds": kinds})
    assert "must name kinds of tasks" in LOSSES.fault("odd", made)
    made.kinds = ("binary",)
    assert LOSSES.fault("odd", made) is None
