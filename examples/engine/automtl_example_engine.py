"""An engine that runs trials in a pool of processes."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from multiprocessing import Manager, get_context
from typing import Any

from automtl_core.plugin import Engine, Event, OnEvent, RunTrial, Training, TrialResult, hookimpl


class Processes(Engine):
    """A pool of processes, which ends if one of them is killed."""

    @contextmanager
    def executor(self, run_trial: RunTrial) -> Iterator["Pooled"]:
        """Yield an executor with two processes, unless another number is given."""
        pool = ProcessPoolExecutor(self.workers or 2, mp_context=get_context("spawn"))
        with pool, Manager() as manager:
            yield Pooled(run_trial, pool, manager)


class Pooled:
    """Executor that gives each process the next trial."""

    def __init__(self, run_trial: RunTrial, pool: ProcessPoolExecutor, manager: Any) -> None:
        self.run_trial, self.pool, self.manager = run_trial, pool, manager

    def run(self, queue: deque[Training], on_event: OnEvent) -> Iterator[tuple[Training, TrialResult]]:
        """Yield results as they come; events are passed on before the result of their trial."""
        events, stop = self.manager.Queue(), self.manager.Event()
        left: dict[Future[TrialResult], Training] = {}
        while left or (queue and not stop.is_set()):
            while queue and not stop.is_set():
                spec = queue.popleft()
                left[self.pool.submit(work, self.run_trial, spec, events, stop)] = spec
            done, _ = wait(left, timeout=0.05)
            while not events.empty():
                if not on_event(*events.get()):
                    stop.set()
            yield from ((left.pop(future), future.result()) for future in done)


def work(run_trial: RunTrial, spec: Training, events: Any, stop: Any) -> TrialResult:
    """Run a trial in a worker, until the flag is set."""

    def listener(event: Event) -> bool:
        events.put((spec, event))
        return not stop.is_set()

    return run_trial(spec, listener)


@hookimpl
def automtl_register_engines() -> dict[str, type[Processes]]:
    """Register the pool of processes."""
    return {"example-engine": Processes}
