"""Trials in several processes of this machine.

Each worker has its own pipe, so that a killed worker cannot hold a lock that others need. A worker ends when
its pipe is closed, also because the parent was killed. See research/adr/0026-workers.md.
"""

import os
import signal
import subprocess
import sys
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from multiprocessing import Pipe
from multiprocessing.connection import wait
from typing import ClassVar

from pydantic import Field

from automtl_core.plugin import (
    AutoMTLError,
    Engine,
    Event,
    Executor,
    OnEvent,
    OutOfMemoryError,
    RunTrial,
    Settings,
    Training,
    TrialEnded,
    TrialResult,
    WorkerError,
)

ATTEMPTS = 3
"""Worker processes that may be killed during a trial, after which it fails: a fault of it would kill all."""


class ProcessesSettings(Settings):
    """Settings of the engine `processes`."""

    removed: ClassVar = {"attempts": 3}

    threads: int | None = Field(None, ge=1)
    """Threads of each worker. null: the environment variable OMP_NUM_THREADS or, without it, the processor
    cores divided by the number of workers."""


class Processes(Engine[ProcessesSettings]):
    """Processes of this machine; a killed one is replaced, and its trial goes on from its checkpoint."""

    @contextmanager
    def executor(self, run_trial: RunTrial) -> Iterator[Executor]:
        """Yield an executor that starts workers when they are needed, and keeps them until the end."""
        workers = self.workers or cores()
        of_machine = os.environ.get("OMP_NUM_THREADS") or max(1, cores() // workers)
        with closing(Pool(run_trial, workers, str(self.settings.threads or of_machine))) as pool:
            yield pool


def cores() -> int:
    """Return the number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Pool:
    """Executor that gives each of several worker processes the next trial.

    Args:
        run_trial: Runs one trial in a worker.
        size: Maximum number of workers.
        threads: Number of threads of each worker.

    """

    def __init__(self, run_trial: RunTrial, size: int, threads: str) -> None:
        self._run_trial = run_trial
        self._size = size
        self.environment = {**os.environ, "OMP_NUM_THREADS": threads}
        self._workers: list[Supervised] = []

    def run(self, queue: deque[Training], on_event: OnEvent) -> Iterator[tuple[Training, TrialResult]]:
        """Yield results as they come.

        Raises:
            OutOfMemoryError: several workers were killed by signal 9 during the same trial, which is not a
                whole run.
            WorkerError: several workers crashed during such a trial.

        """
        deaths, going_on = Counter[Training](), True
        try:
            while busy := self._busy(queue if going_on else deque()):
                sent = wait([worker.connection for worker in busy])  # a message, or the end of the process
                for worker in [worker for worker in busy if worker.connection in sent]:
                    spec, message = worker.receive()
                    match message:
                        case Event():
                            again = on_event(spec, message)
                            if going_on and not again:
                                going_on = False
                                for each in self._workers:
                                    each.end_trial()
                        case TrialResult():
                            yield spec, message
                        case Exception():
                            raise message
                        case int():
                            self._workers.remove(worker)
                            deaths[spec] += 1
                            if deaths[spec] < ATTEMPTS:
                                queue.appendleft(spec)
                                continue
                            fault = _fault(spec, message)
                            if not spec.whole:
                                raise fault
                            result = TrialResult.failed(fault, spec.folder)  # other whole runs go on
                            on_event(spec, TrialEnded(result))
                            yield spec, result
        finally:
            self.close([worker for worker in self._workers if worker.spec is not None])

    def close(self, workers: "Sequence[Supervised] | None" = None) -> None:
        """End some workers, or all."""
        ended = list(self._workers if workers is None else workers)
        self._workers = [worker for worker in self._workers if worker not in ended]
        for worker in ended:
            worker.connection.close()  # which ends the process
        for worker in ended:
            worker.join()

    def _busy(self, queue: deque[Training]) -> "list[Supervised]":
        """Give the next trials to free workers, and return the workers with a trial."""
        self._workers = [w for w in self._workers if w.spec is not None or w.process.poll() is None]
        free = [worker for worker in self._workers if worker.spec is None]
        while queue and (free or len(self._workers) < self._size):
            if not free:
                free = [Supervised(self._run_trial, self.environment)]
                self._workers += free
            free.pop(0).begin(queue.popleft())
        return [worker for worker in self._workers if worker.spec is not None]


class Supervised:
    """A worker process with its pipe and its trial.

    Args:
        run_trial: Runs one trial in the process.
        environment: Environment variables of the process.

    """

    def __init__(self, run_trial: RunTrial, environment: dict[str, str]) -> None:
        self.spec: Training | None = None
        self.connection, theirs = Pipe()
        # Not a process of `multiprocessing`, which runs the main module of a script again. It has a session
        # of its own, so that Ctrl-C reaches the parent alone, which ends the workers in order.
        with theirs:
            self.process = subprocess.Popen(  # noqa: S603 - this program
                # -P: a module of the current folder, such as a `queue.py`, is not imported.
                [sys.executable, "-P", "-m", "automtl_engines.worker", str(theirs.fileno())],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=_errors(),
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._send(sys.path)
        self._send(run_trial)

    def begin(self, spec: Training) -> None:
        """Run a trial, after the result of the one before."""
        self.spec = spec
        self._send(spec)

    def end_trial(self) -> None:
        """End the trial in order: its result is that of its epochs so far."""
        if self.spec is not None:
            self._send(None)

    def receive(self) -> tuple[Training, object]:
        """Return the trial, and its next event, its result or its error; the exit code if the worker died."""
        assert self.spec is not None  # noqa: S101 - workers without a trial send nothing
        spec = self.spec
        try:
            message = self.connection.recv()
        except (EOFError, OSError):
            self.connection.close()
            # Only a process that has ended has released its locks.
            return spec, self.process.wait()
        if not isinstance(message, Event):
            self.spec = None
        return spec, message

    def join(self) -> None:
        """Wait for the end of the process, and kill it if it does not end within 5 seconds."""
        try:
            self.process.wait(5.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _send(self, message: object) -> None:
        with suppress(OSError):  # the process has ended: `receive` tells
            self.connection.send(message)


def _errors() -> int:
    """Return the file of what workers print: standard error, since the output belongs to the command."""
    try:
        os.fstat(2)
    except OSError:
        return subprocess.DEVNULL
    return 2


def _fault(spec: Training, code: int) -> AutoMTLError:
    """Return the error for a trial that has cost too many workers."""
    what = f"{ATTEMPTS} worker processes died during the trial {spec.folder}, the last one by "
    if code == -signal.SIGKILL:
        return OutOfMemoryError(
            f"{what}SIGKILL: the machine may have too little memory",
            "use fewer workers, a lower training.batch_size or a smaller model; `dmesg` shows whether the "
            "system killed a process for its memory",
        )
    how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return WorkerError(f"{what}{how}", "run the command without --workers, which shows where it fails")
