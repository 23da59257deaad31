"""Tables of balancers, and of public packages, labels by chance, costs of searches, means by hand."""

import json

import numpy as np
import pandas as pd
import pytest

import automtl
import balancers
import hand_made_means
from automtl_core.registry.plugins import load_registry
from automtl_core.system.strict_yaml import read_yaml
from automtl_core.training.fit import NORM_ROWS
from automtl_core.workflow.workflow import Workflow
from coin_labels import searched
from hand_made_means import SHRINKAGE, means
from public_tables import GENRES, movies, purchases, write
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


def test_a_run_is_compared_with_means_by_hand_on_its_test_rows(tmp_path, monkeypatch, capsys):
    random, count, ids = np.random.default_rng(0), 30_000, np.arange(40)
    bought = pd.DataFrame({name: random.integers(0, 40, count) for name in ("household_id", "product_id")})
    seconds = pd.to_timedelta(random.integers(0, 9**7, count), "s")
    bought = bought.assign(
        store_id=random.integers(0, 3, count),
        basket_id=random.permutation(count),
        quantity=1 + random.integers(0, 2, count),
        sales_value=bought.product_id % 5 + random.normal(0, 0.1, count),
        retail_disc=random.integers(0, 2, count),
        coupon_disc=random.integers(0, 2, count),
        transaction_timestamp=pd.Timestamp("2017-01-01") + seconds,
    )
    texts = ("department", "product_category", "product_type", "package_size")
    products = {"product_id": ids, "brand": ["Private", *["National"] * 3] * 10}
    products |= {text: [f"p{k}" for k in ids] for text in texts}
    known = ("age", "income", "household_size", "kids_count", "marital_status", "home_ownership")
    households = {"household_id": ids[:9], **dict.fromkeys(known, "x")}
    table = purchases(bought, pd.DataFrame(products), pd.DataFrame(households))
    assert len(table.rows) == pytest.approx(count / 20, rel=0.1)
    assert table.rows.age.isna().mean() == pytest.approx(31 / 40, abs=0.05)
    write({"purchases": table}, tmp_path)
    monkeypatch.chdir(tmp_path)
    layer = read_yaml(tmp_path / "purchases.yaml")
    layer |= {"space": {"name": "mmoe", "experts": 1}, "training": {"epochs": 1, "min_positives": 20}}
    (tmp_path / "one.yaml").write_text(json.dumps(layer))
    keys = {"features": {"aggregates": [{"key": ["type"]}], "refresh": "always"}}
    flow = Workflow(load_registry())
    record = flow.search(flow.model("mmoe", [layer, keys]), tmp_path, "run")
    monkeypatch.setattr(hand_made_means, "ROUNDS", 60)
    monkeypatch.setattr("sys.argv", ["hand_made_means.py", "one.yaml", "run"])
    hand_made_means.main()
    lines = dict(
        line.strip("| ").split(" | ", maxsplit=1) for line in capsys.readouterr().out.splitlines()[3:]
    )
    assert len(lines) == 7
    for name in ("LightGBM", "LightGBM with ids"):
        for refresh in ("never", "always"):
            discounted, private, *_, amount, _ = scores(lines[f"{name}, {refresh}"])
            assert 0.3 < discounted < 0.7
            assert private == 1
            assert amount > 0.9
        found = scores(lines[f"run minus {name}, always"])
        assert found[1] == pytest.approx(scores(lines["run, always"])[1] - 1, abs=2e-4)
    tested = record.result.test
    assert scores(lines["run, always"])[1:5:3] == pytest.approx(
        [tested["private"].score, tested["amount"].evidence], abs=1e-4
    )


def scores(line):
    """Return the numbers of the cells of a line."""
    return [float(cell.split()[0]) for cell in line.split(" | ")]


SMALL = {
    "space": {"name": "desan", "experts": 2, "blocks": 1, "embedding_dim": 4, "ops": ["identity", "mlp-16"]},
    "strategy": {"name": "pd-darts", "epochs": 2, "rounds": 1, "rivals": []},
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
