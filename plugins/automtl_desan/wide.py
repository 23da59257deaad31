"""The wide term: selected fields enter the logit of each task directly.

Letters: B batch, T tasks.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from automtl_core.modules.inputs import EncodedFields
from automtl_desan.feature_selection import FeatureSelection


class Wide(nn.Module):
    """W x of the selected fields (Cheng et al., "Wide & Deep Learning", DLRS 2016, eq. 3).

    Args:
        selection: Selection of fields, without a factorisation machine.
        tasks: T.

    """

    def __init__(self, selection: FeatureSelection, tasks: int) -> None:
        super().__init__()
        self.selection = selection
        # Each weight has the name of its field, so that a network of fewer fields can copy it.
        self.weights = nn.ParameterDict(
            {name: nn.Parameter(torch.zeros(tasks, width)) for name, width in selection.fields.items()}
        )

    def forward(self, encoded: EncodedFields) -> Tensor:  # -> [B, T]
        x: Tensor = self.selection(encoded)
        weights = [self.weights[name] for name in self.selection.fields]  # a dict of them sorts its names
        return F.linear(x, torch.cat(weights, dim=1)) if weights else x.new_zeros(x.shape[0], 1)
