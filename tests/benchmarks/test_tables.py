"""Summaries of comparisons, tables of public packages, labels by chance, and costs of searches."""

import json

import pandas as pd
import pytest

import automtl
import summary
from automtl_core.registry.plugins import load_registry
from automtl_core.system.strict_yaml import read_yaml
from automtl_core.training.fit import NORM_ROWS
from automtl_core.workflow.workflow import Workflow
from coin_labels import searched
from public_tables import GENRES, movies, write
from search_quality import candidates, spent, with_candidates

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


def test_the_tables_have_a_row_per_problem_and_the_mean(folder, capsys):
    summary.main([str(folder)])
    tests, seconds = capsys.readouterr().out.strip().split("\n\n")
    assert (
        "| one | .8000 ± .0141 (2) | .8200 ± .0000 (2) | .8300 ± .0141 (2) | +.0100 ± .0100 (ple) |" in tests
    )
    assert tests.splitlines()[-1] == "| mean |  |  |  | +.0100 ± .0000 |"
    assert "| two | 40 | 40 | 1.0 | +.0100 |" in seconds


def test_the_configuration_reads_the_rows(tmp_path):
    numbers = {name: range(40) for name in ("year", "length", "budget", "rating", "votes")}
    ratings = {f"r{k}": 4.5 for k in range(1, 11)}
    genres = dict.fromkeys(GENRES, [0, 1] * 20)
    write({"movies": movies(pd.DataFrame({**numbers, **ratings, "mpaa": None, **genres}))}, tmp_path)
    layer = {**read_yaml(tmp_path / "movies.yaml"), "prepared_dir": str(tmp_path / "prepared")}
    flow = Workflow(load_registry())
    prepared = flow.prepare(flow.model("mmoe", [layer]))
    assert [task.name for task in prepared.schema.tasks] == GENRES
    assert [field.name for field in prepared.schema.dense][:2] == ["year", "length"]


SMALL = {
    "space": {"name": "desan", "experts": 2, "blocks": 1, "embedding_dim": 4, "ops": ["identity", "mlp-16"]},
    "strategy": {"name": "pd-darts", "epochs": 2, "rounds": 1, "landmarks": 0},
    "training": {"epochs": 2, "batch_size": 512},
    "encoding_search": {"epochs": 1, "seeds": 1},
}


def test_a_search_reports_no_finding(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = searched("ids", 0, tmp_path, SMALL, rows=8000)
    assert (found.findings, found.plain, found.learned) == (0, True, ())
    assert sum(found.verdicts.values()) > 10
    run = automtl.load(tmp_path / "ids-0")
    assert set(run.importance["verdict"]) <= {"no effect", "unclear"}
    assert "No field has a significant effect on any task" in run._repr_markdown_()


FEW_ROWS = {
    "dataset": {"name": "synthetic", "rows": 500},
    "space": {"experts": 2, "embedding_dim": 4},
    "training": {"epochs": 2, "batch_size": 256},
}


@pytest.fixture(scope="module")
def line_and_jobs(tmp_path_factory):
    line = Workflow(load_registry())
    common = {**FEW_ROWS, "prepared_dir": str(tmp_path_factory.mktemp("prepared"))}
    jobs = line.models(["mmoe", "desan:random"], [common])
    return line.prepare(jobs["mmoe"]), jobs


def test_a_training_costs_three_passes_over_rows_to_learn_from_and_one_over_others(line_and_jobs):
    prepared, jobs = line_and_jobs
    found = spent("mmoe", jobs["mmoe"], prepared)
    train, validation = (len(prepared.part(name)) for name in ("train", "validation"))
    rows = 2 * (3 * train + validation + min(train, NORM_ROWS))
    assert found.gigaflops * 1e9 == pytest.approx(found.flops_per_row * rows, rel=0.02)


def test_as_many_candidates_as_a_random_search_has_cost_what_it_costs(line_and_jobs):
    prepared, jobs = line_and_jobs
    random = jobs["desan:random"]
    few, budget = (spent("random", with_candidates(random, n), prepared).gigaflops for n in (2, 8))
    assert few < budget / 2
    assert candidates(budget, random, prepared, few=2, most=20) in (7, 8, 9)
