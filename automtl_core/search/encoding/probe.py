"""The small model of trials: what a multi-task network has, once, so that it learns alike and soon.

Letters: B batch, D input width, T tasks.
"""

import torch
from torch import Tensor, nn

from automtl_core.dataset.schema import Schema
from automtl_core.modules.dropout import Dropout
from automtl_core.modules.inputs import Inputs
from automtl_core.modules.network import Ids

DIM = 16
"""Numbers per id."""
STD = 0.01
"""Standard deviation that embeddings start with."""
WIDTHS = (128, 64)
"""Of the layers that all tasks share."""
TOWER = 64
"""Width of the hidden layer of a task's tower."""
DROPOUT = 0.2


class Small(nn.Module):
    """y_t = tower_t(mlp(x)), and with a wide term + W_t x: ids, dense -> logits [B, T].

    As deep as the models that are tried with what it says: one of a single layer learns values that act alone
    and not what they do together, and finds other encodings best.
    """

    def __init__(self, schema: Schema) -> None:
        super().__init__()
        self.inputs = Inputs(schema, DIM, STD)
        width, tasks = self.inputs.width, len(schema.tasks)
        self.body = nn.Sequential(*_layer(width, WIDTHS[0]), *_layer(*WIDTHS))
        towers = (nn.Sequential(*_layer(WIDTHS[1], TOWER), nn.Linear(TOWER, 1)) for _ in range(tasks))
        self.towers = nn.ModuleList(towers)
        self.wide = nn.Linear(width, tasks, bias=False) if schema.encodings.wide is True else None
        if self.wide is not None:
            nn.init.zeros_(self.wide.weight)

    def forward(self, ids: Ids, dense: Tensor) -> Tensor:  # dense [B, M] -> [B, T]
        x = self.inputs(ids, dense).flat()  # [B, D]
        shared = self.body(x)
        logits = torch.cat([tower(shared) for tower in self.towers], dim=1)
        return logits if self.wide is None else logits + self.wide(x)


def _layer(before: int, after: int) -> list[nn.Module]:
    return [nn.Linear(before, after), nn.BatchNorm1d(after), nn.ReLU(inplace=True), Dropout(DROPOUT)]
