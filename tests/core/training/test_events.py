import json

import pytest

from automtl_core.training.events import (
    EpochEnded,
    EventHandler,
    PhaseBegan,
    PhaseEnded,
    ProgressMade,
    StepEnded,
    Warned,
    phase,
)
from automtl_testing.samples import binary_metrics

REPORT = EpochEnded(
    "search", 3, {"click": 0.5, "buy": None}, {"click": binary_metrics(0.7, 0.6, 10, 4)},
    fixed={"op": "zero", "fields": ("a", "b")},
)  # fmt: skip


def test_a_report_is_one_line_of_json_that_is_read_back():
    told = json.loads(json.dumps(REPORT.to_json()))
    assert told["phase"] == "search"
    assert told["losses"] == {"click": 0.5, "buy": None}
    assert told["fixed"] == {"op": "zero", "fields": ["a", "b"]}
    assert told["validation"]["click"]["auc"] == 0.7
    assert EpochEnded.from_json(json.loads(json.dumps(REPORT.to_json()))) == REPORT


class Heard(EventHandler):
    def __init__(self):
        self.events = []

    def step(self, event):
        self.events.append("step")
        return False

    def epoch(self, event):
        self.events.append("epoch")
        return True

    def other(self, event):
        self.events.append(event)
        return True


def test_a_handler_calls_the_method_of_a_type_and_returns_its_answer():
    heard = Heard()
    assert not heard(StepEnded("train", 1, 10, 1, 64))
    assert heard(REPORT)
    assert heard(Warned("something"))
    assert heard.events == ["step", "epoch", Warned("something")]


def test_a_phase_begins_makes_progress_and_ends_even_by_an_error():
    heard = Heard()

    def fail():
        with phase(heard, PhaseBegan("preparation")) as progress:
            progress("read", 0.5)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert heard.events == [
        PhaseBegan("preparation"), ProgressMade("preparation", "read", 0.5), PhaseEnded("preparation")
    ]  # fmt: skip
