"""The programme: rows of docs/reliability.md, and the number of cases that are tried, held and lost.

`make faults` sets AUTOMTL_FAULTS to a file: all cases are tried, and each test appends its counts to this
file. Otherwise a test tries a few cases, at equal distances.
"""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

FILE = "AUTOMTL_FAULTS"
Case = TypeVar("Case")


def tried(
    row: str, cases: Sequence[Case], few: int, fault: Callable[[Case], str | None], about: str = ""
) -> None:
    """Try cases of a row, and fail if any is lost.

    Args:
        row: Name of the row.
        cases: All cases.
        few: Number of cases that are tried outside of `make faults`.
        fault: Tries a case, and returns what went wrong; None if the promise is held.
        about: What is common to the cases, such as the command.

    """
    whole = FILE in os.environ
    chosen = cases if whole else cases[:: max(1, len(cases) // few)][:few] if few else []
    faults = {str(case): problem for case in chosen if (problem := fault(case)) is not None}
    if whole:
        with Path(os.environ[FILE]).open("a") as file:
            line = {"row": row, "about": about, "tried": len(chosen), "lost": len(faults), "faults": faults}
            print(json.dumps(line), file=file)
    assert not faults, "\n".join(f"{case}: {problem}" for case, problem in faults.items())
