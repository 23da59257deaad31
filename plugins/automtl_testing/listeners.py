"""The contract of listeners of runs."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from automtl_core.search.evidence import DecisionMade, Evidence
from automtl_core.training.events import (
    EpochEnded,
    Event,
    PhaseBegan,
    PhaseEnded,
    ProgressMade,
    RunBegan,
    RunListener,
    StepEnded,
    Warned,
)
from automtl_core.training.metrics import Metrics
from automtl_testing.samples import binary_metrics, regression_metrics

SETTINGS = {
    "seed": 0,
    "space": {"name": "checked", "widths": [8, 4]},
    "training": {"epochs": 2, "decay": None},
}
"""Settings of all types that a configuration may have."""
METRICS: Metrics = {
    "click": binary_metrics(0.7, 0.6, 40, 100),
    "price": regression_metrics(3.2, 2.1, 0.25, 100),
    "rare task": binary_metrics(None, None, 0, 5, "all 5 rows are negative"),
}
"""Metrics of all kinds of tasks, and of one whose metrics are undefined."""


@dataclass(frozen=True)
class Unknown(Event):
    """An event of a type that no listener knows."""


def check_listener(listener: type[RunListener]) -> None:
    """Check that a listener takes all events of a run, of its continuation and of its test.

    Raises:
        AssertionError: a requirement is violated.

    """
    with tempfile.TemporaryDirectory(prefix="automtl-") as folder:
        run = Path(folder) / "run"
        run.mkdir()
        (run / "result.json").write_text("{}")
        listener.check()
        _follow(listener, run, [], KeyboardInterrupt())
        _follow(listener, run, _reports(1), None)
        _test(listener, run)
        _test(listener, run)  # with other metrics, a run is tested again
        assert (run / "result.json").read_text() == "{}", "a listener must not change the files of the run"
        files = [path.name for path in run.iterdir() if path.is_file()]
        assert files == ["result.json"], f"a listener keeps its files in a subfolder: {files}"
        assert len(list(run.iterdir())) <= 2, "a listener keeps its files in one subfolder"
        assert not any(path.is_symlink() for path in run.rglob("*")), "the files of a run are no links"


def _follow(
    listener: type[RunListener], run: Path, reports: Sequence[EpochEnded], error: BaseException | None
) -> None:
    """Let a listener follow a run from the epochs of earlier processes to its end."""
    follows = listener(run, SETTINGS)
    events: list[Event] = [
        RunBegan(run, tuple(reports)),
        PhaseBegan("training"),
        *(StepEnded("train", 2, 4, done, done * 25) for done in range(1, 5)),
        StepEnded("ablation", 2, 1, 1, 0),
        DecisionMade(Evidence("layer0", "mlp-8", "chosen", "better", "zero", -0.01, 0.002)),
        DecisionMade(Evidence("layer1", "mlp-4", "kept", "by logit", certainty=0.4)),
        *_reports(2),
        ProgressMade("permutation importance", "permute fields", 0.5),
        Warned("a warning"),
        Unknown(),
        PhaseEnded("training"),
    ]
    for event in events:
        follows.receive(event)
    follows.close(error)


def _test(listener: type[RunListener], run: Path) -> None:
    tests = listener(run, SETTINGS)
    tests.tested(METRICS)
    tests.close(None)


def _reports(epoch: int) -> list[EpochEnded]:
    losses = {"click": 0.5, "price": 1.0, "rare task": None}
    return [EpochEnded("train", epoch, losses, METRICS, 0.01, 0.3, {"layer0": "mlp-8"})]
