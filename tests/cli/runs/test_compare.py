"""Training a hand-designed model, and comparing models, by commands."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

MODEL = "space: {name: mmoe, embedding_dim: 4, experts: 2, expert_layers: [8]}\n"


@pytest.fixture(autouse=True)
def tiny(here):
    (here / "tiny.yaml").write_text(MODEL)


def test_a_comparison_writes_its_tables_and_computes_no_cell_again_but_tells_a_damaged_one(automtl):
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
    assert len((folder / "compare.csv").read_text().splitlines()) == 1 + 2 * 2 * 4
    cell = folder / "cells" / found["models"]["desan:pd-darts-entropy"]["cells"][0]["run"]
    assert automtl("show", cell).code == 0

    result = cell / "result.json"
    result.write_text(result.read_text().replace('"auc": 0.', '"auc": 0.9'))
    refused = automtl(*command)
    assert refused.code == 79
    remedy = f"damaged: its SHA-256 is not the recorded one; remove the folder {cell}"
    files = (folder / name for name in ("compare.json", "compare.csv", "compare.md", "report.html"))
    for text in (refused.err, refused.out, *(file.read_text() for file in files)):
        assert remedy in " ".join(text.replace("<wbr>", "").split())
    assert json.loads((folder / "compare.json").read_text())["models"]["tiny.yaml"]["cells"][0]["test"]


@pytest.mark.needs_extra("study")
def test_two_processes_fill_one_comparison_together(automtl, here):
    """Slow: two processes start and train all cells."""
    tuned = ("--models", "tiny.yaml,two.yaml", "--seeds", "2", "--tune", "2", "--set", "training.epochs=2")
    (here / "two.yaml").write_text(MODEL.replace("[8]", "[6]"))
    command = ["compare", "small.yaml", *tuned, "--json", "--out", "together"]
    program = [sys.executable, "-c", "from automtl_cli.app import main; main()", *command]
    pipe = subprocess.PIPE
    processes = [subprocess.Popen(program, stdout=pipe, stderr=pipe, text=True) for _ in range(2)]
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
