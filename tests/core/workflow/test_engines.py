"""The executor of a command: of this process, or of an engine with its settings."""

import pytest

from automtl_core.errors import UnknownNameError, UsageError
from automtl_core.registry.kinds import ENGINES
from automtl_core.workflow.engines import engine_of, executor_of

from ..search.test_trial import Queued
from .lines import REGISTRY

KNOWN = REGISTRY.adding(ENGINES, "queued", Queued)


@pytest.mark.parametrize(("workers", "engine"), [(None, None), (1, None)])
def test_one_worker_is_this_process(workers, engine):
    assert engine_of(KNOWN, workers, engine) is None
    with executor_of(KNOWN, workers, engine) as executor:
        assert executor is None


def test_an_engine_is_named_alone_or_with_settings():
    assert type(engine_of(KNOWN, 2, None)).__name__ == "Processes"
    assert engine_of(KNOWN, 2, {"threads": 3}).settings.threads == 3, "settings of the default engine"
    for engine, queue in [("queued", "all"), ({"name": "queued", "queue": "night"}, "night")]:
        made = engine_of(KNOWN, None, engine)
        assert (type(made), made.settings.queue, made.workers) == (Queued, queue, None)
    with executor_of(KNOWN, 1, "queued") as executor:
        assert executor is not None


@pytest.mark.parametrize(
    ("workers", "engine", "error", "text"),
    [
        (0, None, UsageError, "0 workers"),
        (2, "quick", UnknownNameError, "no engine is called 'quick'; known: processes, queued, ray"),
        (2, {"address": "auto"}, UsageError, "engine.address is not a setting"),
        (2, {"name": "queued", "queue": 3}, UsageError, "engine.queue"),
    ],
)
def test_wrong_engines_are_errors(workers, engine, error, text):
    with pytest.raises(error, match=text):
        engine_of(KNOWN, workers, engine)
