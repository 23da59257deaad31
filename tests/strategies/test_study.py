"""The strategy study and its scheduler: what is tried first, what is pruned, and what is taken.

The contract tests check that the same seed gives the same bytes, also after a kill.
"""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from warnings import catch_warnings

import pytest

from automtl_core.errors import DivergedError, UsageError
from automtl_core.search.scheduler import Proposals
from automtl_core.search.trained import trials_of
from automtl_core.search.trial import Training, TrialResult
from automtl_core.settings.settings import Search, Settings
from automtl_core.training.events import SILENT
from automtl_core.training.recipe import Recipe
from automtl_strategies.optuna_scheduler import OptunaScheduler, OptunaSettings, quiet
from automtl_strategies.study import StudySearch, StudySettings
from automtl_testing.samples import binary_metrics

from .small import problem

optuna = pytest.importorskip("optuna")
RATE = {"training.rate": Search(1e-3, 1e-1, log=True), "space.width": Search(1, 8)}
OWN = {"training.rate": 0.01, "space.width": 4}


class Changed(Settings):
    overrides: dict[str, dict[str, Any]]


class Scores:
    """Executor that trains nothing: the AUC of a spec is computed; None diverges."""

    def __init__(self, auc):
        self.auc, self.ran = auc, []

    def run(self, queue, on_event):
        while queue:
            spec = queue.pop()
            self.ran.append(spec)
            auc = self.auc(spec)
            metrics = {} if auc is None else {"click": binary_metrics(auc, 0.5, 100, 400)}
            epochs = spec.epochs
            state = "diverged" if auc is None else "paused" if epochs < 8 else "done"
            error = "not finite" if auc is None else None
            yield spec, TrialResult(state, metrics, 1, epochs, error=error)


@pytest.fixture
def searched(monkeypatch):
    """Return a function that searches with these scores, and returns strategy, result and specs."""
    monkeypatch.setattr(
        "automtl_strategies.study.trained_fit", lambda problem, spec: SimpleNamespace(network=spec)
    )

    def search(auc, **settings):
        given = problem(epochs=8)
        with trials_of(given) as trials:
            executor = Scores(auc)
            how = {"config": lambda o: Changed(overrides=dict(o)), "domains": RATE, "values": OWN}
            given = replace(given, trials=replace(trials, executor=executor, **how))
            strategy = StudySearch(StudySettings(**settings), given)
            found = strategy.search(SILENT)
            return strategy.loop.scheduler, found, executor.ran

    return search


def rate(spec):
    return spec.config.overrides["training"]["rate"]


def test_the_first_trials_are_landmarks_with_the_settings_of_the_run(searched):
    study, _, specs = searched(lambda spec: 0.6, trials=6, batch=3, landmarks=2, rung_epochs=8)
    tried = [*study.candidates.values()]
    assert [*study.candidates] == ["shared-bottom", "mmoe", *(f"trial {k}" for k in range(2, 6))]
    assert [one.overrides["training"]["rate"] for one in tried[:2]] == [0.01, 0.01]
    landmarks = problem().space.landmarks()
    assert tried[1].architecture == problem().space.canonical(landmarks["mmoe"])
    assert len({one.overrides["training"]["rate"] for one in tried}) == 5
    assert len({spec.folder for spec in specs}) == 6


def test_the_best_trial_is_the_result_and_all_are_points(searched):
    study, found, _ = searched(lambda spec: 0.5 + rate(spec), trials=8, rung_epochs=8)
    rates = [one.overrides["training"]["rate"] for one in study.candidates.values()]
    assert found.overrides["training"]["rate"] == max(rates)
    assert found.trained
    assert rate(found.network) == max(rates), "its trained network is taken"
    assert {point.overrides["training"]["rate"] for point in found.front} == {*rates}
    assert len(found.front) == 8
    assert [point.overrides for point in found.front if point.chosen] == [found.overrides]
    assert found.evidence == ()


def test_without_a_number_of_trials_there_are_thirty(searched):
    study, _, _ = searched(lambda spec: 0.6, batch=100)
    assert len(study.candidates) == 30


def test_a_setting_may_be_fixed_and_others_are_searched(searched):
    study, _, _ = searched(lambda spec: 0.6, trials=4, fixed=("training.rate",))
    assert {tuple(one.overrides) for one in study.candidates.values()} == {("space",)}
    with pytest.raises(UsageError, match=r"strategy.fixed: training.rat is not searched .did you mean"):
        searched(lambda spec: 0.6, fixed=("training.rat",))


def test_halving_leaves_out_trials_that_are_worse_at_a_rung(searched):
    study, found, specs = searched(
        lambda spec: 0.5 + rate(spec), trials=16, batch=8, rung_epochs=2, landmarks=0
    )
    assert [sum(spec.epochs == epochs for spec in specs) for epochs in (2, 4, 8)] == [16, 8, 4]
    assert len(study.complete) == 4 == len(found.front)


def test_trainings_that_diverge_are_left_out_unless_all_do(searched):
    study, found, _ = searched(
        lambda spec: None if rate(spec) > 0.01 else rate(spec), trials=8, landmarks=1, rung_epochs=2
    )
    assert any(result.error for result in study.results.values())
    assert found.overrides["training"]["rate"] <= 0.01
    with pytest.raises(DivergedError, match="not finite"):
        searched(lambda spec: None, trials=3)


def test_under_a_time_budget_there_are_trials_until_it_is_spent(searched):
    spent = iter([0.0, 0.3, 0.7, 1.0])
    given = problem(epochs=1)
    strategy = StudySearch(StudySettings(batch=1, landmarks=1), replace(given, spent=lambda: next(spent)))
    strategy.search(SILENT)
    assert len(strategy.loop.scheduler.candidates) == 3


def proposed():
    """Return the settings of all trials of a scheduler that hears how good the ones before were."""

    def suggest(trial, name):
        kind = trial.suggest_categorical("kind", ("a", "b"))
        x = trial.suggest_float("x", 0, 1)
        y = trial.suggest_float("y", 0, 1) if kind == "a" else trial.suggest_int("z", 1, 4)
        return Training(name, overrides={"it": {"x": x, "kind": kind, "y": y}})

    proposals, found = Proposals([], Recipe(epochs=2), suggest=suggest, seed=3, startup=3), []
    scheduler = OptunaScheduler(OptunaSettings(trials=12, batch=3), proposals)
    while batch := scheduler.ask():
        for training in batch:
            found.append(training.overrides)
            metrics = {"click": binary_metrics(0.5 + training.overrides["it"]["x"] / 2, 0.5, 500, 1000)}
            scheduler.tell(training, TrialResult("done", metrics, 1, 2))
    return found


def test_trials_of_another_process_are_the_same():
    program = "from tests.strategies.test_study import proposed; print(proposed())"
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
    )
    trials = proposed()
    assert (ended.stdout, ended.stderr) == (f"{trials}\n", "")
    assert len({str(overrides) for overrides in trials}) == 12


def test_messages_of_optuna_are_kept_away_and_its_verbosity_is_restored(capsys):
    before = optuna.logging.get_verbosity()
    with catch_warnings(record=True) as warned, quiet():
        optuna.create_study(sampler=optuna.samplers.GPSampler(seed=1))
    assert (capsys.readouterr().err, warned) == ("", [])
    assert optuna.logging.get_verbosity() == before


def test_optuna_that_is_missing_is_told(monkeypatch):
    monkeypatch.setattr("automtl_strategies.study.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="optuna"):
        StudySearch.check()
