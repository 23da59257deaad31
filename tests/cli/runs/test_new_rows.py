"""A run scores new rows, and is tested on them, from its folder alone."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from automtl_core.data.store import Prepared
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.facts import Result
from automtl_core.run_dir.run import Run
from automtl_core.workflow.evaluation import predict_logits
from automtl_core.workflow.job import Job


def write_test_rows(prepared):
    """Write the test rows of prepared data to new.csv."""
    columns = prepared.encoder.decode(prepared.part("test"))
    with Path("new.csv").open("w", newline="") as file:
        csv.writer(file).writerows([columns, *zip(*columns.values(), strict=True)])


@pytest.fixture
def moved(request, finished, ensembled, here):
    """Copy a run to where nothing else of it is; return it, its test rows as a file, and its predictions."""
    folder = ensembled if getattr(request, "param", "") == "ensemble" else finished
    run = Run.open(folder / "runs" / "done")
    prepared = Prepared.open(next((folder / "prepared").glob("synthetic-*")))
    shutil.copytree(run.path, here / "mine")
    write_test_rows(prepared)
    job = Job.resolve(run.config(), load_registry())
    return here, run.read(Result), expit(predict_logits(job, run, prepared).astype(np.float64))


@pytest.mark.parametrize("moved", ["network", "ensemble"], indirect=True)
def test_new_rows_are_predicted_as_the_test_rows_were_to_the_last_bit(automtl, moved):
    here, result, expected = moved
    told = automtl("predict", "mine", "new.csv", "--out", "out.csv", "--json").json()
    assert (told["rows"], told["rejected"], told["tasks"]) == (len(expected), 0, list(result.test))
    lines = (here / "out.csv").read_text().splitlines()
    assert lines[0] == ",".join(result.test)
    assert np.array_equal([[float(v) for v in line.split(",")] for line in lines[1:]], expected)
    assert sorted(p.name for p in here.iterdir()) == ["mine", "new.csv", "out.csv", "small.yaml"]


def test_no_rows_have_no_predictions_and_cannot_be_tested(automtl, moved):
    here, result, _ = moved
    header = (here / "new.csv").read_text().splitlines()[0]
    (here / "new.csv").write_text(header + "\n")
    ended = automtl("predict", "mine", "new.csv", "--out", "out.csv", "--keep", "user_id")
    assert ended.out.startswith("out.csv: 0 rows of click")
    assert (here / "out.csv").read_text().splitlines() == [",".join(["user_id", *result.test])]
    ended = automtl("evaluate", "mine", "new.csv")
    assert ended.code == 65
    assert "no valid row to test" in ended.err


def test_a_run_is_tested_on_new_rows(automtl, moved):
    _, result, expected = moved
    told = automtl("evaluate", "mine", "new.csv", "--json").json()
    assert told["test"] == {task: metrics.to_json() for task, metrics in result.test.items()}
    assert (told["rows"], told["rejected"]) == (len(expected), 0)
    assert f"{len(expected)} rows" in automtl("evaluate", "mine", "new.csv").out


@pytest.mark.parametrize("moved", ["ensemble"], indirect=True)
def test_faulty_rows_are_an_error_or_left_out_whatever_the_setting_for_raw_files_is(automtl, moved):
    here, _, expected = moved
    assert "bad_rows: skip" in (here / "mine/config.yaml").read_text()
    with (here / "new.csv").open("a") as file:
        file.write("a,b\n")
    to = ("predict", "mine", "new.csv", "--out", "out.csv")
    for most in ([], ["--max-bad-rows", "0"]):
        ended = automtl(*to, *most)
        assert ended.code == 65
        assert f"new.csv:{len(expected) + 2}: expected 17 columns, found 2" in ended.err
    assert not (here / "out.csv").exists()
    ended = automtl(*to, "--max-bad-rows", "3")
    assert f"{len(expected)} rows of click, like, skip, hide; 1 faulty row skipped" in ended.out
    assert f"skipped: new.csv:{len(expected) + 2}: expected 17 columns, found 2" in ended.out


def test_scoring_needs_neither_the_plugin_of_the_dataset_nor_those_of_the_training(
    automtl, moved, monkeypatch
):
    here, _, expected = moved
    monkeypatch.setenv("AUTOMTL_DISABLE_PLUGINS", "datasets,strategies,balancers,listeners")
    ended = automtl("predict", "mine", "new.csv", "--out", "out.csv")
    assert ended.code == 0, ended.err
    lines = (here / "out.csv").read_text().splitlines()[1:]
    assert np.array_equal([[float(v) for v in line.split(",")] for line in lines], expected)
    assert automtl("evaluate", "mine", "new.csv").code == 0
    assert automtl("export", "mine", "--format", "torch", "--out", "served").code == 0
    monkeypatch.setenv("AUTOMTL_DISABLE_PLUGINS", "desan")
    ended = automtl("predict", "mine", "new.csv", "--out", "out.csv")
    assert ended.code == 2
    assert "desan 0" in ended.err
    assert "disabled by AUTOMTL_DISABLE_PLUGINS" in ended.err


WRONG = {
    "predict mine no.csv --out o.csv": (66, "no.csv: no such file"),
    "predict no new.csv --out o.csv": (66, "no: not a run directory"),
    "predict mine new.csv --out o.xls": (2, "the extension is not one of .csv, .parquet"),
    "evaluate mine new.csv --data-dir .": (2, "leave it out"),
    "evaluate mine --max-bad-rows 3": (2, "name a file of them"),
    "predict mine new.csv --out o.csv --bad-rows skip": (2, "in its place: --max-bad-rows N"),
}


def test_what_cannot_be_is_told(automtl, moved):
    for command, (code, told) in WRONG.items():
        ended = automtl(*command.split())
        assert (ended.code, told in ended.err) == (code, True), command


def test_aggregates_are_brought_up_to_date_without_training(automtl, here):
    settings = "--set dataset.rows=1000 --set training.epochs=1 --set features.aggregates=[item_id]"
    train = "train --dataset synthetic --model shared-bottom --name first"
    assert automtl(*train.split(), *settings.split()).code == 0
    prepared = Prepared.open(next((here / "prepared").glob("synthetic-*")))
    write_test_rows(prepared)
    refresh = ("update", "--refresh", "runs/first", "new.csv")
    told = automtl(*refresh)
    rows = len(prepared.part("test"))
    assert f"run: runs/first-refreshed, whose aggregates have seen {rows} more rows" in told.out
    assert automtl(*refresh).code == 73
    again = automtl("evaluate", "runs/first-refreshed", "new.csv")
    assert (again.code, f"first-refreshed has seen all of the {rows} rows" in again.err) == (65, True)
    for command in ("show", "evaluate"):
        assert f"the aggregates have seen {rows} rows" in automtl(command, "runs/first-refreshed").out


def test_a_verdict_on_new_rows_has_its_exit_code(automtl, here):
    few = ["--set", "dataset.rows=4000", "--set", "features=ids"]
    assert automtl("train", "--dataset", "synthetic", "--model", "linear", "--name", "mine", *few).code == 0
    write_test_rows(Prepared.open(next((here / "prepared").glob("synthetic-*"))))
    assert automtl("predict", "runs/mine", "new.csv", "--out", "same.csv").code == 0
    rows, predicted = pd.read_csv("new.csv"), pd.read_csv("same.csv")
    pd.concat([predicted, rows.drop(columns=[*predicted])], axis=1).to_csv("same.csv", index=False)
    for name, sign in (("right", 1), ("wrong", -1)):
        rows.assign(**(0.5 + 0.4 * sign * (2 * rows[[*predicted]] - 1))).to_csv(f"{name}.csv", index=False)
    for name, code, verdict in (("same", 80, "level"), ("wrong", 81, "behind"), ("right", 0, "ahead")):
        ended = automtl("compare", "--on", "new.csv", "--models", f"runs/mine,{name}.csv", "--json")
        assert (ended.code, json.loads(ended.out)["standings"]) == (code, {f"{name}.csv": verdict})
