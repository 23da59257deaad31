from functools import partial

from automtl_core.plugin import Candidate, Proposals, Recipe
from automtl_example_scheduler import ASHA, ASHASettings
from automtl_testing import check_scheduler


def test_contract() -> None:
    check_scheduler(partial(ASHA, ASHASettings(eta=2, trials=9)))


def test_candidates_begin_with_one_epoch() -> None:
    known = [Candidate(name) for name in ("a", "b")]
    scheduler = ASHA(ASHASettings(), Proposals(known, Recipe()))
    trainings = [scheduler.ask() for _ in known]
    assert [training.epochs for training in trainings if training] == [1, 1]
    assert scheduler.ask() is None
