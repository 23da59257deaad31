"""The contract tests of engines find faults, and name them."""

from collections import deque
from contextlib import nullcontext

import pytest

from automtl_core.errors import ArtifactError, AutoMTLError
from automtl_core.search.trial import Engine, Serial
from automtl_core.settings.settings import Settings
from automtl_core.training.events import EpochEnded
from automtl_core.workflow.run_trial import run_trial
from automtl_testing import check_engine, trials


class Here(Engine[Settings]):
    """Runs trials in this process."""

    def executor(self, run_trial):
        return nullcontext(self)

    def run(self, specs, on_event):
        yield from Serial(run_trial).run(specs, on_event)


class Loses(Here):
    def run(self, specs, on_event):
        yield from list(Serial(run_trial).run(specs, on_event))[1:]


class Once(Here):
    def run(self, specs, on_event):
        first = deque(specs)
        specs.clear()
        yield from Serial(run_trial).run(first, on_event)


class Drops(Here):
    def run(self, specs, on_event):
        yield from Serial(run_trial).run(
            specs, lambda spec, event: isinstance(event, EpochEnded) or on_event(spec, event)
        )


class GoesOn(Here):
    def run(self, specs, on_event):
        yield from Serial(run_trial).run(specs, lambda spec, event: on_event(spec, event) or True)


class OtherErrors(Here):
    def run(self, specs, on_event):
        try:
            yield from Serial(run_trial).run(specs, on_event)
        except AutoMTLError:
            raise ArtifactError("a worker failed") from None


def test_a_good_engine_passes(tmp_path):
    check_engine(Here(Settings(), 2), tmp_path)


@pytest.mark.parametrize(
    ("engine", "fault"),
    [
        (Loses, "each trial has a result"),
        (Once, "each trial has a result"),
        (Drops, "all epochs come"),
        (GoesOn, "running trials end in order"),
        (OtherErrors, "raised as in this process"),
    ],
)
def test_faults_are_named(engine, fault, tmp_path, monkeypatch):
    monkeypatch.setattr(trials, "LONG", 20)  # no message has to reach another process
    with pytest.raises(AssertionError, match=fault):
        check_engine(engine(Settings(), 2), tmp_path)
