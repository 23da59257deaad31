import pytest

from automtl_core.errors import ArtifactError
from automtl_core.plugins import load_registry
from automtl_core.testing import plain_schema, sample_architectures, sample_problem
from automtl_core.training.listener import Silent
from automtl_desan.space import DESAN, DESANSettings
from automtl_strategies.given import Given, GivenSettings

SIZES = DESANSettings(
    embedding_dim=2, experts=1, layers=1, blocks=1, expert_width=4, ops=("identity", "zero")
)


@pytest.fixture
def problem():
    return sample_problem(DESAN(plain_schema(), SIZES, load_registry().op))


def test_what_is_given_is_what_is_found(problem):
    given = next(sample_architectures(problem.space, 1))
    found = Given(GivenSettings(decisions=given.decisions), problem).search(Silent())
    assert found.architecture == given
    assert found.network is None
    assert found.epochs == 0


def test_an_answer_that_is_missing_or_wrong_is_named(problem):
    with pytest.raises(ArtifactError, match="layer0/expert0/block0: no decision"):
        Given(GivenSettings(), problem).search(Silent())
    decisions = {**next(sample_architectures(problem.space, 1)).decisions, "layer0/expert0/block0": "zeros"}
    with pytest.raises(ArtifactError, match="did you mean 'zero'"):
        Given(GivenSettings(decisions=decisions), problem).search(Silent())


def test_a_search_takes_no_epoch():
    assert Given.epochs(GivenSettings()) == 0
