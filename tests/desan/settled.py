"""Ops whose parts can be told apart."""

import torch
from torch import nn


def settled(op):
    """Return the op in evaluation, with statistics and weights that tell its parts apart."""
    torch.manual_seed(0)
    for parameter in op.parameters():
        nn.init.normal_(parameter)
    for _ in range(3):
        op.train()(3 * torch.randn(20, 4) + 1)
    return op.eval()


def normalised(norm, x):
    return (x - norm.running_mean) / (norm.running_var + norm.eps).sqrt() * norm.weight + norm.bias


X = torch.tensor([[1.0, -2.0, 0.5, 3.0], [0.0, 1.0, -1.0, 2.0]])
