"""Copies to a device. Letters: n rows that a batch reads."""

from collections.abc import Sequence

import torch
from torch import Tensor


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a new tensor of the CPU on a device; the copy to a GPU does not block.

    A copy that blocks, such as that of an index given as a list, lets the CPU wait until the queue of the GPU
    is empty, and the GPU wait for the next operation after it.
    """
    if device.type in ("cpu", "meta"):
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def indices(places: Sequence[int], like: Tensor) -> Tensor:
    """Return some places [n] as an index of `like`, on its device."""
    return sent(torch.tensor(places, dtype=torch.long), like.device)
