"""Studies in memory: the same calls give the same trials, whatever the process."""

import os
import subprocess
import sys
from warnings import catch_warnings

import pytest

from automtl_core.errors import UsageError
from automtl_core.search.study.study import Study, check_installed, pruner_of, quiet

optuna = pytest.importorskip("optuna")

SCRIPT = """
from automtl_core.search.study.study import Study, quiet
with quiet():
    study = Study(3, {sampler!r}, [{{"x": 0.5}}], {directions!r}, startup=3)
    for _ in range(4):
        asked = [study.ask() for _ in range(3)]
        for trial in asked:
            x, kind = trial.suggest_float("x", 0, 1), trial.suggest_categorical("kind", ("a", "b"))
            y = trial.suggest_float("y", 0, 1) if kind == "a" else trial.suggest_int("z", 1, 4)
        for trial in asked:
            print(trial.params)
            study.complete(trial, [trial.params["x"], 1.0][: len({directions!r})])
"""


@pytest.mark.parametrize(("sampler", "directions"), [("tpe", ["maximize"]), ("gp", ["maximize", "minimize"])])
def test_trials_of_another_process_are_the_same(sampler, directions):
    code = SCRIPT.format(sampler=sampler, directions=directions)
    out = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
        )
        for seed in ("1", "2")
    ]
    assert out[0].stderr == ""
    assert out[0].stdout == out[1].stdout
    lines = out[0].stdout.splitlines()
    assert lines[0].startswith("{'x': 0.5,")
    assert len({*lines}) > 9


def test_a_trial_without_a_value_is_avoided_or_left_out():
    with quiet():
        one, two = Study(0, "tpe", []), Study(0, "tpe", [], ("maximize", "minimize"))
        records = [study.leave(study.ask()) for study in (one, two)]
    assert [record.state.name for record in records] == ["PRUNED", "FAIL"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("none", "NopPruner"),
        ("halving", "SuccessiveHalvingPruner"),
        ("hyperband", "HyperbandPruner"),
        ("wilcoxon", "WilcoxonPruner"),
    ],
)
def test_pruners_by_name(name, kind):
    assert type(pruner_of(name, 8, 80)).__name__ == kind


def test_halving_ends_the_worse_half():
    with quiet():
        study = Study(0, "random", [], pruner=pruner_of("halving", 2, 8))
        trials = [study.ask() for _ in range(8)]
        ends = []
        for place, trial in enumerate(trials):
            trial.report(-float(place), 2)
            ends.append(trial.should_prune())
    assert ends == [False, *[True] * 7], "each is worse than all before"


def test_messages_of_optuna_are_kept_away_and_its_verbosity_is_restored(capsys):
    before = optuna.logging.get_verbosity()
    with catch_warnings(record=True) as warned, quiet():
        Study(0, "tpe", [{"x": 1.0}])
    assert (capsys.readouterr().err, warned) == ("", [])
    assert optuna.logging.get_verbosity() == before


def test_optuna_that_is_missing_is_told(monkeypatch):
    monkeypatch.setattr("automtl_core.search.study.study.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="the strategy study needs optuna") as error:
        check_installed("the strategy study")
    assert error.value.fix == "install it: pip install 'automtl[study]'"


def test_optuna_is_not_imported_before_it_is_needed():
    modules = "automtl_strategies.study, automtl_comparison.tuning"
    code = f"import sys, {modules}; sys.exit('optuna' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
