"""An executor of another project: it runs trials in two processes."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from multiprocessing import Manager, get_context
from multiprocessing.synchronize import Event as Flag
from queue import Queue

from automtl_core.search.trial import OnEvent, TrialResult, TrialSpec
from automtl_core.training.events import Event
from automtl_core.workflow.run_trial import run_trial


class TwoProcesses:
    """Executor that gives each of two processes the next trial."""

    def __init__(self) -> None:
        self.pool = ProcessPoolExecutor(2, mp_context=get_context("spawn"))
        self.manager = Manager()

    def run(self, specs: Sequence[TrialSpec], on_event: OnEvent) -> Iterator[tuple[TrialSpec, TrialResult]]:
        """Yield results as they come; events are passed on before the result of their trial."""
        events, stop = self.manager.Queue(), self.manager.Event()
        left = {self.pool.submit(work, spec, events, stop): spec for spec in specs}
        while left:
            done, _ = wait(left, timeout=0.05)
            while not events.empty():
                if not on_event(*events.get()):
                    stop.set()
            yield from ((left.pop(future), future.result()) for future in done)


def work(spec: TrialSpec, events: "Queue[tuple[TrialSpec, Event]]", stop: Flag) -> TrialResult:
    """Run a trial in a worker, until the flag is set."""

    def listener(event: Event) -> bool:
        events.put((spec, event))
        return not stop.is_set()

    return run_trial(spec, listener)
