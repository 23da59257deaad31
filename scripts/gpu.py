"""Run the tests with the marker `gpu`, and print a table of them: test, device, seconds, outcome.

    python scripts/gpu.py              # all of them; `make gpu` does the same
    python scripts/gpu.py -k batches   # some of them, by options of pytest

The exit code is 1 if a test fails, or if there is no GPU, so that nothing could be run.
"""

import os
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

ROOT = Path(__file__).parents[1]
FILES = ("tests/device/test_search.py", "tests/device/test_training.py")


def device() -> str | None:
    """Return the name of the device; None without one."""
    if not torch.cuda.is_available():
        return None
    return f"{torch.cuda.get_device_name()}, torch {torch.__version__}"


class Table:
    """Plugin of pytest that collects the outcome of each test."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[float, str]] = {}

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Add the seconds and the outcome of a part of a test; a failed part decides."""
        seconds, outcome = self.rows.get(report.nodeid, (0.0, "passed"))
        outcome = report.outcome if outcome == "passed" else outcome
        self.rows[report.nodeid] = seconds + report.duration, outcome


def main(options: list[str]) -> int:
    """Run the tests, and return the exit code."""
    if (name := device()) is None:
        print(f"No GPU: torch {torch.__version__} finds none, so no test with the marker `gpu` was run.")
        return 1
    table = Table()
    code = pytest.main(["-q", "-m", "gpu", "--rootdir", str(ROOT), *FILES, *options], plugins=[table])
    print("\n| test | device | seconds | outcome |\n|---|---|---|---|")
    for test, (seconds, outcome) in table.rows.items():
        print(f"| {test.rpartition('/')[2]} | {name} | {seconds:.1f} | {outcome} |")
    return int(bool(code))


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main(sys.argv[1:]))
