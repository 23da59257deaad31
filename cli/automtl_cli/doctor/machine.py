"""Checks of the machine: versions, device, threads, precision, memory, folders."""

import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

import automtl_core
from automtl_cli.doctor.check import Check, size
from automtl_core.training.compute import Compute

LEAST = 1 << 30
"""Bytes of free memory, and of free disk, below which a search of a small table may fail."""
NVIDIA = Path("/proc/driver/nvidia/version")
"""A file of the driver of NVIDIA GPUs."""
MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")


def machine(compute: Compute) -> Iterator[Check]:
    """Yield checks of versions, device, threads, precision and memory, for a device and a precision."""
    yield Check("python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    yield Check("automtl", "ok", automtl_core.__version__)
    build = f"for CUDA {torch.version.cuda}" if torch.version.cuda else "for the CPU"
    yield Check("torch", "ok", f"{torch.__version__}, built {build}")
    yield device(compute.device)
    if compute.device.type == "cpu":
        yield threads()
    yield bf16(compute)
    yield memory()


def device(of: torch.device) -> Check:
    """Return a check of the device of all computations."""
    if of.type == "cuda":
        free, total = torch.cuda.mem_get_info(of)
        name = torch.cuda.get_device_name(of)
        return Check("device", "ok", f"GPU {name}, {size(free)} of {size(total)} memory free")
    result = f"CPU, {os.cpu_count()} cores"
    if torch.version.cuda is None and NVIDIA.exists():
        result += "; there is an NVIDIA GPU, and torch is built for the CPU only"
        remedy = "to use the GPU, install a CUDA build of torch: https://pytorch.org/get-started"
        return Check("device", "warning", result, remedy)
    return Check("device", "ok", result)


def threads() -> Check:
    """Return a check of the number of threads, which networks of a few hundred units do not need."""
    count = torch.get_num_threads()
    if "OMP_NUM_THREADS" in os.environ:
        return Check("threads", "ok", f"{count}, by OMP_NUM_THREADS={os.environ['OMP_NUM_THREADS']}")
    if count == 1:
        return Check("threads", "ok", "1")
    result = f"{count}, and OMP_NUM_THREADS is not set; networks of small tables train faster with one thread"
    remedy = "compare the times of an epoch with OMP_NUM_THREADS=1 in front of the command"
    return Check("threads", "warning", result, remedy)


def bf16(compute: Compute) -> Check:
    """Return a check of bf16 instructions."""
    if compute.device.type == "cuda":
        unit, fast = "GPU", torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        unit, fast = "processor", not Compute(compute.device, "bf16").slow_precision
    if fast:
        result = f"the {unit} has bf16 instructions: --precision bf16 can be faster than fp32"
        return Check("bf16", "ok", result)
    result = f"the {unit} has no bf16 instructions: --precision bf16 is slower than fp32"
    if compute.precision == "bf16":
        return Check("bf16", "warning", result, "use fp32: --set precision=fp32")
    return Check("bf16", "ok", result)


def memory() -> Check:
    """Return a check of the free memory of the machine, or of its container."""
    free = free_memory()
    if free is None:
        return Check("memory", "ok", "not known on this system")
    if free >= LEAST:
        return Check("memory", "ok", f"{size(free)} free")
    remedy = "end other programs, or limit the preparation by --memory-limit 512MiB"
    return Check("memory", "warning", f"{size(free)} free", remedy)


def free_memory() -> int | None:
    """Return the free memory in bytes; None if the system does not publish it."""
    try:
        entries = dict(line.split(":", 1) for line in MEMINFO.read_text(encoding="utf-8").splitlines())
        free = int(entries["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None
    try:
        limit, used = (int((CGROUP / name).read_text()) for name in ("memory.max", "memory.current"))
        return min(free, max(limit - used, 0))
    except (OSError, ValueError):  # no container, or "max" for no limit
        return free


def folder(name: str, path: Path, needed: int = 0) -> Check:
    """Return a check that a folder is writable, or can be created, and of the free disk there.

    Args:
        name: Its use.
        path: The folder.
        needed: Bytes that will be written, as far as is known.

    """
    title = f"folder of {name}"
    there = next(p for p in (path.absolute(), *path.absolute().parents) if os.path.lexists(p))
    where = f"{path}" if there == path.absolute() else f"{path}, to be created in {there}"
    try:
        with tempfile.TemporaryFile(dir=there):
            free = shutil.disk_usage(there).free
    except OSError as error:
        remedy = f"choose another folder of {name}"
        return Check(title, "problem", f"{where}: not writable: {error.strerror}", remedy)
    least = max(LEAST, needed)
    if free < least:
        remedy = f"free {size(least - free)} more, or choose a folder of {name} on another disk"
        return Check(title, "warning", f"{where}: {size(free)} of disk free", remedy)
    return Check(title, "ok", f"{where}: writable, {size(free)} of disk free")
