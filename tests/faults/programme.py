"""The programme: rows of docs/reliability.md, and the number of cases that are tried, held and lost.

`make faults` sets AUTOMTL_FAULTS to a file: all tests try all cases, and append their counts to this file.
Otherwise the tests of `SLICE` try a few cases, at equal distances.
"""

import json
import os
import re
import time
from pathlib import Path
from typing import TypeVar

from automtl_cli.app import run
from automtl_cli.errors import Stop

FILE = "AUTOMTL_FAULTS"
FEW = 2
"""Number of cases that a test of the slice tries."""
SLICE = (
    "test_at_a_point[search pd-darts]", "test_at_a_point[train]", "test_at_a_point[train a mean]",
    "test_at_a_point[preparation]", "test_at_a_point[predict]", "test_a_mutant_is_caught[train: epoch]",
    "test_power_failure[train]", "test_a_signal[train-15]", "test_a_failed_operation[predict-28]",
    "test_settings",
    "test_names_and_paths", "test_a_finished_run[runs-predict]", "test_an_unfinished_run[train]",
    "test_a_swapped_file_of_a_trial[search random]",
    "test_a_limit_of_file_sizes[train]", "test_a_folder_without_permission[train]",
    "test_two_processes_in_one_folder[train]",
    "test_a_plugin[SystemExit-balancer]", "test_a_payload[lines]",
    "test_a_loss_during_a_run[checkpoint removed-train]", "test_paths_outside", "test_a_damaged_cell",
    "test_a_loss_during_a_run[train/ids.npy cut-train]", "test_tables_with_histories[0]",
)  # fmt: skip
"""Starts of the names of the tests that `make test` runs."""
Case = TypeVar("Case")


def tried(row, cases, fault, about="", few=FEW):
    """Try cases of a row, and fail if any is lost.

    Args:
        row: Name of the row.
        cases: All cases.
        fault: Tries a case, and returns what went wrong; None if the promise is held.
        about: What is common to the cases, such as the command.
        few: Number of cases that the slice tries.

    """
    whole = FILE in os.environ
    chosen = cases if whole else cases[:: -(-len(cases) // few)]
    began = time.monotonic()
    faults = {str(case): problem for case in chosen if (problem := fault(case)) is not None}
    if whole:
        with Path(os.environ[FILE]).open("a") as file:
            counts = {
                "tried": len(chosen),
                "lost": len(faults),
                "seconds": round(time.monotonic() - began, 1),
            }
            line = {"row": row, "about": about, **counts, "faults": faults}
            print(json.dumps(line), file=file)
    assert not faults, "\n".join(f"{case}: {problem}" for case, problem in faults.items())


CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
CODES = (0, 2, 65, 66, 69, 71, 73, 74, 78, 79)


def fault(capsys, words, codes=CODES):
    """Run a command in this process, and return what is wrong with its end."""
    code = run(words, Stop())
    out, err = capsys.readouterr()
    if code not in codes or "Traceback" in err:
        return f"code {code}: {err[-500:]}"
    if sign := CONTROL.search(out + err):
        return f"a control character {sign[0]!r}: {(out + err)[-300:]!r}"
    if code and not ("error: " in err and "\n  fix: " in err):
        return f"no message with a remedy: {err[-300:]}"
    return None
