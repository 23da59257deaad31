"""The value that goes down the stages of a run makes space and problem once, where a stage needs them."""

from types import SimpleNamespace

from automtl_core.training.events import SILENT
from automtl_core.workflow.work import Work


def work(space=None, changed=False):
    made = []
    job = SimpleNamespace(
        checked=lambda prepared: made.append("space") or "space",
        problem=lambda prepared, space: made.append("problem") or ("problem", space),
    )
    run = SimpleNamespace(initial_config=lambda: 1, config=lambda: 2 if changed else 1)
    return Work(job, run, None, SILENT, space), made


def test_space_and_problem_are_made_once():
    once, made = work()
    assert once.problem == once.problem == ("problem", "space")
    assert (once.checked_space(), once.space_of_network()) == ("space", "space")
    assert made == ["space", "problem"]


def test_a_known_space_is_not_made_again():
    known, made = work("known")
    assert known.problem == ("problem", "known")
    assert made == ["problem"]


def test_after_a_search_of_settings_the_space_is_not_that_of_the_network():
    assert work("known", changed=True)[0].space_of_network() is None
