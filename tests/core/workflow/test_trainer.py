"""The trainer needs nothing but a spec: it gives what a training in memory gives."""

import json
import pickle
from dataclasses import replace

import pytest

from automtl_core.choices import Architecture
from automtl_core.run_dir.config import RunConfig
from automtl_core.search.encoding.rows import divided
from automtl_core.search.train_trial import train_trial
from automtl_core.search.trial import TrialSpec
from automtl_core.training.events import SILENT
from automtl_core.workflow import trainer as module
from automtl_core.workflow.budget import with_rows
from automtl_core.workflow.job import Job
from automtl_core.workflow.trainer import Trainer

from .lines import REGISTRY

LAYER = {
    "space": {"name": "shared-bottom", "embedding_dim": 4, "expert_layers": [8], "tower_layers": []},
    "dataset": {"name": "synthetic", "rows": 2000},
    "training": {"batch_size": 256, "epochs": 2, "embedding_decay": 0.01},
    "features": "ids",
    "strategy": None,
}


def trained(layer):
    """Return the job of a training without a search."""
    return Job.resolve(RunConfig.parse({**LAYER, **layer}), REGISTRY)


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    return trained({"prepared_dir": tmp_path_factory.mktemp("prepared")})


@pytest.fixture(scope="module")
def prepared(job):
    return job.prepare()


@pytest.fixture
def spec(job, prepared, tmp_path):
    return TrialSpec(job.to_json(), str(prepared.path), str(tmp_path / "one"), Architecture({}).to_json())


def test_a_job_is_made_again_from_its_text(job):
    assert Job.of_json(json.loads(job.to_json()), REGISTRY) == job


@pytest.mark.parametrize("how", [{}, {"held_out": True}, {"train_rows": 500}])
def test_a_spec_alone_gives_the_training_in_memory(job, prepared, spec, tmp_path, how):
    problem = job.problem(prepared, divided(prepared) if "held_out" in how else None)
    if "train_rows" in how:
        problem = with_rows(problem, 500)
    expected = train_trial(problem, replace(spec, folder=str(tmp_path / "other")), SILENT)
    travelled = pickle.loads(pickle.dumps(replace(spec, **how)))  # noqa: S301 - our own bytes
    found = Trainer(REGISTRY)(travelled, SILENT)
    assert replace(found, seconds=0) == replace(expected, seconds=0)


def test_specs_that_share_a_problem_open_it_once(spec, prepared, monkeypatch):
    opened = []
    problem = Job.problem
    monkeypatch.setattr(Job, "problem", lambda *given: opened.append(1) or problem(*given))
    trainer = Trainer(REGISTRY, prepared)
    for epochs in (1, 2):
        trainer(replace(spec, max_epochs=epochs, loss_rows=epochs), SILENT)
    assert len(opened) == 1
    trainer(replace(spec, train_rows=500), SILENT)
    assert len(opened) == 2


def test_data_that_is_open_is_not_opened_again(spec, prepared, monkeypatch):
    monkeypatch.setattr(module.Prepared, "open", lambda path: pytest.fail(f"opens {path}"))
    Trainer(REGISTRY, prepared)(spec, SILENT)
