"""The scheduler of Optuna: the same calls give the same trials, in any process, and nothing is printed."""

import os
import subprocess
import sys
from warnings import catch_warnings

import pytest

from automtl_core.errors import UsageError
from automtl_core.search.scheduler import Proposals
from automtl_core.search.trial import Training
from automtl_core.training.recipe import Recipe
from automtl_strategies.optuna_scheduler import OptunaScheduler, OptunaSettings, quiet
from automtl_strategies.study import StudySearch

optuna = pytest.importorskip("optuna")

SCRIPT = """
from automtl_core.search.scheduler import Proposals
from automtl_core.search.trial import Training, TrialResult
from automtl_testing.samples import binary_metrics
from automtl_core.training.recipe import Recipe
from automtl_strategies.optuna_scheduler import OptunaScheduler, OptunaSettings

def suggest(trial, name):
    kind = trial.suggest_categorical("kind", ("a", "b"))
    x = trial.suggest_float("x", 0, 1)
    y = trial.suggest_float("y", 0, 1) if kind == "a" else trial.suggest_int("z", 1, 4)
    return Training(name, overrides={"it": {"x": x, "kind": kind, "y": y}})

for sampler in ("tpe", "gp"):
    proposals = Proposals([], Recipe(epochs=2), suggest=suggest, seed=3, startup=3)
    scheduler = OptunaScheduler(OptunaSettings(trials=12, batch=3, sampler=sampler), proposals)
    while batch := scheduler.ask():
        for training in batch:
            print(sampler, training.overrides)
            auc = training.overrides["it"]["x"] / 2 + 0.5
            result = TrialResult("done", {"click": binary_metrics(auc, 0.5, 500, 1000)}, 1, 2)
            scheduler.tell(training, result)
"""


def test_trials_of_another_process_are_the_same():
    started = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, "PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed in ("1", "2")
    ]
    one, other = (process.communicate() for process in started)
    assert one == other
    assert one[1] == ""
    assert len({*one[0].splitlines()}) > 18


def test_without_a_number_of_trials_there_are_thirty_or_as_many_as_time_allows():
    def suggest(trial, name):
        return Training(name, overrides={"x": {"x": trial.suggest_float("x", 0, 1)}})

    def made(batch, spent):
        return OptunaScheduler(
            OptunaSettings(batch=batch), Proposals([], Recipe(), suggest=suggest, spent=spent)
        )

    assert len(made(100, None).ask()) == 30
    assert made(2, lambda: 1.0).ask() == []


def test_messages_of_optuna_are_kept_away_and_its_verbosity_is_restored(capsys):
    before = optuna.logging.get_verbosity()
    with catch_warnings(record=True) as warned, quiet():
        optuna.create_study(sampler=optuna.samplers.GPSampler(seed=1))
    assert (capsys.readouterr().err, warned) == ("", [])
    assert optuna.logging.get_verbosity() == before


def test_optuna_that_is_missing_is_told(monkeypatch):
    monkeypatch.setattr("automtl_strategies.study.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="a search by Optuna needs optuna") as error:
        StudySearch.check()
    assert error.value.fix == "install it: pip install 'automtl[study]'"
