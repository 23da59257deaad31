"""What benchmarks share: turns within one process, and results as a table and as JSON.

Ratios within one run hold; absolute times vary by 15 % and more from run to run and from machine to machine.
"""

import json
import platform
import statistics
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from automtl_core import __version__

RESULTS = Path(__file__).parent / "results"
"""Folder of the JSON files."""

Step = Callable[[], object]
Key = TypeVar("Key", bound=Hashable)


def in_turns(steps: Mapping[Key, Step], repeats: int) -> dict[Key, list[float]]:
    """Return the seconds of each step, taken in turns after one that warms up."""
    times: dict[Key, list[float]] = {name: [] for name in steps}
    for repeat in range(repeats + 1):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            if repeat:
                times[name].append(time.perf_counter() - start)
    return times


def in_ms(seconds: Sequence[float]) -> dict[str, float]:
    """Return median and minimum in milliseconds."""
    return {"median ms": 1e3 * statistics.median(seconds), "min ms": 1e3 * min(seconds)}


def machine() -> dict[str, Any]:
    """Return what times depend on, beside the code."""
    return {
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "automtl": __version__,
    }


def report(name: str, title: str, rows: Sequence[Mapping[str, Any]], out: str) -> None:
    """Print rows as a table, and write them with the machine to `<out>/<name>.json` unless `out` is empty."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    table = Table(*columns, title=title)
    for row in rows:
        table.add_row(*(_shown(row.get(column)) for column in columns))
    Console(width=160).print(table)
    if out:
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        document = {"title": title, "machine": machine(), "rows": [dict(row) for row in rows]}
        (folder / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.3g}" if value < 100 else f"{value:,.0f}"
    return "" if value is None else str(value)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.split(": ", 1)[1] for line in lines if line.startswith("model name")), platform.machine()
    )
