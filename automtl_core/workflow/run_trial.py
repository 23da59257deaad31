"""Trials in this process, and in the workers of an engine.

`run_trial` is the function that workers of an executor call. It needs the spec alone: it loads the
installed plugins, opens the prepared data, and keeps checkpoint and result in the folder of the spec.
"""

import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from automtl_core.data.store import Prepared
from automtl_core.errors import (
    ArtifactError,
    AutoMTLError,
    DivergedError,
    InputMissingError,
    OutOfMemoryError,
    PluginError,
    RunExistsError,
    RunInUseError,
    UsageError,
    picklable,
)
from automtl_core.registry.kinds import ENGINES
from automtl_core.registry.plugins import load_registry
from automtl_core.registry.registry import Registry
from automtl_core.run_dir.facts import Costs, Result, Status
from automtl_core.run_dir.folders import in_use
from automtl_core.run_dir.progress import remove
from automtl_core.run_dir.run import Run
from automtl_core.search.trained import trained
from automtl_core.search.trial import Executor, Serial, Training, TrialBegan, TrialEnded, TrialResult
from automtl_core.settings.settings import Component
from automtl_core.training.compute import computing
from automtl_core.training.events import Listener
from automtl_core.training.process import return_memory
from automtl_core.workflow import pipeline
from automtl_core.workflow.evaluation import is_tested
from automtl_core.workflow.job import Job, Problems
from automtl_core.workflow.work import Work

FAULTS = (ArtifactError, InputMissingError, PluginError, OutOfMemoryError)
"""Errors of one run, which do not concern other runs."""


@cache
def _runner() -> "TrialRunner":
    return TrialRunner(load_registry())


def run_trial(spec: Training, listener: Listener) -> TrialResult:
    """Run a trial with the installed plugins; another process can raise its errors.

    Raises:
        ArtifactError: data, checkpoint or run directory are damaged, or belong to another trial.
        OutOfMemoryError: the machine has too little memory.
        PluginError: the code of a plugin failed; the error names it, since the traceback is not sent.

    """
    try:
        return _runner()(spec, listener)
    except (AutoMTLError, MemoryError, OSError):
        raise
    except Exception as error:
        if (blamed := load_registry().blame(error)) is not None:
            raise blamed from None
        same = picklable(error)  # a bug, with its traceback
        same.add_note("in another process:\n" + "".join(traceback.format_exception(error)).rstrip())
        raise same from None


class TrialRunner:
    """Runs trials in this process: whole runs in run directories, and single architectures.

    Data and problems that trials share are loaded once.

    Args:
        registry: The plugins.
        prepared: Data that is already open.

    """

    def __init__(self, registry: Registry, *prepared: Prepared) -> None:
        self.registry = registry
        self.problems = Problems(registry, *prepared)

    def __call__(self, spec: Training, listener: Listener) -> TrialResult:
        """Run a trial; raises as `run_trial` does. One of `FAULTS` in a whole run is its result."""
        try:
            result = (self._run if spec.whole else self.train)(spec, listener)
        except RunInUseError:
            return TrialResult("held", {})
        except DivergedError as error:
            result = TrialResult("diverged", {}, error=str(error))
        except Exception as error:
            known = error if isinstance(error, AutoMTLError) else self.registry.blame(error)
            if not spec.whole or not isinstance(known, FAULTS):
                raise
            result = TrialResult.failed(known, spec.folder)
        listener(TrialEnded(result))
        return result

    def train(self, spec: Training, listener: Listener) -> TrialResult:
        """Train the architecture of a spec.

        Raises:
            ArtifactError: data or checkpoint are damaged.
            OutOfMemoryError: the machine has too little memory.

        """
        with computing():
            result = trained(self.problems(spec), spec, listener)
        return_memory()
        return result

    def _run(self, spec: Training, listener: Listener) -> TrialResult:
        """Search and train in a run directory, which may exist; test if the spec includes it."""
        path, (job, prepared) = Path(spec.folder), self.problems.job(spec)
        if not path.exists() or not _is_done(job, run := Run.open(path), spec.test):
            if path.exists() and run.read(Status).exit_code == DivergedError.exit_code:
                raise DivergedError(run.read(Status).error or "training diverged")
            space = None if path.exists() else job.checked(prepared)
            try:
                with pipeline.start(job, prepared, path, space) if space else run.working() as run:
                    if not run.has(Result):  # else another process trained it in the meantime
                        listener(TrialBegan())
                    # The environment may differ in the machine only: versions are part of the folder's name.
                    work = Work(job, run, prepared, listener, space, Serial(self.train), anyway=True)
                    pipeline.run(work, tests=spec.test)
            except RunExistsError:
                if not path.exists():
                    raise  # the folder is not writable
                raise in_use(path) from None
        remove(path)  # of a process that was killed between the result and the end
        result, costs = run.read(Result), run.read(Costs)
        seconds = sum(costs.seconds.values())
        return TrialResult("done", result.validation, result.best_epoch, result.best_epoch, seconds)


def _is_done(job: Job, run: Run, test: bool) -> bool:
    """Return whether a run is trained, and tested if it is to be."""
    return run.has(Result) and (not test or is_tested(job, run))


@contextmanager
def executor_of(
    registry: Registry, workers: int | None, engine: str | Mapping[str, Any] | Executor | None
) -> Iterator[Executor | None]:
    """Yield the executor of an engine; None where one worker of the default engine is enough: this process.

    Args:
        registry: The plugins.
        workers: Maximum number of trials that run at once; None for that of the engine.
        engine: Name of the engine, or its name and settings, or an executor; None for the default engine.

    Raises:
        UsageError: the number of workers or a setting of the engine is wrong.
        UnknownNameError: no plugin registers the engine.

    """
    if workers is not None and workers < 1:
        raise UsageError(f"{workers} workers cannot run a trial", "use a number from 1")
    if isinstance(engine, Executor) or (engine is None and (workers or 1) == 1):
        yield engine
        return
    chosen = Component.model_validate(
        {"name": "processes", **engine} if isinstance(engine, Mapping) else engine or "processes"
    )
    engine_class = registry.get(ENGINES, chosen.name)
    settings = engine_class.settings_class.parse(chosen.settings, ENGINES.name, chosen.name)
    with engine_class(settings, workers).executor(run_trial) as executor:
        yield executor
