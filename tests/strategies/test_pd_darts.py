"""PD-DARTS is one of two procedures, as its criterion says."""

import pytest

from automtl_core.config.config import default, load_config
from automtl_core.registry.kinds import PRESETS
from automtl_core.registry.plugins import load_registry
from automtl_core.training.events import EventHandler
from automtl_core.training.recipe import Recipe
from automtl_strategies.by_entropy import ByEntropy
from automtl_strategies.by_evidence import ByEvidence
from automtl_strategies.pd_darts import PDDARTS, PDDARTSSettings

from .small import problem

ENTROPY = PDDARTSSettings(criterion="entropy", warmup_epochs=1, search_epochs=1)


@pytest.mark.parametrize(("criterion", "procedure"), [("evidence", ByEvidence), ("entropy", ByEntropy)])
def test_the_criterion_picks_the_procedure(criterion, procedure):
    settings = PDDARTSSettings(criterion=criterion)
    strategy = PDDARTS(settings, problem())
    assert type(strategy.procedure) is procedure
    assert strategy.procedure.settings is settings


def test_evidence_decides_unless_the_settings_say_otherwise():
    assert PDDARTSSettings().criterion == "evidence"


def test_the_most_epochs_are_known_beforehand():
    recipe = Recipe(epochs=40)
    assert PDDARTS.epochs(PDDARTSSettings(criterion="entropy", warmup_epochs=3, search_epochs=4), recipe) == 7
    # two halves of 10, an epoch between two of 4 rounds, and 5 entrants: 5 * 8 + 2 * 8 + 1 * 24
    assert PDDARTS.epochs(PDDARTSSettings(epochs=10), recipe) == 2 * 10 + 3 + 80
    assert PDDARTS.epochs(PDDARTSSettings(epochs=10, first="any", landmarks=0), recipe) == 10 + 3 + 40


def test_the_recipe_of_the_paper_decides_by_entropy():
    registry = load_registry()
    config = load_config(default(registry), registry.get(PRESETS, "paper"))
    settings = PDDARTSSettings.parse(config.strategy.settings, "strategy")
    assert (config.strategy.name, settings.criterion) == ("pd-darts", "entropy")
    assert (settings.warmup_epochs, settings.search_epochs, settings.fix_per_epoch) == (2, 3, 10)


def test_it_searches_and_goes_on_as_its_procedure_does():
    strategy, procedure = PDDARTS(ENTROPY, problem()), ByEntropy(ENTROPY, problem())
    found, expected = strategy.search(EventHandler()), procedure.search(EventHandler())
    assert found.architecture == expected.architecture
    assert not found.trained
    assert strategy.state_dict().keys() == procedure.state_dict().keys()
    again = PDDARTS(ENTROPY, problem())
    again.load_state_dict(strategy.state_dict())
    assert again.procedure.relaxed.epoch == 2
