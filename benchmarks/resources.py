"""Watches a command: its seconds, its memory, and the disk space of a folder.

    python benchmarks/resources.py [--disk FOLDER] [--trace FILE.csv] -- COMMAND ...

Memory is that of the process and of all its children together, looked at ten times a second. Pages of
mapped files are counted apart: the kernel takes them back when it needs memory. The result is a line of JSON.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

SECONDS = 0.1
"""Time between two looks at memory."""
DISK_SECONDS = 1.0
"""Time between two looks at the disk."""


class Spent(NamedTuple):
    """What a command took. Sizes are in MiB."""

    seconds: float
    resident: float
    """Most memory that was resident."""
    anonymous: float
    """Most resident memory that is not backed by a file."""
    process: float
    """The same of a single process."""
    disk: float
    """Most disk space of the folder beyond that at the start; 0 without a folder."""
    code: int
    """Exit code."""


def watch(
    command: Sequence[str], cwd: Path | None = None, disk: Path | None = None, trace: Path | None = None
) -> Spent:
    """Run a command without its output, and look at it until it ends.

    With `trace`, a file gets the seconds and the two sizes of memory at each look.
    """
    before, lines = _bytes(disk) if disk else 0, ["seconds,resident,anonymous"]
    start, looked = time.perf_counter(), 0.0
    resident = anonymous = process = most = 0.0
    with subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL) as running:
        while running.poll() is None:
            sizes = [_memory(number) for number in _family(running.pid)]
            resident = max(resident, sum(size[0] for size in sizes))
            anonymous = max(anonymous, sum(size[1] for size in sizes))
            process = max([process, *(size[1] for size in sizes)])
            if trace:
                now = [time.perf_counter() - start, *map(sum, zip(*sizes, strict=True))]
                lines.append(",".join(f"{value:.1f}" for value in now))
            if disk and (now := time.perf_counter()) - looked > DISK_SECONDS:
                most, looked = max(most, _bytes(disk) - before), now
            time.sleep(SECONDS)
        code = running.returncode
    if trace:
        trace.write_text("\n".join(lines) + "\n")
    return Spent(time.perf_counter() - start, resident, anonymous, process, most / 2**20, code)


def _family(process: int) -> list[int]:
    """Return a process and all its descendants."""
    found = [process]
    for one in found:
        for path in Path(f"/proc/{one}/task").glob("*/children"):
            try:
                found += map(int, path.read_text().split())
            except OSError:
                continue
    return found


def _memory(process: int) -> tuple[float, float]:
    """Return the resident memory of a process, and the part that is not backed by a file, in MiB."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0.0, 0.0
    sizes = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith(("VmRSS", "RssAnon"))}
    return int(sizes.get("VmRSS", 0)) / 1024, int(sizes.get("RssAnon", 0)) / 1024


def _bytes(folder: Path) -> int:
    """Return the disk space of the files below a folder."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(place) / name).lstat().st_blocks * 512
            except OSError:  # removed in the meantime
                continue
    return total


def main() -> int:
    """Run the command, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--disk", type=Path, help="folder whose disk space is watched")
    parser.add_argument("--trace", type=Path, help="file for the memory over time")
    parser.add_argument("command", nargs="+")
    given = parser.parse_args()
    spent = watch(given.command, disk=given.disk, trace=given.trace)
    print(json.dumps({key: round(value, 1) for key, value in spent._asdict().items()}))
    return spent.code


if __name__ == "__main__":
    sys.exit(main())
