"""JRC: ranking and calibration together. Letters: B batch, L lists, T tasks."""

from pydantic import Field
from torch import Tensor
from torch.nn.functional import logsigmoid

from automtl_core.plugin import Loss, Settings
from automtl_losses.lists import Lists


class JRCSettings(Settings):
    """Settings of JRC."""

    alpha: float = Field(0.5, ge=0, le=1)
    """Weight of the log loss; that of the ranking loss is 1 - alpha."""


class JRC(Loss[JRCSettings]):
    """Log loss, and the likelihood of the rows of each class in a list (JRC, KDD 2023): ranks, calibrated.

    Sheng et al., "Joint optimization of ranking and calibration with contextualized hybrid model": with a
    logit f_y for each class, the loss of row i with label y in a list is

        -alpha log p(y | x_i) - (1 - alpha) log p(x_i | y)
        p(y | x_i) = exp(f_y(x_i)) / sum_c exp(f_c(x_i)),  p(x_i | y) = exp(f_y(x_i)) / sum_j exp(f_y(x_j))

    Here a network has one logit s = f_1 - f_0. The other degree of freedom, log(exp(f_0) + exp(f_1)), is the
    density of x in the list, which is taken as uniform: f_1 = log sigmoid(s), f_0 = log sigmoid(-s). Both
    parts are then likelihoods of the same probabilities. With f = (-s / 2, s / 2), in lists without a
    positive the second part would pull all rows to the same logit. A row of no list has the first part alone.
    """

    kinds, grouped = ("binary",), True

    def sums(
        self, logits: Tensor, labels: Tensor, weights: Tensor, groups: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return the sum over all rows, and their number."""
        assert groups is not None  # noqa: S101 - as it is `grouped`
        lists, alpha = Lists(groups), self.settings.alpha
        losses = logits.new_zeros(logits.shape)
        for scores, label in ((logsigmoid(logits), labels), (logsigmoid(-logits), 1 - labels)):
            in_list = lists.of_rows(lists.log_sums(scores, weights)) - scores
            losses = losses + label * ((1 - alpha) * (lists.listed * in_list) - alpha * scores)
        return (losses * weights).sum(0), weights.sum(0)
