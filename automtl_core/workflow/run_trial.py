"""Trials in this process, and trials that several processes share by folders and locks.

`run_trial` is the function that workers of an executor call. It needs the spec alone: it loads the
installed plugins, opens the prepared data, and keeps checkpoint and result in the folder of the spec.
"""

import time
import traceback
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

from automtl_core.data.store import Prepared
from automtl_core.disk.plain_file import parse_json
from automtl_core.distributed import processes
from automtl_core.errors import (
    ArtifactError,
    AutoMTLError,
    DivergedError,
    InputMissingError,
    OutOfMemoryError,
    PluginError,
    RunExistsError,
    RunInUseError,
    picklable,
)
from automtl_core.registry.plugins import load_registry
from automtl_core.registry.registry import Registry
from automtl_core.run_dir.facts import Costs, Result, Status
from automtl_core.run_dir.run import Run
from automtl_core.search.encoding.search import EncodingSearchResult
from automtl_core.search.trial import (
    CONFIG,
    Executor,
    OnEvent,
    Serial,
    TrialBegan,
    TrialEnded,
    TrialResult,
    TrialSpec,
    TrialWaits,
)
from automtl_core.space import SearchSpace
from automtl_core.training.events import Event, Listener
from automtl_core.workflow import pipeline
from automtl_core.workflow.evaluation import is_tested
from automtl_core.workflow.job import Job
from automtl_core.workflow.trainer import Trainer
from automtl_core.workflow.work import Work

PAUSE = 0.5
"""Seconds between attempts to run trials that other processes hold."""
FAULTS = (ArtifactError, InputMissingError, PluginError, OutOfMemoryError)
"""Errors of one run, which do not concern other runs."""


@cache
def _runner() -> "TrialRunner":
    return TrialRunner(load_registry())


def run_trial(spec: TrialSpec, listener: Listener) -> TrialResult:
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

    Args:
        registry: The plugins.
        prepared: Data that is already open.
        known: A job with its space, see `Trainer`.

    """

    def __init__(
        self, registry: Registry, *prepared: Prepared, known: tuple[Job, SearchSpace] | None = None
    ) -> None:
        self._trainer = Trainer(registry, *prepared, known=known)

    def __call__(self, spec: TrialSpec, listener: Listener) -> TrialResult:
        """Run a trial; raises as `run_trial` does. One of `FAULTS` in a whole run is its result."""
        try:
            result = self._run(spec, listener) if spec.architecture is None else self._trainer(spec, listener)
        except RunInUseError:
            return TrialResult("held", {})
        except DivergedError as error:
            result = TrialResult("diverged", {}, error=str(error))
        except Exception as error:
            known = error if isinstance(error, AutoMTLError) else self._trainer.registry.blame(error)
            # Other processes of the same job would wait for this one.
            if spec.architecture is not None or not isinstance(known, FAULTS) or processes() > 1:
                raise
            result = TrialResult.failed(known, spec.folder)
        listener(TrialEnded(result))
        return result

    def _run(self, spec: TrialSpec, listener: Listener) -> TrialResult:
        """Search and train in a run directory, which may exist; test if the spec includes it."""
        path = Path(spec.folder)
        if path.exists():
            run = Run.open(path)
            if not run.has(Result) and run.read(Status).exit_code == DivergedError.exit_code:
                raise DivergedError(run.read(Status).error or "training diverged")
        if not path.exists() or not Run.open(path).has(Result):
            self._train(spec, path, listener)
        run = Run.open(path)
        if not run.has(Result):
            return TrialResult("held", {})
        if spec.test:
            job, prepared = self._job(spec)
            if not is_tested(job, run):
                with run.working():
                    pipeline.run(Work(job, run, prepared, listener), pipeline.TESTED)
        result, costs = run.read(Result), run.read(Costs)
        seconds = sum(costs.seconds.values())
        return TrialResult("done", result.validation, result.best_epoch, result.best_epoch, seconds)

    def _train(self, spec: TrialSpec, path: Path, listener: Listener) -> None:
        job, prepared = self._job(spec)
        space = None if path.exists() else job.checked(prepared)
        try:
            held = Run.open(path).working() if space is None else pipeline.start(job, prepared, path, space)
            with held as run:
                if not run.has(Result):  # else another process trained it in the meantime
                    listener(TrialBegan())
                    # The environment may differ in the machine only: versions are part of the folder's name.
                    executor = Serial(self._trainer)
                    work = Work(job, run, prepared, listener, space, executor, anyway=True)
                    pipeline.run(work, pipeline.FIT)
        except RunExistsError:
            if not path.exists():
                raise  # the folder is not writable

    def _job(self, spec: TrialSpec) -> tuple[Job, Prepared]:
        job, prepared = self._trainer.open(spec)
        if spec.encoding_search:
            encoding_search = EncodingSearchResult.from_json(
                parse_json(spec.encoding_search, *CONFIG), "the trial"
            )
            job = replace(job, encoding_search=encoding_search)
        return job, prepared


class Folder:
    """Executor that shares trials with other processes: trials held by another process are run again later.

    Args:
        executor: Runs the trials.

    """

    def __init__(self, executor: Executor) -> None:
        self.executor = executor

    def run(self, queue: deque[TrialSpec], on_event: OnEvent) -> Iterator[tuple[TrialSpec, TrialResult]]:
        """Yield the results; wait for trials that other processes hold."""
        going_on, announced = True, False

        def listener(spec: TrialSpec, event: Event) -> bool:
            nonlocal going_on
            going_on = on_event(spec, event) and going_on
            return going_on

        while queue and going_on:
            held, others = list[TrialSpec](), False
            for spec, result in self.executor.run(queue, listener):
                if result.state == "held":
                    held.append(spec)
                else:
                    others = True
                    yield spec, result
            if held and not others:
                if not announced:
                    on_event(held[0], TrialWaits())
                    announced = True
                time.sleep(PAUSE)
            queue.extend(held)
