"""States: tensors and JSON values from which an interrupted loop continues, and their file format.

A state is a nested dict whose leaves are tensors and JSON values. On disk it is one safetensors file: tensors
by their path, other values as JSON in the header, so that reading a file runs no code. The header also holds
a digest of everything, since safetensors does not detect bit flips in weights.

`safetensors.torch.save` makes copies of all tensors in memory, twice, which are more than the model where
tables are large. Here tensors are written one by one, to the same bytes
(https://github.com/huggingface/safetensors, format).
"""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import safetensors
import torch
from torch import Tensor

from automtl_core.errors import ArtifactError, one_line
from automtl_core.system.documents import json_text, read_plain
from automtl_core.system.files import publish_file
from automtl_core.system.process_state import flushed

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


AGAIN = "restore it from a copy, or start again"
"""Remedy for a damaged state."""
TENSOR = "$tensor"
"""Key that marks a tensor; keys of a state that begin with a dollar are escaped by a second one."""

State = dict[str, Any]
"""Nested dict with string keys; leaves are tensors and JSON values."""
log = logging.getLogger("automtl")


def save_state(path: Path, state: State, keep: Path | None = None) -> None:
    """Write a state to `path` atomically; an existing file is replaced, or moved to `keep`."""
    tensors: dict[str, Tensor] = {}
    values = json_text(_split(state, (), tensors))
    # One key, since safetensors writes several keys in random order.
    metadata = {"automtl": json_text([_digest(values, tensors), values])}
    with publish_file(path, keep) as draft:
        write_tensors(draft, tensors, metadata)


CHECKPOINTS = ("checkpoint.safetensors", "checkpoint.before.safetensors")
"""The newest checkpoint in a folder, and the one before it, in case the newest is damaged."""


def save_checkpoint(folder: Path, state: State) -> None:
    """Write the state from which a loop can go on, and keep the one before it."""
    folder.mkdir(parents=True, exist_ok=True)
    newest, before = (folder / name for name in CHECKPOINTS)
    save_state(newest, state, keep=before)


def load_checkpoint(folder: Path, warn: Callable[[str], object] = log.warning) -> State | None:
    """Return the state from which a loop goes on; None before the first one.

    Args:
        folder: The folder of the loop.
        warn: Receives a sentence if the newest checkpoint is damaged, and the one before it is used.

    Raises:
        ArtifactError: both checkpoints are damaged.

    """
    there = [path for name in CHECKPOINTS if (path := folder / name).exists()]
    for path in there[:-1]:
        try:
            return load_state(path)
        except ArtifactError as error:
            warn(f"the checkpoint before the last one is used, since the last one is damaged: {error}")
    return load_state(there[-1]) if there else None


def load_state(path: Path) -> State:
    """Read a file of `save_state`, which another process may replace meanwhile.

    Raises:
        ArtifactError: the file is missing, damaged or not a state.

    """
    while True:
        before = _version(path)
        try:
            return _loaded(path)
        except ArtifactError:
            if _version(path) == before:  # else safetensors read the header of one file and data of another
                raise


def _version(path: Path) -> tuple[int, int] | None:
    with suppress(OSError):
        status = path.stat()
        return status.st_ino, status.st_mtime_ns
    return None


@flushed(False)
def _loaded(path: Path) -> State:
    try:
        read_plain(path, limit=0, partly=True)
    except OSError as error:
        raise ArtifactError(
            f"{path}: cannot be read: {error.strerror}", "use a complete run directory"
        ) from None
    try:
        with safetensors.safe_open(path, "pt") as file:
            digest, values = json.loads(file.metadata()["automtl"])
            # Copies, because the file may be replaced while its tensors are used and changed.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 - no dict
        intact = _digest(values, tensors) == digest
        state: State = _join(json.loads(values), tensors) if intact else {}
        if not isinstance(state, dict):
            raise TypeError("it holds no names")
    except (safetensors.SafetensorError, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ArtifactError(f"{path}: damaged, or not a state of automtl: {one_line(error)}", AGAIN) from None
    if not intact:
        raise ArtifactError(f"{path}: damaged: its SHA-256 is not the recorded one", AGAIN)
    return state


def cpu_copy(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return detached copies on the CPU, which later training steps do not change."""
    return {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}


def _digest(values: str, tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256(values.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _split(value: Any, path: tuple[str, ...], tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, dict):
        return {
            "$" * key.startswith("$") + key: _split(item, (*path, key), tensors)
            for key, item in value.items()
        }
    if isinstance(value, torch.Tensor):
        name = "/".join(path)
        while name in tensors:  # keys may contain slashes
            name += "'"
        tensors[name] = value.detach().cpu().contiguous()
        return {TENSOR: name}
    return value


def _join(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, dict):
        if TENSOR in value:
            return tensors[value[TENSOR]]
        return {key.removeprefix("$"): _join(item, tensors) for key, item in value.items()}
    return value
