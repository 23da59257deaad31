"""Finished runs are listed, compared, reported, drawn, exported, trained again and removed."""

import json
import shutil
from pathlib import Path

import pytest

from automtl_core.run_dir.run import Run


@pytest.fixture
def two(finished, here):
    for name in ("one", "two"):
        shutil.copytree(finished / "runs" / "done", here / "runs" / name)
    return here


def test_what_was_stopped_goes_on_with_resume(automtl, two):
    status = two / "runs" / "two" / "status.json"
    automtl("search", "small.yaml", "--name", "three", "--set", "training.epochs=0")
    status.write_text("{}")
    ended = automtl("list", "runs")
    assert "two: " in ended.out
    assert "damaged" in ended.out


def test_help_is_short_for_every_command(automtl):
    for command in ([], ["data"]):
        ended = automtl(*command, "-h")
        assert ended.code == 0
        assert "..." not in ended.out.split("Commands:")[1]
    assert "complete" in automtl("--show-completion", "bash").out


def test_a_report_is_written_into_the_run_or_elsewhere(automtl, finished, here):
    shutil.copytree(finished, here, dirs_exist_ok=True)
    ended = automtl("report", "runs/done")
    assert (ended.code, ended.out) == (0, "report: runs/done/report.html\n")
    text = Path("runs/done/report.html").read_text()
    assert "<title>done</title>" in text
    assert automtl("report", "runs/done", "--out", "new/other.html", "--json").json() == {
        "report": "new/other.html"
    }
    assert Path("new/other.html").read_text() == text


@pytest.fixture
def done(finished, here):
    (here / "runs").symlink_to(finished / "runs")
    return here


def test_a_folder_is_written_and_what_to_do_with_it_told(automtl, done):
    told = automtl("export", "runs/done", "--format", "torch", "--json").json()
    assert told["folder"] == "exports/done-torch"
    assert told["largest_difference"] < 1e-5
    assert (done / "exports" / "done-torch" / "example.py").exists()
    ended = automtl("export", "runs/done", "--format", "torch", "--out", "my net")
    assert ended.out.endswith("next: python 'my net/example.py'\n")
    assert automtl("export", "runs/done", "--format", "torch", "--out", "my net").code == 73


def test_a_format_that_is_none_is_told(automtl, done):
    ended = automtl("export", "runs/done", "--format", "onxx")
    assert ended.code == 2
    assert "no exporter is called 'onxx' (did you mean 'onnx'?); known: onnx, torch" in ended.err


SETTINGS = """
data_dir: .
dataset: {name: table, files: shop.csv, sparse: [user, item], labels: [click, buy]}
space: {experts: 2, embedding_dim: 4, expert_width: 8, ops: [identity, mlp-8]}
strategy: {name: random, candidates: 2, rung_epochs: 1}
training: {epochs: 2, batch_size: 64, min_positives: 1}
"""


@pytest.fixture
def found(automtl, here):
    """Give a folder with a run, and a function that writes the table with so many users."""

    def write(folder, users):
        folder.mkdir(exist_ok=True)
        rows = [f"{k % users},{k % 7},{k * k % 3 % 2},{k % 5 % 2}" for k in range(400)]
        (folder / "shop.csv").write_text("\n".join(["user,item,click,buy", *rows]) + "\n")

    write(here, 20)
    (here / "shop.yaml").write_text(SETTINGS)
    assert automtl("search", "shop.yaml", "--name", "first").code == 0
    return here, write


def test_vocabularies_follow_data_that_grew(automtl, found):
    here, write = found
    write(here / "later", 60)
    words = ("train", "--model", "runs/first", "--data-dir")
    made = automtl(*words, "later", "--set", "training.epochs=1", "--name", "again", "--json")
    run = Run.open(here / made.json()["run"])
    assert run.architecture() == Run.open(here / "runs" / "first").architecture()
    sizes = {
        f["name"]: f["size"] for f in json.loads((run.path / "data.json").read_text())["schema"]["sparse"]
    }
    assert sizes["user"] > 21
    assert run.config().training.epochs == 1
    assert automtl(*words, "nowhere").code == 66
