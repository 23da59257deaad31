"""A run is followed from its files, from another process."""

import json
import re
import shutil
import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest

from automtl_cli.runs import watching
from automtl_core.run_dir.facts import Status
from automtl_core.run_dir.folders import locked
from automtl_core.run_dir.progress import Progress, StageProgress
from automtl_core.run_dir.run import Run
from automtl_core.search.evidence import Evidence
from automtl_report.run_list import write_cells

PROGRESS = Progress(
    (StageProgress("training", 8, done=3),), "training", phase="train", epoch=1, left=(40, 40), time=1.0
)


@pytest.fixture
def run(finished, tmp_path, monkeypatch):
    """Return a copy of a finished run."""
    monkeypatch.setattr(watching, "PAUSE", 0.01)
    shutil.copytree(finished / "runs" / "done", tmp_path / "run")
    return Run.open(tmp_path / "run")


@contextmanager
def later(run, change):
    """Hold a run for a moment, then change it."""

    def work():
        with locked(run.path):
            ready.set()
            time.sleep(0.2)
            change()

    ready = threading.Event()
    thread = threading.Thread(target=work)
    thread.start()
    ready.wait()
    yield
    thread.join()


def test_a_run_that_is_over_is_shown_once(automtl, run):
    ended = automtl("show", run.path, "--follow")
    assert ended.code == 0
    assert ended.out.splitlines()[-1] == f"{run.path}: the run is done"
    last = run.reports()[-1]
    assert ended.err.startswith(f"{last['phase']} {last['epoch']}: ")
    (change,) = map(json.loads, automtl("show", run.path, "--follow", "--json").out.splitlines())
    assert change["epochs"] == list(run.reports())
    assert (change["state"], change["error"]) == ("done", None)
    assert change["test"].keys() == run.tested().keys()


def test_it_waits_for_the_end_and_shows_progress_before(automtl, run):
    decision = Evidence("layer", "mlp-4", "chosen", "better")
    run.write(Status("running"))
    replace(PROGRESS, decisions=(decision,)).write(run.path)
    with later(run, lambda: run.write(Status("done"))):
        ended = automtl("show", run.path, "--follow", "--json")
    first, *_, last = map(json.loads, ended.out.splitlines())
    assert first["progress"]["decisions"][0]["choice"] == "layer"
    assert (first["state"], last["state"], last["epochs"]) == ("running", "done", [])
    run.write(Status("running"))
    with later(run, lambda: run.write(Status("done"))):
        ended = automtl("show", run.path, "--follow")
    assert re.fullmatch(r"train 8: AUC .*, loss 0\.\d{4}, about 40 s left", ended.err.splitlines()[0])


def test_what_does_not_end_well_is_an_error_with_the_way_on(automtl, run, tmp_path):
    for status, code, told in (
        (Status("running"), 76, f"after epoch {run.reports()[-1]['epoch']} (train): its process was killed"),
        (Status("failed", "the loss became nan", 3), 3, "the run failed: the loss became nan"),
    ):
        run.write(status)
        ended = automtl("show", run.path, "--follow")
        assert (ended.code, ended.out, told in ended.err) == (code, "", True)
        assert f"resume it: automtl search --resume {run.path}" in ended.err
    ended = automtl("show", tmp_path, "--follow")
    assert (ended.code, "it has no folder yet" in ended.err) == (66, True)


def test_a_comparison_is_followed_until_its_runs_have_ended(automtl, run, tmp_path, monkeypatch):
    monkeypatch.setattr(watching, "IDLE", -1.0)
    folder = tmp_path / "comparison"
    shutil.copytree(run.path, folder / "cells" / "mmoe-s0")
    write_cells(folder, ["mmoe-s0"])
    ended = automtl("show", folder, "--follow")
    assert ended.code == 0
    assert ended.out == f"{folder}: the comparison has ended: 1 of 1 runs have ended\n"
    assert ended.err.startswith("mmoe-s0: done: train 8: ")
    write_cells(folder, ["mmoe-s0", "ple-s0"])
    ended = automtl("show", folder, "--follow", "--json")
    assert ended.code == 76
    assert "1 of 2 runs have ended, and no process works on the others" in ended.err
    assert [json.loads(line)["run"] for line in ended.out.splitlines()] == ["mmoe-s0"]
