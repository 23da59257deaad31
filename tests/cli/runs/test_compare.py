"""Training a hand-designed model, and comparing models, by commands."""

import csv
import json
import re
from pathlib import Path

import pytest

from automtl_core.data.store import Prepared

MODEL = "space: {name: mmoe, embedding_dim: 4, experts: 2, expert_layers: [8]}\n"
COMMON = """
dataset: {name: synthetic, rows: 1000}
training: {epochs: 5, batch_size: 200, patience: 5}
"""


@pytest.fixture(autouse=True)
def tiny(here):
    (here / "tiny.yaml").write_text(MODEL)
    (here / "common.yaml").write_text(COMMON)


def test_the_architecture_of_a_run_is_trained_anew(automtl, finished):
    done = finished / "runs" / "done"
    found = automtl("train", "--model", done, "common.yaml", "--seed", "8", "--json").json()
    then = json.loads((done / "architecture.json").read_text())
    assert found["architecture"]["decisions"] == then["decisions"]
    first = json.loads(Path(found["run"], "metrics.jsonl").read_text().splitlines()[0])
    assert (first["phase"], first["epoch"]) == ("train", 1)


def test_a_comparison_shows_tables_and_writes_them(automtl):
    models = ("--models", "tiny.yaml,desan:pd-darts-entropy", "--seeds", "2", "--set", "training.epochs=1")
    command = ("compare", "small.yaml", *models)
    shown = automtl(*command)
    assert shown.code == 0, shown.err
    assert "test AUC, mean ± standard deviation over 2 seeds" not in shown.out, "it is in the files"
    assert "AUC against tiny.yaml" in shown.out
    assert shown.out.endswith(
        "written to comparisons/small: compare.json, compare.csv, compare.md\n"
        "report: comparisons/small/report.html\n"
        "the run of each training: automtl list runs comparisons/small/cells\n"
    )
    assert "cell 1 of 4: tiny.yaml, seed 0, split 0: tiny.yaml-s0-" in shown.err
    assert "verdict against tiny.yaml" in shown.out
    folder = Path("comparisons/small")
    again = automtl(*command, "--json")
    assert "cell" not in again.err, "nothing is computed again"
    found = again.json()
    assert found.pop("out") == str(folder)
    assert json.loads((folder / "compare.json").read_text()) == found
    assert (folder / "compare.md").read_text().startswith("# Comparison on synthetic")
    assert len((folder / "compare.csv").read_text().splitlines()) == 1 + 2 * 2 * 4
    run = found["models"]["desan:pd-darts-entropy"]["cells"][0]["run"]
    assert automtl("show", folder / "cells" / run).code == 0


def test_a_result_that_was_edited_leaves_the_others_and_is_computed_again(automtl, here):
    (here / "two.yaml").write_text(MODEL.replace("[8]", "[6]"))
    command = ("compare", "common.yaml", "--models", "tiny.yaml,two.yaml", "--seeds", "1")
    assert automtl(*command).code == 0
    (result,) = Path("comparisons/common/cells").glob("tiny*/result.json")
    found = json.loads(result.read_text())
    found["test"]["click"]["auc"] = 0.99
    result.write_text(json.dumps(found, indent=2))
    refused = automtl(*command)
    assert refused.code == 79
    remedy = f"damaged: its SHA-256 is not the recorded one; remove the folder {result.parent}"
    folder = result.parents[2]
    files = (folder / name for name in ("compare.json", "compare.csv", "compare.md", "report.html"))
    for text in (refused.err, refused.out, *(file.read_text() for file in files)):
        assert remedy in " ".join(text.replace("<wbr>", "").split())
    assert json.loads((folder / "compare.json").read_text())["models"]["two.yaml"]["cells"][0]["test"]


def without_seconds(found):
    """Return JSON without what differs between equal runs."""
    if isinstance(found, dict):
        return {key: without_seconds(value) for key, value in found.items() if "second" not in key}
    return [without_seconds(value) for value in found] if isinstance(found, list) else found


def scores(markdown):
    """Return `compare.md` without the time that models took."""
    return re.sub(r"\d+ (s|min)\b", "", markdown)


