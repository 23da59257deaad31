"""Focal loss. Letters: B batch, T tasks."""

from pydantic import Field
from torch import Tensor
from torch.nn.functional import logsigmoid

from automtl_core.plugin import Loss, Settings


class FocalSettings(Settings):
    """Settings of the focal loss."""

    gamma: float = Field(2.0, ge=0)
    """Focusing parameter: the log loss of a row is multiplied by (1 - p)^gamma, for the predicted probability
    p of its label. 0 for log loss."""


class Focal(Loss[FocalSettings]):
    """Log loss with less weight on rows that are predicted well (Lin et al., ICCV 2017).

    -(1 - p)^gamma log p, for the predicted probability p of the label (Lin et al., "Focal loss for dense
    object detection", eq. 4). Row weights take the place of their class weights. Its probabilities are nearer
    to 1/2 than the true ones.
    """

    kinds = ("binary",)

    def row_losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of each row."""
        gamma, one, zero = self.settings.gamma, logsigmoid(logits), logsigmoid(-logits)
        return -labels * (gamma * zero).exp() * one - (1 - labels) * (gamma * one).exp() * zero
