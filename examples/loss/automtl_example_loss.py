"""Log loss with smoothed labels. Letters: B batch, T tasks."""

from pydantic import Field
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from automtl_core.plugin import Loss, Settings, hookimpl


class SmoothedSettings(Settings):
    """Settings of the loss."""

    share: float = Field(0.05, ge=0, lt=0.5)
    """Share of labels that are taken as wrong."""


class Smoothed(Loss[SmoothedSettings]):
    """Log loss of labels of which some are taken as wrong, so that no prediction becomes certain."""

    kinds = ("binary",)

    def row_losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of each row, [B, T]."""
        share = self.settings.share
        return binary_cross_entropy_with_logits(logits, labels * (1 - 2 * share) + share, reduction="none")


@hookimpl
def automtl_register_losses() -> dict[str, type[Smoothed]]:
    """Register the loss by its name."""
    return {"example-loss": Smoothed}
