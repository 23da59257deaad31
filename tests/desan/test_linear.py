"""Linear layers made of parts of others."""

import torch
from torch import nn

from automtl_desan.linear import linear_of, narrow_linear


def test_a_layer_is_narrowed_to_the_weights_of_some_inputs():
    linear = nn.Linear(4, 2)
    x = torch.randn(3, 2)
    full = torch.zeros(3, 4)
    full[:, [0, 3]] = x
    assert torch.allclose(narrow_linear(linear, [0, 3])(x), linear(full))


def test_a_layer_without_inputs_is_its_bias():
    linear = nn.Linear(4, 2)
    assert torch.equal(narrow_linear(linear, [])(torch.zeros(3, 0)), linear.bias.expand(3, 2))


def test_weights_are_copied():
    linear = nn.Linear(2, 2)
    copy = linear_of(linear.weight, None)
    linear.weight.data.zero_()
    assert copy.weight.any()
    assert copy.bias is None
