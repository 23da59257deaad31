"""Training a hand-designed model, and comparing models, by commands."""

import json
from pathlib import Path

import pytest

MODEL = "space: {name: mmoe, embedding_dim: 4, experts: 2, expert_layers: [8]}\n"
COMMON = """
dataset: {name: synthetic, rows: 1000}
training: {epochs: 5, batch_size: 200, patience: 5}
"""


@pytest.fixture(autouse=True)
def tiny(here):
    (here / "tiny.yaml").write_text(MODEL)
    (here / "common.yaml").write_text(COMMON)


def test_a_comparison_writes_its_tables_and_is_not_computed_again(automtl):
    models = ("--models", "tiny.yaml,desan:pd-darts-entropy", "--seeds", "2", "--set", "training.epochs=1")
    command = ("compare", "small.yaml", *models)
    shown = automtl(*command)
    assert "cell 1 of 4: tiny.yaml, seed 0, split 0: tiny.yaml-s0-" in shown.err
    assert "report: comparisons/small/report.html" in shown.out
    again = automtl(*command, "--json")
    assert "cell" not in again.err
    found = again.json()
    folder = Path(found.pop("out"))
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


@pytest.mark.needs_extra("study")
def test_two_processes_fill_one_comparison_together(automtl, here, start):
    """Slow: two processes start and train all cells."""
    tuned = ("--models", "tiny.yaml,two.yaml", "--seeds", "2", "--tune", "2", "--set", "training.epochs=2")
    (here / "two.yaml").write_text(MODEL.replace("[8]", "[6]"))
    command = ["compare", "common.yaml", *tuned, "--json", "--out", "together"]
    processes = [start(command) for _ in range(2)]
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
    assert outs[0] == outs[1] == automtl(*command).json()
    assert not list(Path("together").glob(".*")), "nothing is left behind"


def test_a_command_needs_only_the_plugins_that_it_uses(automtl, monkeypatch):
    train = ("train", "--model", "mmoe", "--dry-run")
    for disabled, code, told in (
        ("desan", 0, ""),
        ("strategies", 0, ""),
        ("datasets", 2, "no dataset is named"),
    ):
        monkeypatch.setenv("AUTOMTL_DISABLE_PLUGINS", disabled)
        ended = automtl(*train)
        assert (ended.code, told in ended.err) == (code, True), ended.err
    ended = automtl("search")
    assert (ended.code, "no space is named" in ended.err) == (2, True)
