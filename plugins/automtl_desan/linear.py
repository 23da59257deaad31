"""Linear layers that consist of parts of other ones."""

from collections.abc import Sequence

from torch import Tensor, nn


def linear_of(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    """Return a layer with copies of these weights, [out, in] and [out]."""
    # Built with one input and one output, before the weights are set: torch warns about a layer without
    # inputs.
    layer = nn.Linear(1, 1, bias is not None)
    layer.out_features, layer.in_features = weight.shape
    layer.weight = nn.Parameter(weight.detach().clone())
    if bias is not None:
        layer.bias = nn.Parameter(bias.detach().clone())
    return layer


def narrow_linear(linear: nn.Linear, columns: Sequence[int]) -> nn.Linear:
    """Return the layer restricted to some of its inputs."""
    return linear_of(linear.weight[:, list(columns)], linear.bias)
