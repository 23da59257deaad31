"""Events of trials that ran side by side arrive as if they had run one after the other."""

from types import SimpleNamespace

from automtl_core.search.in_order import InOrder
from automtl_core.search.trial import TrialResult
from automtl_core.training.events import EpochEnded, StepEnded


def book(*waiting, reported=None, spent=0):
    return SimpleNamespace(
        waiting=[*waiting], reported=reported or {}, results={}, spent=spent, going_on=True
    )


def epoch(number):
    return EpochEnded("train", number, {}, {})


DONE = TrialResult("done", {})


def test_events_of_a_later_trial_wait_for_the_earlier_one():
    seen, held = [], book("a", "b")
    stream = InOrder(held, lambda event: seen.append((event.phase, event.epoch)) or True)
    stream("b", epoch(1))
    stream("b", StepEnded("train", 2, 4, 1, 8))
    stream("a", epoch(1))
    stream.end("b", DONE)
    assert (seen, held.results, held.waiting) == ([("a", 1)], {}, ["a", "b"])
    stream("a", epoch(2))
    stream.end("a", DONE)
    assert seen == [("a", 1), ("a", 2), ("b", 3)]
    assert (list(held.results), held.waiting, held.spent) == (["a", "b"], [], 3)


def test_epochs_that_were_reported_are_left_out_and_the_numbers_go_on():
    seen, held = [], book("a", reported={"a": 2}, spent=7)
    stream = InOrder(held, lambda event: seen.append((event.phase, event.epoch)) or True)
    for number in (1, 2, 3):
        stream("a", epoch(number))
    assert (seen, held.reported) == ([("a", 8)], {"a": 3})


def test_a_listener_ends_all_trials():
    held = book("a", "b")
    stream = InOrder(held, lambda event: False)
    assert stream("b", epoch(1)), "nothing has been passed on yet"
    assert not stream("a", epoch(1))
    assert not held.going_on
