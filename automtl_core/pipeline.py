"""The straight line, one stage a line: raw files -> columns -> search -> network -> training -> test."""

import logging
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import automtl_core
from automtl_core import seeds
from automtl_core.choices import Origin
from automtl_core.config import RunConfig
from automtl_core.data.prepare import Progress, prepare, silent
from automtl_core.data.store import PARTS, Prepared
from automtl_core.dataset import Dataset
from automtl_core.errors import ArtifactError, OutOfMemoryError, UsageError
from automtl_core.plugins import Kind, Registry
from automtl_core.runs import Run
from automtl_core.space import SearchSpace
from automtl_core.state import State
from automtl_core.strategy import Problem
from automtl_core.training.fit import Fit, TrainingData
from automtl_core.training.loop import evaluate, loss_weights
from automtl_core.training.metrics import Metrics, auc
from automtl_core.training.report import EpochReport, Listener, Resumable

log = logging.getLogger("automtl")


@dataclass(frozen=True)
class Job:
    """A resolved configuration with the plugins that it names."""

    config: RunConfig
    registry: Registry

    @classmethod
    def resolve(cls, config: RunConfig, registry: Registry) -> "Job":
        """Validate every component's settings and write their defaults out.

        Raises:
            UnknownNameError: a name that no plugin registers.
            UsageError: settings that do not exist or are wrong.

        """
        found = {
            "space": registry.space(config.space.name).settings_class,
            "strategy": registry.strategy(config.strategy.name).settings_class,
            "dataset": registry.dataset(config.dataset.name).settings_class,
        }
        full = config.model_dump()
        for key, settings in found.items():
            component = getattr(config, key)
            values = settings.parse(component.settings, key).model_dump(mode="json")
            full[key] = {"name": component.name, **values}
        return cls(RunConfig.parse(full, "config"), registry)

    def dataset(self) -> Dataset:
        """Return the adapter with its settings."""
        dataset_class = self.registry.dataset(self.config.dataset.name)
        return dataset_class(dataset_class.settings_class.parse(self.config.dataset.settings, "dataset"))

    def prepare(self, progress: Progress = silent) -> Prepared:
        """Return the prepared dataset, from disk if it is there."""
        c = self.config
        return prepare(self.dataset(), c.dataset.name, c.data_dir, c.prepared_dir, progress)

    def space(self, prepared: Prepared) -> SearchSpace:
        """Return the search space for the fields and tasks of the data.

        Raises:
            UnknownNameError: no plugin registers one of its ops.

        """
        space_class = self.registry.space(self.config.space.name)
        settings = space_class.settings_class.parse(self.config.space.settings, "space")
        space = space_class(prepared.schema, settings, self.registry.op)
        for name in space.op_names():
            self.registry.op(name)
        return space

    def problem(self, prepared: Prepared) -> Problem:
        """Return what to search and train, without the test part.

        Raises:
            UsageError: the recipe or the space names what does not exist.

        """
        space = self.space(prepared)
        tasks = [task.name for task in space.schema.tasks]
        loss_weights(self.config.training, tasks, self.device())
        data = TrainingData(prepared.part("train"), prepared.part("validation"), tasks)
        return Problem(space, data, self.config.training, self.config.seed, self.device())

    def origin(self, space: SearchSpace) -> Origin:
        """Return where an architecture of the space comes from."""
        c = self.config.space
        parts: list[tuple[Kind, str]] = [("spaces", c.name), *(("ops", op) for op in space.op_names())]
        rows = [self.registry.supplier(kind, name) for kind, name in parts]
        plugins = {row.name: row.version for row in rows}
        return Origin(c.name, c.settings, space.schema.to_json(), plugins)

    def device(self) -> torch.device:
        """Return where to compute.

        Raises:
            UsageError: a GPU is asked for and there is none.

        """
        available = torch.cuda.is_available()
        if self.config.device == "cuda" and not available:
            raise UsageError(
                "device: cuda, but torch finds no GPU", "use --set device=cpu, or a CUDA build of torch"
            )
        return torch.device("cuda" if available and self.config.device != "cpu" else "cpu")


def environment(job: Job) -> dict[str, Any]:
    """Return the versions on which equal bytes depend."""
    return {
        "automtl": automtl_core.__version__,
        "plugins": {
            row.name: f"{row.distribution} {row.version}" for row in job.registry.rows if not row.problem
        },
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "device": str(job.device()),
        "threads": torch.get_num_threads(),
    }


