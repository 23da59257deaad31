from functools import partial

from automtl_core.plugin import Candidate, Proposals, Recipe
from automtl_testing import check_scheduler

from example_scheduler.scheduler import Screening, ScreeningSettings


def test_contract() -> None:
    check_scheduler(partial(Screening, ScreeningSettings(first_epochs=2)))


def test_all_candidates_are_trained_for_a_few_epochs() -> None:
    known = [Candidate(name) for name in ("a", "b")]
    scheduler = Screening(ScreeningSettings(first_epochs=2), Proposals(known, Recipe()))
    trainings = [scheduler.ask() for _ in known]
    assert [training.epochs for training in trainings if training] == [2, 2]
    assert scheduler.ask() is None
