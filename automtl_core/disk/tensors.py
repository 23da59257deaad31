"""Tensors in temporary files in place of memory, and safetensors files that are written tensor by tensor.

The system can take the memory of a temporary file for other uses, as it does with any file.
`safetensors.torch.save` makes copies of all tensors in memory, twice, which are more than the model where
tables are large. The bytes are the same (https://github.com/huggingface/safetensors, format).
"""

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor

from automtl_core.disk.plain_file import json_text

LARGE = 64 << 20
"""Bytes of a tensor from which a file is worth it."""
KINDS = {
    torch.int64: "I64",
    torch.float64: "F64",
    torch.float32: "F32",
    torch.int32: "I32",
    torch.bfloat16: "BF16",
    torch.float16: "F16",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
"""Types of numbers with their names in a file, in the order of the tensors in it."""


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


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write tensors on the CPU, contiguous ones, by name."""
    order = list(KINDS)
    names = sorted(tensors, key=lambda name: (order.index(tensors[name].dtype), name))
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    end = 0
    for name in names:
        start, end = end, end + tensors[name].nbytes
        kind, shape = KINDS[tensors[name].dtype], list(tensors[name].shape)
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [start, end]}
    text = json_text(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little"))
        file.write(text)
        for name in names:
            file.write(tensors[name].reshape(-1).view(torch.uint8).numpy().data)
