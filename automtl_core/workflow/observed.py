"""The observation of a run: the file of its progress, and the listeners that its configuration names."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from automtl_core.data.store import Prepared
from automtl_core.distributed import is_first, shared_listener
from automtl_core.errors import one_line
from automtl_core.process_state import kept_state
from automtl_core.registry.kinds import LISTENERS
from automtl_core.run_dir import snapshot
from automtl_core.run_dir.facts import Result
from automtl_core.run_dir.run import Run
from automtl_core.training.events import EpochEnded, Event, Listener, PhaseBegan, RunBegan, Warned
from automtl_core.training.run_listener import RunListener
from automtl_core.workflow.job import Job
from automtl_core.workflow.monitor import Monitor
from automtl_core.workflow.progress_estimate import TESTING, TRAINING, Workload

SECONDS = 1.0
"""Least time between two snapshots."""


@contextmanager
def observed(job: Job, run: Run, prepared: Prepared, listener: Listener) -> Iterator[Listener]:
    """Yield a listener that passes events on to another one, to the listeners of a job, and to a file.

    Of a data-parallel job, these are called in the first process.

    Args:
        job: The job of the run, which names its listeners.
        run: The run, locked by this process.
        prepared: Its data.
        listener: Receives all events, and decides whether loops continue.

    """
    if not is_first():
        yield shared_listener(listener)
        return
    work = Workload.of(job, prepared)
    trained = run.has(Result)
    begin = PhaseBegan(TESTING, Workload(0, 0, tested=work.tested)) if trained else PhaseBegan(TRAINING, work)
    observers = [_Guarded(name, job, run, listener) for name in job.config.listeners]
    stream, error = _Stream(run, observers, listener, begin), None
    try:
        if not trained:
            stream(RunBegan(run.path, tuple(map(EpochEnded.from_json, run.reports()))))
        yield shared_listener(stream)
        snapshot.remove(run.path)
        result = run.read(Result) if run.has(Result) else None
        if result is not None and (test := result.test) is not None:
            for one in observers:
                one.call(lambda o: o.tested(test))
    except BaseException as raised:
        error = raised
        raise
    finally:
        for one in observers:
            one.call(lambda o: o.close(error))


class _Stream:
    """Listener that passes events on, and writes a snapshot from time to time."""

    def __init__(self, run: Run, observers: list["_Guarded"], listener: Listener, begin: PhaseBegan) -> None:
        self._run = run
        self._observers = observers
        self._listener = listener
        self._monitor = Monitor()
        self._monitor(begin)
        self._written = float("-inf")

    def __call__(self, event: Event) -> bool:
        """Pass an event on; return the result of the main listener."""
        self._monitor(event)
        for observer in self._observers:
            observer.call(lambda o: o.receive(event))
        if time.monotonic() - self._written >= SECONDS:
            self._written = time.monotonic()
            self._monitor.snapshot().write(self._run.path)
        return self._listener(event)


class _Guarded:
    """A listener of a plugin, which is left out after its first error.

    Args:
        name: Name of the listener.
        job: The job of the run.
        run: The run.
        listener: Receives the warning.

    """

    def __init__(self, name: str, job: Job, run: Run, listener: Listener) -> None:
        self._name = name
        self._warn = listener
        self._plugin = job.registry.supplier(LISTENERS, name).name
        self._listener: RunListener | None = None
        settings = job.config.model_dump(mode="json")
        self._try(lambda: self._make(job, run, settings))

    def call(self, use: Callable[[RunListener], None]) -> None:
        """Use the listener, unless it is left out."""
        if (listener := self._listener) is not None:
            self._try(lambda: use(listener))

    def _make(self, job: Job, run: Run, settings: dict[str, object]) -> None:
        self._listener = job.registry.get(LISTENERS, self._name)(run.path.absolute(), settings)

    def _try(self, use: Callable[[], None]) -> None:
        try:
            with kept_state():
                use()
        except Exception as error:
            self._listener = None
            what = f"the listener {self._name!r} of plugin {self._plugin!r} failed and is left out"
            self._warn(Warned(f"{what}: {one_line(error)}"))