def plan(job: Job, prepared: Prepared) -> dict[str, Any]:
    """Return what a search would do: rows, choices, parameters, steps."""
    space = job.space(prepared)
    with torch.device("meta"):
        supernet = space.supernet()
    rows = {name: len(prepared.part(name)) for name in PARTS}
    parameters = sum(p.numel() for p in supernet.parameters())
    return {
        "rows": rows,
        "fields": len(prepared.schema.sparse) + len(prepared.schema.dense),
        "tasks": [task.name for task in prepared.schema.tasks],
        "choices": len(supernet.choices()),
        "supernet_parameters": parameters,
        # weights, gradients and two moments of Adam
        "supernet_bytes": 4 * 4 * parameters,
        "epochs_at_most": job.config.training.epochs,
        "steps_per_epoch": -(-rows["train"] // job.config.training.batch_size),
        "device": str(job.device()),
    }


def search(job: Job, run: Run, prepared: Prepared, listener: Listener) -> dict[str, Any]:
    """Search, train the found network, and test it once; go on from the run's checkpoint if it has one.

    Returns:
        What `result.json` holds.

    Raises:
        DivergedError: a loss stopped being finite.
        OutOfMemoryError: the machine has too little memory for the settings.
        ArtifactError: the checkpoint is damaged, or of other settings.

    """
    with _memory_errors():
        recorder = Recorder(run, listener)
        problem = job.problem(prepared)
        network, spent = _found(job, run, problem, recorder)
        fit = Fit(network, problem.data, problem.recipe, problem.seed, problem.device, spent)
        recorder.follow("train", fit, spent)
        validation = fit.run(recorder)
        run.save("weights", network.state_dict())
        test = _evaluate(network, prepared, problem)
        run.write("result", _result(prepared, network, fit.best_epoch, validation, test))
        return dict(run.read("result"))


@contextmanager
def _memory_errors() -> Iterator[None]:
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        # torch raises its own class on a GPU, and a plain RuntimeError on a CPU
        if isinstance(error, MemoryError | torch.OutOfMemoryError) or "allocate memory" in str(error):
            raise OutOfMemoryError(
                f"out of memory: {error}", "lower training.batch_size, or the sizes of the search space"
            ) from None
        raise


def _found(job: Job, run: Run, problem: Problem, recorder: "Recorder") -> tuple[nn.Module, int]:
    """Return the network of the found architecture, and the epochs that its weights have behind them."""
    if recorder.stage == "train":
        return problem.space.network(run.architecture()), recorder.spent
    strategy_class = job.registry.strategy(job.config.strategy.name)
    settings = strategy_class.settings_class.parse(job.config.strategy.settings, "strategy")
    strategy = strategy_class(settings, problem)
    recorder.follow("search", strategy)
    found = strategy.search(recorder)
    architecture = replace(found.architecture, origin=job.origin(problem.space))
    run.write_architecture(architecture)
    log.info("found an architecture after %d epochs", found.epochs)
    seeds.seed_torch(problem.seed, "network")
    network = problem.space.network(architecture, inherit=found.supernet)
    return network, found.epochs if found.supernet is not None else 0


def evaluate_run(job: Job, run: Run, prepared: Prepared) -> Metrics:
    """Return the test metrics of a finished run's network, from its files alone.

    Raises:
        ArtifactError: a file is missing or damaged, or the data has other fields than the architecture.

    """
    problem = job.problem(prepared)
    architecture = run.architecture()
    if architecture.origin and architecture.origin.schema != prepared.schema.to_json():
        raise ArtifactError(
            f"{run.path}: found on other fields, tasks or vocabularies than those prepared",
            fix="use the raw files and dataset settings of the run",
        )
    with _memory_errors():
        network = problem.space.network(architecture).to(problem.device)
        load_weights(network, run.load("weights"), run.path)
        return _evaluate(network, prepared, problem)


def load_weights(network: nn.Module, state: State, where: Path) -> None:
    """Give a network the weights of a run.

    Raises:
        ArtifactError: they belong to another network.

    """
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise ArtifactError(
            f"{where}: the weights do not fit the architecture: {error}", "use the files of one run"
        ) from None


def _evaluate(network: nn.Module, prepared: Prepared, problem: Problem) -> Metrics:
    part = prepared.part("test")
    return evaluate(network, part, problem.data.tasks, problem.recipe.batch_size, problem.device)


def _result(
    prepared: Prepared, network: nn.Module, best_epoch: int, validation: Metrics, test: Metrics
) -> dict[str, Any]:
    return {
        "best_epoch": best_epoch,
        "parameters": sum(p.numel() for p in network.parameters()),
        "validation": {task: m.to_json() for task, m in validation.items()},
        "test": {task: m.to_json() for task, m in test.items()},
        "reachable": reachable(prepared),
    }


def reachable(prepared: Prepared) -> dict[str, float | None]:
    """Return the test AUC of the probabilities that generated the labels, for tasks where they are known."""
    oracle = prepared.oracle("test")
    labels = prepared.part("test").labels
    return {
        task.name: auc(labels[:, t], oracle[:, t])
        for t, task in enumerate(prepared.schema.tasks)
        if oracle is not None and np.isfinite(oracle[:, t]).all()
    }


class Recorder:
    """Listener that saves the followed loop at each epoch, for the run to go on from there, and passes on."""

    def __init__(self, run: Run, listener: Listener) -> None:
        self.run = run
        self.listener = listener
        self.saved: State = run.load("checkpoint") if run.has("checkpoint") else {}
        self.stage = str(self.saved.get("stage", ""))
        self.spent = int(self.saved.get("spent", 0))
        self.reports: list[dict[str, Any]] = list(self.saved.get("reports", []))
        self.loop: Resumable | None = None
        run.write_reports(self.reports)

    def follow(self, stage: str, loop: Resumable, spent: int = 0) -> None:
        """Save this loop from now on; first give it the state that was saved in this stage."""
        if self.stage == stage:
            loop.load_state_dict(self.saved["state"])
            log.info("goes on in stage %s after %d epochs", stage, len(self.reports))
        self.stage, self.loop, self.spent = stage, loop, spent

    def step(self, phase: str, epoch: int, steps: int, done: int, rows: int) -> None:
        """Pass on."""
        self.listener.step(phase, epoch, steps, done, rows)

    def epoch(self, report: EpochReport) -> None:
        """Write the report down, and save the state of the loop."""
        self.reports.append(report.to_json())
        self.run.write_reports(self.reports)
        state = self.loop.state_dict() if self.loop else {}
        self.run.save(
            "checkpoint",
            {"stage": self.stage, "spent": self.spent, "state": state, "reports": self.reports},
        )
        log.info("%s epoch %d: %s", report.phase, report.epoch, {t: m.auc for t, m in report.metrics.items()})
        self.listener.epoch(report)
