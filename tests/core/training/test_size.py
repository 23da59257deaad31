"""Parameters and operations, by hand."""

import numpy as np
import torch
from torch import nn

from automtl_core.data.store import Part
from automtl_core.training.size import size


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(5, 3)
        self.linear = nn.Linear(3, 4)
        self.norm = nn.BatchNorm1d(4)

    def forward(self, ids, dense):
        return self.norm(self.linear(self.table(ids[:, 0])))


def test_products_count_twice_and_embeddings_apart():
    part = Part(np.zeros((70, 1), np.int32), np.zeros((70, 0), np.float32), np.zeros((70, 1), np.float32))
    assert size(Net(), part, torch.device("cpu")) == {
        "parameters": 15 + 16 + 8,
        "parameters_beside_embeddings": 24,
        "flops_per_row": 2 * 3 * 4,
    }
