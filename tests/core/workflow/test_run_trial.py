"""Trials as whole runs: made once, resumed, tested when asked, shared with other processes."""

import json
from collections import deque
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from automtl_core.errors import DivergedError
from automtl_core.run_dir.facts import EncodingSearch, Result
from automtl_core.run_dir.run import Run
from automtl_core.search.encoding.search import EncodingSearchResult
from automtl_core.search.trial import Serial, TrialBegan, TrialEnded, TrialResult, TrialSpec, TrialWaits
from automtl_core.training.events import SILENT, EpochEnded, PhaseBegan
from automtl_core.workflow import pipeline, run_trial
from automtl_core.workflow.run_trial import Folder, TrialRunner

from .lines import REGISTRY
from .test_trainer import trained


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return trained({"prepared_dir": tmp_path_factory.mktemp("prepared")}).prepare()


@pytest.fixture
def spec(prepared, tmp_path):
    job = trained({"prepared_dir": prepared.path.parent})
    return TrialSpec(job.to_json(), str(prepared.path), str(tmp_path / "run"))


@pytest.fixture
def runner(prepared):
    return TrialRunner(REGISTRY, prepared)


def heard(events):
    return lambda event: events.append(type(event)) or True


def test_a_whole_run_is_trained_once_and_tested_when_asked(spec, runner):
    events = []
    result = runner(spec, heard(events))
    run = Run.open(path := Path(spec.folder))
    assert (result.state, result.metrics) == ("done", run.read(Result).validation)
    assert run.read(Result).test is None
    assert events[0] is TrialBegan
    assert events[-1] is TrialEnded
    assert events.count(EpochEnded) == 2
    again = []
    assert runner(replace(spec, test=True), heard(again)) == result
    assert (again[0], again[-1]) == (PhaseBegan, TrialEnded), "fields are permuted"
    assert not {TrialBegan, EpochEnded} & {*again}, "nothing is trained"
    assert Run.open(path).read(Result).test is not None


def test_a_run_keeps_how_its_encodings_were_chosen(spec, runner):
    encoding_search = EncodingSearchResult({"numbers": "bins"})
    runner(replace(spec, encoding_search=json.dumps(encoding_search.to_json())), SILENT)
    assert Run.open(Path(spec.folder)).read(EncodingSearch).encoding_search == encoding_search


def test_one_that_diverged_does_so_again_without_training(spec, runner, monkeypatch):
    calls = []

    def diverge(*given, **how):
        calls.append(1)
        raise DivergedError("the loss became nan")

    monkeypatch.setattr(pipeline, "run", diverge)
    for _ in range(2):
        assert runner(spec, SILENT) == TrialResult("diverged", {}, error="the loss became nan")
    assert len(calls) == 1


def test_a_trial_that_another_process_holds_is_held(spec, runner):
    with pipeline.start(*runner._job(spec), Path(spec.folder)):
        assert runner(spec, SILENT).state == "held"
    assert runner(spec, SILENT).state == "done"


def test_held_trials_are_run_again_until_they_are_free(spec, runner, monkeypatch, tmp_path):
    other = replace(spec, folder=str(tmp_path / "other"))
    waits, order = [], []
    with ExitStack() as holder:
        holder.enter_context(pipeline.start(*runner._job(spec), Path(spec.folder)))
        naps = [lambda: None, holder.close]
        monkeypatch.setattr(run_trial, "time", SimpleNamespace(sleep=lambda seconds: naps.pop(0)()))

        def on_event(each, event):
            waits.extend([each] if isinstance(event, TrialWaits) else [])
            return True

        for each, result in Folder(Serial(runner)).run(deque([spec, other]), on_event):
            order.append((each, result.state))
    assert order == [(other, "done"), (spec, "done")]
    assert waits == [spec], "said once"
