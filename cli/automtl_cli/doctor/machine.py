"""Checks of the machine: versions, device, threads, precision, memory, folders."""

import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

import automtl_core
from automtl_cli.doctor.check import Check, ok, problem, size, warning
from automtl_core.training.compute import Compute

LEAST = 1 << 30
"""Bytes of free memory, and of free disk, below which a search of a small table may fail."""
NVIDIA = Path("/proc/driver/nvidia/version")
"""A file of the driver of NVIDIA GPUs."""
MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")


def machine(compute: Compute) -> Iterator[Check]:
    """Yield checks of versions, device, threads, precision and memory.

    Args:
        compute: Device and precision of the configuration.

    """
    yield ok("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    yield ok("automtl", automtl_core.__version__)
    build = f"for CUDA {torch.version.cuda}" if torch.version.cuda else "for the CPU"
    yield ok("torch", f"{torch.__version__}, built {build}")
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
        return ok("device", f"GPU {name}, {size(free)} of {size(total)} memory free")
    result = f"CPU, {os.cpu_count()} cores"
    if torch.version.cuda is None and NVIDIA.exists():
        return warning(
            "device",
            f"{result}; there is an NVIDIA GPU, and torch is built for the CPU only",
            "to use the GPU, install a CUDA build of torch: https://pytorch.org/get-started",
        )
    return ok("device", result)


def threads() -> Check:
    """Return a check of the number of threads, which networks of a few hundred units do not need."""
    count = torch.get_num_threads()
    if "OMP_NUM_THREADS" in os.environ:
        return ok("threads", f"{count}, by OMP_NUM_THREADS={os.environ['OMP_NUM_THREADS']}")
    if count == 1:
        return ok("threads", "1")
    return warning(
        "threads",
        f"{count}, and OMP_NUM_THREADS is not set; networks of small tables train faster with one thread",
        "compare the times of an epoch with OMP_NUM_THREADS=1 in front of the command",
    )


def bf16(compute: Compute) -> Check:
    """Return a check of bf16 instructions."""
    if compute.device.type == "cuda":
        slow = not torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        slow = Compute(compute.device, "bf16").slow_precision
    unit = "GPU" if compute.device.type == "cuda" else "processor"
    if not slow:
        return ok("bf16", f"the {unit} has bf16 instructions: --precision bf16 can be faster than fp32")
    result = f"the {unit} has no bf16 instructions: --precision bf16 is slower than fp32"
    if compute.precision == "bf16":
        return warning("bf16", result, "use fp32: --set precision=fp32")
    return ok("bf16", result)


def memory() -> Check:
    """Return a check of the free memory of the machine, or of its container."""
    free = free_memory()
    if free is None:
        return ok("memory", "not known on this system")
    if free < LEAST:
        return warning(
            "memory",
            f"{size(free)} free",
            "end other programs, or limit the preparation by --memory-limit 512MiB",
        )
    return ok("memory", f"{size(free)} free")


def free_memory() -> int | None:
    """Return the free memory in bytes; None if the system does not publish it."""
    try:
        entries = dict(line.split(":", 1) for line in MEMINFO.read_text(encoding="utf-8").splitlines())
        free = int(entries["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None
    try:
        limit, used = (
            (CGROUP / name).read_text(encoding="utf-8") for name in ("memory.max", "memory.current")
        )
        return min(free, max(int(limit) - int(used), 0))
    except (OSError, ValueError):  # no container, or "max" for no limit
        return free


def folder(name: str, path: Path, needed: int = 0) -> Check:
    """Return a check that a folder is writable, or can be created, and of the free disk there.

    Args:
        name: Its use.
        path: The folder.
        needed: Bytes that will be written, as far as is known.

    """
    what = f"folder of {name}"
    there = next(each for each in (path.absolute(), *path.absolute().parents) if os.path.lexists(each))
    where = f"{path}" if there == path.absolute() else f"{path}, to be created in {there}"
    try:
        with tempfile.TemporaryFile(dir=there):
            free = shutil.disk_usage(there).free
    except OSError as error:
        return problem(what, f"{where}: not writable: {error.strerror}", f"choose another folder of {name}")
    least = max(LEAST, needed)
    if free < least:
        remedy = f"free {size(least - free)} more, or choose a folder of {name} on another disk"
        return warning(what, f"{where}: {size(free)} of disk free", remedy)
    return ok(what, f"{where}: writable, {size(free)} of disk free")
