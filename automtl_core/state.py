"""State: what a stopped loop needs to go on, as tensors and JSON, and its form on disk.

A state is a nested dict whose leaves are tensors and JSON values. On disk it is one safetensors file:
the tensors by their path, the rest as JSON in the header, so that opening anyone's file runs no code.
A digest in the file's name's companion tells damage apart: bit flips load silently otherwise.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from automtl_core.errors import ArtifactError
from automtl_core.files import write_atomic

State = dict[str, Any]
"""Nested dict with string keys; leaves are tensors and JSON values."""


def save_state(path: Path, state: State) -> None:
    """Write a state to `path`, and its SHA-256 to `path` + `.sha256`."""
    tensors: dict[str, Tensor] = {}
    values = _split(state, (), tensors)
    content = safetensors.torch.save(tensors, metadata={"values": json.dumps(values)})
    write_atomic(path, content)
    write_atomic(_digest_path(path), (hashlib.sha256(content).hexdigest() + "\n").encode())


def load_state(path: Path) -> State:
    """Read what `save_state` wrote.

    Raises:
        ArtifactError: a file is missing, damaged or not of this kind.

    """
    try:
        content = path.read_bytes()
        expected = _digest_path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{path}: cannot be read: {error}", "use a complete run directory") from None
    if hashlib.sha256(content).hexdigest() != expected:
        raise ArtifactError(f"{path}: damaged: its SHA-256 is not the recorded one", "restore it from a copy")
    try:
        size = int.from_bytes(content[:8], "little")
        values = json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["values"])
        state = _join(values, safetensors.torch.load(content))
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(
            f"{path}: not a state of automtl: {error!r}", "use a file that automtl wrote"
        ) from None
    assert isinstance(state, dict)  # noqa: S101 - save_state takes nothing else, and the digest held
    return state


def cpu_copy(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return detached copies on the CPU, which later steps of training do not change."""
    return {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}


def _digest_path(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _split(value: Any, path: tuple[str, ...], tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, dict):
        return {key: _split(item, (*path, key), tensors) for key, item in value.items()}
    if isinstance(value, torch.Tensor):
        name = "/".join(path)
        tensors[name] = value.detach().cpu().contiguous()
        return {"$tensor": name}
    return value


def _join(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, dict):
        if "$tensor" in value:
            return tensors[value["$tensor"]]
        return {key: _join(item, tensors) for key, item in value.items()}
    return value
