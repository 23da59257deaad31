"""Runs are listed, compared and removed by the command line."""

import shutil

import pytest


@pytest.fixture
def two(finished, here):
    for name in ("one", "two"):
        shutil.copytree(finished / "runs" / "done", here / "runs" / name)
    return here


def test_runs_are_listed(automtl, two):
    assert automtl("runs", "list", "--runs-dir", "nowhere").out == "nowhere: no runs\n"
    lines = automtl("runs", "list").out.splitlines()
    assert lines[0].split()[:4] == ["run", "dataset", "model", "seed"]
    assert [line.split()[:4] for line in lines[1:]] == [
        [name, "synthetic", "desan:pd-darts-entropy", "3"] for name in ("one", "two")
    ]
    told = automtl("runs", "list", "--json").json()
    assert [run["state"] for run in told["runs"]] == ["done", "done"]


def test_what_was_stopped_goes_on_with_resume(automtl, two):
    status = two / "runs" / "two" / "status.json"
    automtl("search", "--config", "small.yaml", "--name", "three", "--set", "training.epochs=0")
    status.write_text("{}")
    ended = automtl("runs", "list")
    assert "two: " in ended.out
    assert "damaged" in ended.out


def test_runs_are_set_side_by_side(automtl, two):
    ended = automtl("runs", "compare", "runs/one", "runs/two")
    assert ended.out.splitlines()[0].split()[:5] == ["run", "click", "like", "skip", "hide"]
    assert "not comparable" not in ended.out
    assert ended.out.endswith("with confidence intervals: automtl compare --models runs/one,runs/two\n")
    assert automtl("runs", "show", "runs/one").out == automtl("show", "runs/one").out


def test_runs_are_removed_where_somebody_agrees(automtl, two, monkeypatch):
    ended = automtl("runs", "remove", "runs/one")  # nobody is there to answer
    assert (ended.code, (two / "runs" / "one").exists()) == (2, True)
    assert automtl("runs", "remove", "runs/one", "runs", "--yes").code == 66
    assert (two / "runs" / "one").exists()
    assert automtl("runs", "remove", "runs/one", "--yes").out == "removed: runs/one\n"
    assert [path.name for path in (two / "runs").iterdir()] == ["two"]


def test_help_is_short_for_every_command(automtl):
    for command in ([], ["runs"], ["data"]):
        ended = automtl(*command, "-h")
        assert ended.code == 0
        assert "..." not in ended.out.split("Commands:")[1]
    assert "complete" in automtl("--show-completion", "bash").out
