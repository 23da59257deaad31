"""Tables of balancers, and of public packages, labels by chance, costs of searches, means by hand."""

import json

import numpy as np
import pandas as pd
import pytest

import balancers
from automtl_core.registry.plugins import load_registry
from automtl_core.system.strict_yaml import read_yaml
from automtl_core.training.fit import NORM_ROWS
from automtl_core.workflow.workflow import Workflow
from hand_made_means import SHRINKAGE, means
from public_tables import GENRES, movies, write
from search_quality import candidates, spent, with_candidates

ENOUGH = {"auc": 0.1, "log_loss": 0.5, "positives": 400, "rows": 1000, "reason": None}
AUCS = {"mmoe": (0.79, 0.81), "mmoe+pcgrad": (0.82, 0.83)}  # model -> test AUC of each seed


def test_a_table_of_balancers_has_a_column_for_each_problem(tmp_path):
    for problem, lower in (("one", 0.0), ("two", 0.1)):
        models = {}
        for model, scores in AUCS.items():
            cells = [
                {
                    "seed": seed,
                    "test": {"click": {**ENOUGH, "auc": auc - lower}, "buy": {**ENOUGH, "positives": 3}},
                }
                for seed, auc in enumerate(scores)
            ]
            models[model] = {"cells": [*cells, {"seed": 9, "error": "the loss is not finite"}]}
        differences = {"mmoe+pcgrad": {"mean": {"adjusted_p": 0.04}}}
        (tmp_path / problem).mkdir()
        (tmp_path / problem / "compare.json").write_text(
            json.dumps({"min_positives": 100, "models": models, "differences": differences})
        )
    assert balancers.table([tmp_path / "one", tmp_path / "two"]) == [
        "|  | one | two |",
        "| --- | --- | --- |",
        "| mmoe | .8000 ± .0141 | .7000 ± .0141 |",
        "| mmoe+pcgrad | +.0250 ± .0050, p 0.04 | +.0250 ± .0050, p 0.04 |",
    ]


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


@pytest.mark.parametrize("refresh", [True, False])
def test_means_are_those_of_earlier_rows_of_the_cell(refresh):
    random = np.random.default_rng(0)
    rows = pd.DataFrame({"cell": random.integers(0, 5, 200), "time": random.integers(0, 60, 200)})
    labels = pd.DataFrame({0: random.normal(size=200)})
    known = (rows.time < 40).to_numpy()
    found = means(rows.cell, rows.time, labels, known, refresh)
    for n, row in rows.iterrows():
        seen = labels[0][(rows.cell == row.cell) & (rows.time < row.time) & (known | refresh)]
        mean = (seen.sum() + SHRINKAGE * labels[0][known].mean()) / (len(seen) + SHRINKAGE)
        assert found[n] == pytest.approx([mean, len(seen)])


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
