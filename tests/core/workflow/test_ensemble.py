"""The number of members of an ensemble is a layer above others, for strategies that train ensembles."""

import pytest

from automtl_core.errors import UnknownNameError, UsageError
from automtl_core.workflow.ensemble import ensemble_layer
from automtl_core.workflow.workflow import Workflow

from .lines import REGISTRY


def test_it_is_the_strongest_layer():
    layers = [{"strategy": {"name": "random", "ensemble": 2}}]
    job = Workflow(REGISTRY).job([*layers, ensemble_layer(3, layers, REGISTRY)])
    assert (job.config.strategy.name, job.strategy_settings.ensemble) == ("random", 3)
    assert ensemble_layer(None, layers, REGISTRY) == {}


def test_the_default_strategy_trains_ensembles():
    job = Workflow(REGISTRY).job([ensemble_layer(2, [], REGISTRY)])
    assert job.strategy_settings.ensemble == 2


@pytest.mark.parametrize("name", ["darts", "pd-darts-entropy"])
def test_of_others_those_that_do_are_named(name):
    with pytest.raises(UsageError, match=f"'{name}' trains no ensemble") as error:
        ensemble_layer(2, [{"strategy": name}], REGISTRY)
    assert error.value.fix.startswith("use one of pd-darts, random")


def test_an_unknown_strategy_is_named():
    with pytest.raises(UnknownNameError, match="did you mean 'random'"):
        ensemble_layer(2, [{"strategy": "randon"}], REGISTRY)
