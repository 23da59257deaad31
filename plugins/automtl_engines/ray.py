"""Trials as tasks of a Ray cluster that exists.

The nodes need the same packages, and the folders of runs and of prepared data on a disk that they share.
"""

import logging
import os
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import chdir, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import Field

from automtl_core.errors import OutOfMemoryError, UsageError, WorkerError, one_line
from automtl_core.process_state import library
from automtl_core.search.engine import Engine
from automtl_core.search.trial import Executor, OnEvent, TrialResult, TrialSpec
from automtl_core.settings.settings import Settings
from automtl_core.training.events import Warned
from automtl_engines.ray_task import Mailbox, package_versions, work

POLL = 0.2
"""Seconds between two looks at the events of trials."""
GRACE = 5.0
"""Seconds in which tasks end after they are cancelled, before they are killed."""


class RaySettings(Settings):
    """Settings of the engine `ray`."""

    address: str | None = None
    """Address of the cluster, such as 10.0.0.1:6379. null or auto: the environment variable RAY_ADDRESS or,
    without it, the cluster that this machine belongs to."""
    cpus: int | None = Field(None, ge=1)
    """CPUs of a trial, and its number of threads. null: the environment variable OMP_NUM_THREADS, or 1."""
    gpus: float = Field(0.0, ge=0)
    """GPUs of a trial; 0.5 lets two trials share one."""
    retries: int = Field(3, ge=0)
    """Number of times that a trial is run again after the death of its process or its machine. It goes on
    from its checkpoint."""


class Ray(Engine[RaySettings]):
    """Tasks of a Ray cluster; trials of a machine that fails go on at another one."""

    @contextmanager
    def executor(self) -> Iterator[Executor]:
        """Yield an executor of a cluster; a connection that a script has made before is kept.

        Raises:
            UsageError: Ray is not installed, or there is no cluster.

        """
        try:
            ray = library("ray")
        except ImportError:
            raise UsageError(
                "the engine ray needs a library that is not installed: ray", "pip install 'automtl[ray]'"
            ) from None
        if ray.is_initialized():
            yield Tasks(self.settings, self.workers)
            return
        address = self.settings.address or "auto"
        try:
            # Processes of the cluster import modules of the folder in which `init` is called: an empty one.
            with TemporaryDirectory(prefix="automtl-") as empty, chdir(empty):
                ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, RuntimeError, ValueError) as error:
            what = "no Ray cluster is running here" if address == "auto" else f"no Ray cluster at {address}"
            raise UsageError(
                f"{what}: {one_line(error)}",
                "start one by `ray start --head`, or give the address of one: --address HOST:PORT; on one "
                "machine, --workers N alone needs no cluster",
            ) from None
        try:
            yield Tasks(self.settings, self.workers)
        finally:
            ray.shutdown()


class Tasks:
    """Executor that runs each trial as a task.

    Args:
        settings: The settings of the engine.
        workers: Maximum number of tasks at once; None for as many as the cluster has room for.

    """

    def __init__(self, settings: RaySettings, workers: int | None) -> None:
        ray = self._ray = library("ray")
        affinity = library("ray.util.scheduling_strategies").NodeAffinitySchedulingStrategy
        self._settings = settings
        self._workers = workers
        self._threads = settings.cpus or int(os.environ.get("OMP_NUM_THREADS") or 1)
        self._versions = package_versions()
        self._task = ray.remote(work).options(
            num_cpus=self._threads,
            num_gpus=settings.gpus,
            max_retries=settings.retries,
            retry_exceptions=False,
        )
        # The mailbox is on the node of this process, whose death ends the command anyway.
        here = affinity(ray.get_runtime_context().get_node_id(), soft=False)
        self._mailbox: Any = ray.remote(Mailbox).options(num_cpus=0, scheduling_strategy=here)

    def run(self, queue: deque[TrialSpec], on_event: OnEvent) -> Iterator[tuple[TrialSpec, TrialResult]]:
        """Yield results as they come.

        Raises:
            OutOfMemoryError: the processes of a trial were killed again and again for their memory.
            WorkerError: the processes or machines of a trial failed again and again.

        """
        if not queue:
            return
        if missing := self._missing():
            on_event(queue[0], Warned(missing))
        mailbox, going_on = self._mailbox.remote(), True
        specs, running = list[TrialSpec](), dict[Any, TrialSpec]()
        try:
            while running or (queue and going_on):
                while queue and going_on and len(running) < (self._workers or sys.maxsize):
                    specs.append(queue.popleft())
                    running[self._begin(len(specs) - 1, specs[-1], mailbox)] = specs[-1]
                done, _ = self._ray.wait(list(running), timeout=POLL)
                for number, event in self._ray.get(mailbox.take.remote()):
                    again = on_event(specs[number], event)
                    if going_on and not again:
                        going_on = False
                        self._ray.get(mailbox.end.remote())
                for task in done:
                    result = self._result(task, spec := running.pop(task))
                    if result is not None:
                        yield spec, result
        finally:
            self._cancel(list(running))
            self._ray.kill(mailbox)

    def _begin(self, number: int, spec: TrialSpec, mailbox: Any) -> Any:
        folder = str(Path.cwd())
        return self._task.remote(number, spec, mailbox, folder, self._threads, self._versions)

    def _result(self, task: Any, spec: TrialSpec) -> TrialResult | None:
        """Return the result of a finished task; None if it did not begin its trial."""
        errors = self._ray.exceptions
        try:
            found = self._ray.get(task)
        except errors.OutOfMemoryError as error:
            fix = "give each trial more CPUs, so that fewer run on a machine: --set engine.cpus=2"
            raise OutOfMemoryError(f"the trial {spec.folder} was killed: {one_line(error)}", fix) from None
        except errors.RayError as error:
            tries = self._settings.retries + 1
            raise WorkerError(
                f"the trial {spec.folder} failed {tries} times on the cluster: {one_line(error)}",
                "see the logs of Ray, or run the command without --engine",
            ) from None
        if isinstance(found, Exception):
            raise found
        result: TrialResult | None = found
        return result

    def _cancel(self, tasks: list[Any]) -> None:
        """Interrupt tasks, and kill those that do not end."""
        for force in (False, True):
            for task in tasks:
                with suppress(Exception):  # it has ended, or its node has
                    self._ray.cancel(task, force=force)
            start = time.monotonic()
            while tasks and time.monotonic() - start < GRACE:
                _, tasks = self._ray.wait(tasks, num_returns=len(tasks), timeout=POLL)

    def _missing(self) -> str:
        """Return a warning if no node has room for a trial; empty if one has."""
        wanted = {"CPU": self._threads, "GPU": self._settings.gpus}
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        if any(all(node.get(name, 0) >= count for name, count in wanted.items()) for node in nodes):
            return ""
        room = f"{self._threads} CPUs and {self._settings.gpus:g} GPUs"
        return f"no node of the Ray cluster has {room}: trials wait for one"
