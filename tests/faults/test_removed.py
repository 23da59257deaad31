"""Files and folders that another program removes, renames or cuts while a command runs."""

from collections.abc import Callable

import pytest

from .programme import tried
from .stage import Stage, different, unclear
from .subjects import product

ARRAYS = ("train/ids.npy", "test/labels.npy")
LOSSES = {
    "run folder removed": ("remove", "runs/a"),
    "run folder renamed": ("rename", "runs/a"),
    "config.yaml removed": ("remove", "runs/a/config.yaml"),
    ".lock removed": ("remove", "runs/a/.lock"),
    "checkpoint removed": ("remove", "runs/a/checkpoint.safetensors"),
    "prepared folder removed": ("remove", "prepared/*"),
    "prepared folder renamed": ("rename", "prepared/*"),
    **{f"{array} removed": ("remove", f"prepared/*/{array}") for array in ARRAYS},
    **{f"{array} cut": ("cut", f"prepared/*/{array}") for array in ARRAYS},
    **{f"{array} emptied": ("cut", f"prepared/*/{array}") for array in ARRAYS},
}
WRONG = ("free some space", "check the disk")
"""Remedies for other faults."""
POINTS = {"train": 2, "search random": 1}
"""Number of epochs at which a command loses its file."""


@pytest.mark.parametrize("name", POINTS)
@pytest.mark.parametrize("loss", LOSSES)
def test_a_loss_during_a_run(stage: Callable[[str], Stage], name: str, loss: str) -> None:
    """A command that loses a file ends as if it had not, or says which file is missing or damaged."""
    subject = stage(name)
    do, path = LOSSES[loss]
    points = subject.whole.points
    epochs = [n for n, point in enumerate(points, 1) if point.startswith("step Epoch")]

    def fault(at: int) -> str | None:
        folder = subject.fresh()
        plan = {"at": at, "do": do, "path": path, "number": 1 if loss.endswith("emptied") else 2}
        ended = subject.disturbed(folder, plan=plan)
        about = f"code {ended.code}: {ended.err[-400:]}"
        if ended.code not in (0, 65, 66, 73, 74) or any(part in ended.err for part in WRONG):
            return about
        if problem := unclear(ended):
            return problem
        later = sum(point.startswith("step Epoch") for point in ended.points[at:])
        if ended.code and later > 1 and path.startswith("runs"):
            return f"{later} more epochs before its error: {about}"
        if ended.code == 0 and do != "rename" and not path.startswith("runs"):
            differ = different(subject.wanted, product(folder, subject.subject.products))
            return f"other files {differ}" if differ else None
        again = subject.run(folder, subject.subject.again)
        return unclear(again) or (
            f"again: code {again.code}: {again.err[-300:]}" if again.code not in (0, 2, 65, 66, 73) else None
        )

    chosen = [epochs[0], epochs[len(epochs) // 2]][-POINTS[name] :]
    tried("files that are lost during a run", chosen, fault, f"{name}, {loss}")
