"""The observation of a run: the file of its progress, and the listeners that its configuration names."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from automtl_core.distributed import is_first, shared_listener
from automtl_core.errors import one_line
from automtl_core.process_state import kept_state
from automtl_core.registry.kinds import LISTENERS
from automtl_core.run_dir.facts import Result
from automtl_core.run_dir.progress import FILE, TEST, Command, reduced
from automtl_core.run_dir.run import Run
from automtl_core.training.events import (
    EpochEnded,
    Event,
    Listener,
    PhaseBegan,
    RunBegan,
    RunListener,
    Warned,
    phase,
)
from automtl_core.workflow.job import Job
from automtl_core.workflow.work import Work

SECONDS = 1.0
"""Least time between two writes of the progress."""


@contextmanager
def observed(work: Work, begin: PhaseBegan) -> Iterator[Listener]:
    """Yield a listener that passes events on to that of a run, to the listeners of its job, and to a file.

    Of a data-parallel job, these are called in the first process.

    Args:
        work: The run.
        begin: The begin of the run, with its stages, which is sent first.

    """
    job, run, listener = work.job, work.run, work.listener
    if not is_first():
        yield shared_listener(listener)
        return
    observers = [_Guarded(name, job, run, listener) for name in job.config.listeners]
    state, written, error = Command(), float("-inf"), None

    def pass_on(event: Event) -> bool:
        nonlocal state, written
        state = reduced(state, event, time.time())
        if event is not begin:
            for observer in observers:
                observer.call(lambda o: o.receive(event))
        if time.monotonic() - written >= SECONDS:
            written = time.monotonic()
            state.shown.progress.write(run.path)
        return listener(event)

    try:
        with phase(pass_on, begin):
            if begin.phase != TEST:
                pass_on(RunBegan(run.path, tuple(map(EpochEnded.from_json, run.reports()))))
            yield shared_listener(pass_on)
        with suppress(OSError):
            (run.path / FILE).unlink(missing_ok=True)
        result = run.get(Result)
        if result is not None and (test := result.test) is not None:
            for observer in observers:
                observer.call(lambda o: o.tested(test))
    except BaseException as raised:
        error = raised
        raise
    finally:
        for observer in observers:
            observer.call(lambda o: o.close(error))


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
