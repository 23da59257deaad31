"""Engines declare their settings, and make executors."""

from collections import deque
from contextlib import nullcontext

from automtl_core.search.engine import Engine
from automtl_core.search.trial import Serial
from automtl_core.settings.settings import Settings
from automtl_core.workflow.run_trial import run_trial


class Queues(Settings):
    queue: str = "all"


class Queued(Engine[Queues]):
    """One trial after the other."""

    def executor(self):
        return nullcontext(Serial(run_trial))


def test_an_engine_has_settings_and_a_number_of_workers():
    assert Queued.settings_class is Queues
    engine = Queued(Queues(queue="night"), 3)
    assert (engine.settings.queue, engine.workers) == ("night", 3)
    with engine.executor() as executor:
        assert list(executor.run(deque(), lambda spec, event: True)) == []