@pytest.mark.needs_extra("study")
def test_two_processes_fill_one_comparison_together(automtl, here, start):
    """Slow: two processes start and train all cells, and a third one does so alone."""
    tuned = ("--models", "tiny.yaml,two.yaml", "--seeds", "2", "--tune", "2", "--set", "training.epochs=2")
    (here / "two.yaml").write_text(MODEL.replace("[8]", "[6]"))
    command = ["compare", "common.yaml", *tuned, "--json"]
    processes = [start([*command, "--out", "together"]) for _ in range(2)]
    ended = [process.communicate(timeout=240) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], ended
    announced = [line for _, err in ended for line in err.splitlines() if ", seed " in line]
    worked = sorted(line.rpartition(" ")[2] for line in announced if not line.startswith("waiting"))
    folders = sorted(Path("together/cells").iterdir())
    assert worked == [folder.name for folder in folders], "each cell is computed once"
    assert len(worked) >= 2 * 3, "two recipes of one seed, and the better one of the other"
    for folder in folders:
        assert (folder / "log.txt").read_text().count("the search ended with an architecture") == 1, folder
    outs = [json.loads(out) for out, _ in ended]
    assert outs[0] == outs[1]

    alone = automtl(*command, "--out", "alone").json()
    assert without_seconds({**outs[0], "out": ""}) == without_seconds({**alone, "out": ""})
    texts = [Path(folder, "compare.md").read_text() for folder in ("together", "alone")]
    assert scores(texts[0]) == scores(texts[1])
    assert json.loads(Path("together/compare.json").read_text()).items() <= outs[0].items()
    assert not list(Path("together").glob(".*")), "nothing is left behind"


@pytest.mark.parametrize("plugin", ["desan", "strategies"])
def test_a_model_is_trained_without_the_plugins_that_it_does_not_use(automtl, plugin, monkeypatch):
    monkeypatch.setenv("AUTOMTL_DISABLE_PLUGINS", plugin)
    rows = ("--set", "dataset.rows=1000")
    shown = automtl(
        "train", "--model", "mmoe", *rows, "--set", "space.experts=2", "--dry-run", "--json"
    ).json()
    assert shown["config"]["space"]["experts"] == 2
    assert shown["config"]["dataset"]["name"] == "synthetic"
    assert shown["config"]["strategy"] is None


def test_without_a_default_what_is_missing_is_asked_for(automtl, monkeypatch):
    monkeypatch.setenv("AUTOMTL_DISABLE_PLUGINS", "datasets")
    for command, missing in (("search", "space"), ("train", "dataset")):
        ended = automtl(command, *(["--model", "mmoe"] if command == "train" else []))
        assert ended.code == 2
        assert f"no {missing} is named" in ended.err
        assert f"--{missing} NAME" in ended.err


def test_a_challenger_that_is_no_better_has_its_exit_codes(automtl, here):
    """Slow: a verdict needs thousands of rows."""
    settings = ["--dataset", "synthetic", "--set", "dataset.rows=8000", "--set", "features=ids"]
    untrained = ["--set", "training.epochs=1", "--set", "training.learning_rate=1e-9"]
    for name, model, more in (("linear", "linear", []), ("untrained", "mmoe", untrained)):
        assert automtl("train", "--model", model, "--name", name, *settings, *more).code == 0
    prepared = Prepared.open(next((here / "prepared").glob("synthetic-*")))
    columns = prepared.encoder.decode(prepared.part("test"))
    with (here / "new.csv").open("w", newline="") as file:
        csv.writer(file).writerows([columns, *zip(*columns.values(), strict=True)])
    told = automtl("compare", "--on", "new.csv", "--models", "runs/linear,runs/untrained", "--margin", "0")
    assert (told.code, "no challenger is ahead of runs/linear: all are behind" in told.err) == (81, True)
    back = automtl(
        "compare", "--on", "new.csv", "--models", "runs/untrained,runs/linear", "--margin", "0", "--json"
    )
    assert back.code == 0
    assert back.json()["standings"] == {"runs/linear": "ahead"}
    level = automtl("compare", "--on", "new.csv", "--models", "runs/untrained,runs/linear", "--margin", "0.9")
    assert (level.code, "fix: keep runs/untrained" in level.err) == (80, True)
