"""The summary of several comparisons: means over seeds, leads, and validation minus test."""

import json

import pytest

import summary

AUCS = {  # model -> (validation, test) of each seed
    "mmoe": [(0.80, 0.79), (0.82, 0.81)],
    "ple": [(0.81, 0.82), (0.81, 0.82)],
    "desan:pd-darts": [(0.84, 0.82), (0.86, 0.84)],
}


def metrics(auc):
    few = {"auc": 0.1, "log_loss": 0.1, "positives": 3, "rows": 1000, "reason": None}
    return {
        "click": {"auc": auc, "log_loss": 0.5, "positives": 400, "rows": 1000, "reason": None},
        "buy": few,
    }


@pytest.fixture
def folder(tmp_path):
    """Two problems; in the second one the test AUC of all models is lower by .1."""
    for problem, lower in (("one", 0.0), ("two", 0.1)):
        models = {}
        for model, scores in AUCS.items():
            cells = []
            for seed, (validation, test) in enumerate(scores):
                run = f"{model.replace(':', '-')}-s{seed}"
                path = tmp_path / problem / "cells" / run
                path.mkdir(parents=True)
                result = {"validation": metrics(validation), "test": metrics(test - lower)}
                (path / "result.json").write_text(json.dumps(result))
                costs = {"flops_per_row": 2000, "search_seconds": 30.0, "train_seconds": 10.0}
                cells.append({"seed": seed, "run": run, "test": result["test"], **costs})
            cells.append({"seed": 9, "error": "the loss is not finite"})
            models[model] = {"cells": cells}
        stored = {"min_positives": 100, "models": models}
        (tmp_path / problem / "compare.json").write_text(json.dumps(stored))
    return tmp_path


def test_scores_are_those_of_the_tasks_with_enough_rows(folder):
    problem = summary.Problem.read(folder / "one")
    assert problem.test("mmoe").mean == pytest.approx(0.80)
    assert problem.test("mmoe").error == pytest.approx(0.01)
    assert problem.best_by_hand == "ple"
    assert problem.lead("desan:pd-darts", "ple") == pytest.approx((0.01, 0.01))
    assert problem.flattery("desan:pd-darts") == pytest.approx(0.02 - 0.01)


def test_the_tables_have_a_row_per_problem_and_the_mean(folder, capsys):
    summary.main([str(folder)])
    tests, seconds = capsys.readouterr().out.strip().split("\n\n")
    assert (
        "| one | .8000 ± .0141 (2) | .8200 ± .0000 (2) | .8300 ± .0141 (2) | +.0100 ± .0100 (ple) |" in tests
    )
    assert tests.splitlines()[-1] == "| mean |  |  |  | +.0100 ± .0000 |"
    assert "| two | 40 | 40 | 1.0 | +.0100 |" in seconds
