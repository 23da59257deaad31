"""Log loss, by its own name. Letters: B batch, T tasks."""

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from automtl_core.plugin import Loss


class LogLoss(Loss):
    """Log loss: binary cross-entropy, the loss of labels of 0 and 1 where no other one is named."""

    kinds = ("binary",)

    def row_losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the cross-entropy of each row in nats, [B, T]."""
        return binary_cross_entropy_with_logits(logits, labels, reduction="none")
