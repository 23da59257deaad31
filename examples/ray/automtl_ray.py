"""An engine that runs trials as tasks of a Ray cluster that exists.

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
from typing import Any, NamedTuple

import torch
from pydantic import Field

from automtl_core.plugin import (
    Engine,
    Event,
    Executor,
    OnEvent,
    OutOfMemoryError,
    RunTrial,
    Settings,
    SetupError,
    Training,
    TrialResult,
    UsageError,
    Warned,
    WorkerError,
    __version__,
    hookimpl,
    one_line,
    set_up,
)

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # before the import: Ray sends usage statistics
POLL = 0.2
"""Seconds between two looks at the events of trials, and least time between two messages of a trial."""


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
    def executor(self, run_trial: RunTrial) -> Iterator[Executor]:
        """Yield an executor of a cluster; a connection that a script has made before is kept.

        Raises:
            UsageError: there is no cluster.

        """
        import ray

        if ray.is_initialized():
            yield Tasks(run_trial, self.settings, self.workers)
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
                "start one by `ray start --head`, or give its address, `engine.address`; on one machine, "
                "--workers N alone needs no cluster",
            ) from None
        try:
            yield Tasks(run_trial, self.settings, self.workers)
        finally:
            ray.shutdown()


class Tasks:
    """Executor that runs each trial as a task.

    Args:
        run_trial: Runs one trial.
        settings: The settings of the engine.
        workers: Maximum number of tasks at once; None for as many as the cluster has room for.

    """

    def __init__(self, run_trial: RunTrial, settings: RaySettings, workers: int | None) -> None:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy as Affinity

        self._ray: Any = ray
        self._run_trial = run_trial
        self._settings = settings
        self._workers = workers
        self._threads = settings.cpus or int(os.environ.get("OMP_NUM_THREADS") or 1)
        self._task = ray.remote(work).options(
            num_cpus=self._threads,
            num_gpus=settings.gpus,
            max_retries=settings.retries,
            retry_exceptions=False,
        )
        # The mailbox is on the node of this process, whose death ends the command anyway.
        here = Affinity(ray.get_runtime_context().get_node_id(), soft=False)
        self._mailbox: Any = ray.remote(Mailbox).options(num_cpus=0, scheduling_strategy=here)

    def run(self, queue: deque[Training], on_event: OnEvent) -> Iterator[tuple[Training, TrialResult]]:
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
        command = Command(str(Path.cwd()), package_versions(), self._threads)
        specs, running = list[Training](), dict[Any, Training]()
        try:
            while running or (queue and going_on):
                while queue and going_on and len(running) < (self._workers or sys.maxsize):
                    specs.append(queue.popleft())
                    trial = len(specs) - 1, specs[-1]
                    running[self._task.remote(self._run_trial, *trial, mailbox, command)] = specs[-1]
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

    def _result(self, task: Any, spec: Training) -> TrialResult | None:
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
                "see the logs of Ray, or run the command without `engine`",
            ) from None
        if isinstance(found, Exception):
            raise found
        result: TrialResult | None = found
        return result

    def _cancel(self, tasks: list[Any]) -> None:
        """Interrupt tasks, and kill those that do not end within 5 seconds."""
        for force in (False, True):
            for task in tasks:
                with suppress(Exception):  # it has ended, or its node has
                    self._ray.cancel(task, force=force)
            start = time.monotonic()
            while tasks and time.monotonic() - start < 5.0:
                _, tasks = self._ray.wait(tasks, num_returns=len(tasks), timeout=POLL)

    def _missing(self) -> str:
        """Return a warning if no node has room for a trial; empty if one has."""
        wanted = {"CPU": self._threads, "GPU": self._settings.gpus}
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        if any(all(node.get(name, 0) >= count for name, count in wanted.items()) for node in nodes):
            return ""
        room = f"{self._threads} CPUs and {self._settings.gpus:g} GPUs"
        return f"no node of the Ray cluster has {room}: trials wait for one"


class Command(NamedTuple):
    """Facts of the command that submits trials, which their nodes need alike."""

    folder: str
    """Its working directory."""
    versions: dict[str, str]
    """Versions of the packages that results depend on."""
    threads: int
    """Number of threads of a trial."""


class Mailbox:
    """Actor that holds the events of trials until the driver takes them."""

    def __init__(self) -> None:
        self._events: list[tuple[int, Event]] = []
        self._going_on = True

    def put(self, number: int, events: list[Event]) -> bool:
        """Add events of a trial; return whether trials shall continue."""
        self._events += [(number, event) for event in events]
        return self._going_on

    def take(self) -> list[tuple[int, Event]]:
        """Return the events since the last call."""
        taken, self._events = self._events, []
        return taken

    def end(self) -> None:
        """End all trials in order."""
        self._going_on = False


def work(run_trial: RunTrial, number: int, spec: Training, mailbox: Any, command: Command) -> Any:
    """Run a trial on a worker of the cluster.

    Args:
        run_trial: Runs one trial.
        number: Number of the trial.
        spec: The trial.
        mailbox: Handle of the actor that receives events.
        command: Facts of the command that submitted it.

    Returns:
        The result or the error of the trial; None if no trial shall begin any more.

    """
    import ray

    os.environ["OMP_NUM_THREADS"] = str(command.threads)
    set_up()
    torch.set_num_threads(command.threads)
    events, sent, going_on = list[Event](), 0.0, True

    def send() -> None:
        nonlocal sent, going_on
        going_on = ray.get(mailbox.put.remote(number, events))
        sent = time.monotonic()
        events.clear()

    def listener(event: Event) -> bool:
        events.append(event)
        if time.monotonic() - sent >= POLL:
            send()
        return going_on

    try:
        send()
        if not going_on:
            return None
        _check_node(spec, command)
        result = run_trial(spec, listener)
        send()
    except Exception as error:
        return error
    return result


def package_versions() -> dict[str, str]:
    """Return the versions of the packages that all nodes need alike."""
    return {"automtl": __version__, "torch": torch.__version__}


def _check_node(spec: Training, command: Command) -> None:
    """Check that this node has the folders and packages of the command, and enter its working directory.

    Raises:
        SetupError: it has not.

    """
    node = f"the node {os.uname().nodename} of the Ray cluster"
    if (here := package_versions()) != command.versions:
        has, expected = (", ".join(map(" ".join, pairs.items())) for pairs in (here, command.versions))
        raise SetupError(f"{node} has {has}, expected {expected}", "install equal versions")
    folder = command.folder
    missing = next((f for f in (folder, os.path.join(folder, spec.data)) if not os.path.isdir(f)), None)
    if missing is not None:
        fix = "work in a folder on a disk that all nodes share, and let prepared_dir be on it, too"
        raise SetupError(f"{node} has no folder {missing}", fix)
    os.chdir(folder)


@hookimpl
def automtl_register_engines() -> dict[str, type[Ray]]:
    """Register the engine by its name."""
    return {"ray": Ray}
