"""Trials as whole runs: made once, resumed, tested when asked, shared with other processes."""

import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from automtl_core.errors import DivergedError, UnknownNameError, UsageError
from automtl_core.registry.kinds import ENGINES
from automtl_core.run_dir.config import RunConfig
from automtl_core.run_dir.facts import EncodingSearch, Result
from automtl_core.run_dir.run import Run
from automtl_core.search.encoding.rows import divided
from automtl_core.search.encoding.search import EncodingSearchResult
from automtl_core.search.trained import trained
from automtl_core.search.trial import Training, TrialBegan, TrialEnded, TrialResult
from automtl_core.training.events import SILENT, EpochEnded, PhaseBegan
from automtl_core.workflow import pipeline, run_trial
from automtl_core.workflow.budget import with_rows
from automtl_core.workflow.job import Job
from automtl_core.workflow.run_trial import TrialRunner

from ..search.test_trial import Queued
from .lines import REGISTRY

LAYER = {
    "space": {"name": "shared-bottom", "embedding_dim": 4, "expert_layers": [8], "tower_layers": []},
    "dataset": {"name": "synthetic", "rows": 2000},
    "training": {"batch_size": 256, "epochs": 2, "embedding_decay": 0.01},
    "features": "ids",
    "strategy": None,
}


def training_job(layer):
    """Return the job of a training without a search."""
    return Job.resolve(RunConfig.parse({**LAYER, **layer}), REGISTRY)


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    return training_job({"prepared_dir": tmp_path_factory.mktemp("prepared")})


@pytest.fixture(scope="module")
def prepared(job):
    return job.prepare()


@pytest.fixture
def spec(job, prepared, tmp_path):
    """Return the spec of a whole run."""
    return Training(config=job.config, data=str(prepared.path), folder=str(tmp_path / "run"), whole=True)


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
    runner(replace(spec, encoding_search=encoding_search), SILENT)
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


def test_a_trial_that_another_process_holds_is_held_and_its_job_is_made_again(spec, runner, job):
    with pipeline.start(*runner._job(spec), Path(spec.folder)):
        assert runner(spec, SILENT).state == "held"
    assert runner(spec, SILENT).state == "done"
    assert Job.resolve(pickle.loads(pickle.dumps(job.config)), REGISTRY) == job  # noqa: S301 - our own bytes


@pytest.mark.parametrize("how", [{}, {"held_out": True}, {"train_rows": 500}])
def test_a_spec_alone_gives_the_training_in_memory(job, prepared, spec, tmp_path, how):
    spec = replace(spec, whole=False)
    problem = job.problem(prepared, divided(prepared) if "held_out" in how else None)
    if "train_rows" in how:
        problem = with_rows(problem, 500)
    expected = trained(problem, replace(spec, folder=str(tmp_path / "other")), SILENT)
    travelled = pickle.loads(pickle.dumps(replace(spec, **how)))  # noqa: S301 - our own bytes
    found = TrialRunner(REGISTRY)(travelled, SILENT)
    assert replace(found, seconds=0) == replace(expected, seconds=0)


KNOWN = REGISTRY.adding(ENGINES, "queued", Queued)


def test_problems_of_several_spaces_are_kept_apart(spec, runner, job, prepared, monkeypatch, tmp_path):
    config = job.config.model_dump(mode="json")
    wide = {"name": "shared-bottom", "embedding_dim": 4, "expert_layers": [16], "tower_layers": []}
    configs = [config, config | {"space": {"name": "mmoe"}}, config | {"space": wide}] * 2
    specs = [
        replace(spec, config=RunConfig.parse(c), whole=False, folder=str(tmp_path / f"{k}"))
        for k, c in enumerate(configs)
    ]
    alone = [
        TrialRunner(REGISTRY, prepared)(replace(s, folder=f"{s.folder} alone"), SILENT) for s in specs[:3]
    ]
    opened, problem = [], Job.problem
    monkeypatch.setattr(Job, "problem", lambda *given: opened.append(1) or problem(*given))
    found = [runner(one, SILENT) for one in specs]
    assert len({str(result.metrics) for result in alone}) == len(opened) == 3
    assert [result.metrics for result in found] == [result.metrics for result in alone] * 2


@pytest.mark.parametrize(
    ("workers", "engine", "made"),
    [(None, "queued", ("all", None)), (1, {"name": "queued", "queue": "night"}, ("night", 1))],
)
def test_an_engine_is_named_alone_or_with_settings(workers, engine, made, monkeypatch):
    engines = []
    executor = Queued.executor
    monkeypatch.setattr(
        Queued, "executor", lambda engine, run: engines.append(engine) or executor(engine, run)
    )
    with run_trial.executor_of(KNOWN, workers, engine) as running:
        assert running is not None
    assert [(one.settings.queue, one.workers) for one in engines] == [made]


@pytest.mark.parametrize(
    ("workers", "engine", "error", "text"),
    [
        (0, None, UsageError, "0 workers"),
        (2, "quick", UnknownNameError, "no engine is called 'quick'; known: processes, queued"),
        (2, {"address": "auto"}, UsageError, "engine.address is not a setting"),
        (2, {"name": "queued", "queue": 3}, UsageError, "engine.queue"),
    ],
)
def test_wrong_engines_are_errors(workers, engine, error, text):
    with pytest.raises(error, match=text), run_trial.executor_of(KNOWN, workers, engine):
        pass
