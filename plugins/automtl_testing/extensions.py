"""The contracts of listeners, stages, formats of exports and commands."""

import runpy
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from automtl_core.registry.kinds import STAGES
from automtl_core.registry.plugins import load_registry
from automtl_core.search.evidence import DecisionMade, Evidence
from automtl_core.system import seeds
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
from automtl_core.workflow.stage import Stage
from automtl_core.workflow.workflow import Workflow
from automtl_export.exporter import Exporter, graph, inputs, quiet
from automtl_report.commands import command
from automtl_testing.samples import (
    binary_metrics,
    regression_metrics,
    sample_architectures,
    sample_part,
    sample_schema,
    sample_space,
)

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
        for _ in range(2):  # with other metrics, a run is tested again
            tests = listener(run, SETTINGS)
            tests.tested(METRICS)
            tests.close(None)
        assert (run / "result.json").read_text() == "{}", "a listener must not change the files of the run"
        files = [path.name for path in run.iterdir() if path.is_file()]
        assert files == ["result.json"], f"a listener keeps its files in a subfolder: {files}"
        assert len(list(run.iterdir())) <= 2, "a listener keeps its files in one subfolder"
        assert not any(path.is_symlink() for path in run.rglob("*")), "the files of a run are no links"


def check_stage(stage: type[Stage]) -> None:
    """Check that a stage takes part in a run, and that the run has what it records.

    Raises:
        AssertionError: a requirement is violated.

    """
    registry = load_registry().adding(STAGES, "checked-stage", stage)
    with tempfile.TemporaryDirectory(prefix="automtl-") as folder:
        flow, dataset = Workflow(registry), {"name": "synthetic", "rows": 600}
        how = {"dataset": dataset, "features": "ids", "prepared_dir": folder, "training": {"epochs": 1}}
        run = flow.search(flow.model("shared-bottom", [how]), Path(folder) / "runs")
        assert run.done(), "a run with the stage ends"


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


def _reports(epoch: int) -> list[EpochEnded]:
    losses = {"click": 0.5, "price": 1.0, "rare task": None}
    return [EpochEnded("train", epoch, losses, METRICS, 0.01, 0.3, {"layer0": "mlp-8"})]


def check_exporter(exporter: type[Exporter], work_dir: Path) -> None:
    """Check that a format predicts as the network for any number of rows, and that its code stands alone.

    Args:
        exporter: The format.
        work_dir: An empty folder.

    Raises:
        UsageError: a library is not installed.

    """
    exporter.check()
    space, schema = sample_space(), sample_schema()
    seeds.seed_torch(0, "exporter")
    network = space.network(next(iter(sample_architectures(space, 1, 0)))).eval()
    made = graph(network, schema, sample_part(schema, 32, seed=0))
    with quiet():
        exporter.write(made, work_dir)
    assert any(work_dir.iterdir()), "`write` writes no file into the folder"
    code = work_dir / "load.py"
    code.write_text(f"from __future__ import annotations\n\n{exporter.source()}\n", encoding="utf-8")
    with quiet():  # the source alone, as in an exported folder
        predict = runpy.run_path(str(code))["load"](work_dir)
    for rows in (1, 2, 50):
        tensors = inputs(sample_part(schema, rows, seed=1), schema)
        expected = made.network(*tensors.values()).detach().numpy()
        output = np.asarray(predict({name: value.numpy() for name, value in tensors.items()}))
        shapes = f"{rows} rows have predictions {output.shape}, not {expected.shape}"
        assert output.shape == expected.shape, shapes
        gap = float(np.abs(output - expected).max())
        assert gap <= 1e-5, f"the predictions of {rows} rows differ from the network's by {gap:.2g}"


def check_command(function: Any, name: str, line: str | None = None) -> None:
    """Check that a command can be built, and that its help describes it and each of its options.

    Args:
        function: A function with options.
        name: Its words, such as `doctor` or `data init`.
        line: The line of its `Reference`, if it has one.

    """
    made = command(function, name.split()[-1], lambda output, as_json: None)
    with made.make_context(name, ["--help"], resilient_parsing=True) as context:
        assert name in made.get_help(context), "its help does not name it"
    first = (made.help or "").strip().partition("\n")[0]
    assert first, "it has no description: write a docstring, whose first line `automtl --help` shows"
    differs = f"its reference has the line {line!r}, its docstring begins {first!r}"
    assert line is None or line == first, differs
    for option in made.params:
        assert getattr(option, "help", None), f"the option {option.name!r} has no help text"
