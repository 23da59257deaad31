"""Tensors in temporary files: the system can take their memory for other uses, as it does with any file."""

import os
import tempfile
from contextlib import suppress

import torch
from torch import Tensor

LARGE = 64 << 20
"""Bytes of a tensor from which a file is worth it."""


def is_in_file(tensor: Tensor) -> bool:
    """Return whether a tensor is in a file."""
    return tensor.device.type == "cpu" and tensor.untyped_storage().filename is not None


def copy_of(tensor: Tensor) -> Tensor:
    """Return a copy on the CPU, in a temporary file if it is large."""
    if (copy := _zeros(tensor)) is not None:
        return copy.copy_(tensor)
    return tensor.to("cpu", copy=True).contiguous()


def copy_like(tensor: Tensor, place: Tensor) -> Tensor:
    """Return a copy at the device of another tensor, in a temporary file if that one is in a file."""
    return copy_of(tensor) if is_in_file(place) else tensor.to(place.device, copy=True)


def zeros_like(tensor: Tensor) -> Tensor:
    """Return zeros of the same shape, type and device, in a temporary file if the tensor is in a file."""
    zeros = _zeros(tensor) if is_in_file(tensor) else None
    return torch.zeros_like(tensor) if zeros is None else zeros


def _zeros(tensor: Tensor) -> Tensor | None:
    """Return zeros in a temporary file that exists as long as they do, or None for a small tensor or disk."""
    if tensor.nbytes < LARGE:
        return None
    with suppress(OSError, AttributeError), tempfile.NamedTemporaryFile(prefix="automtl-") as file:
        # A full disk is an error here, and ends the process if it shows later. macOS lacks the function.
        os.posix_fallocate(file.fileno(), 0, tensor.nbytes)
        zeros = torch.from_file(file.name, shared=True, size=tensor.numel(), dtype=tensor.dtype)
        return zeros.view(tensor.shape)
    return None
