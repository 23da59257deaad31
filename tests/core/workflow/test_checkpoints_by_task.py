"""Runs whose tasks have weights of different epochs: stored, tested, exported, resumed, searched on from."""

from dataclasses import replace

import numpy as np
import pytest

from automtl_core.modules.by_task import ByTask
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.facts import Result
from automtl_core.training import fit
from automtl_core.workflow.evaluation import predict_logits
from automtl_core.workflow.trained import Trained
from automtl_core.workflow.warm_start import read_warm_start
from automtl_export.folder import export

from .lines import REGISTRY, begin, contents, go_on, make_job, stopped

BY_TASK = {
    "training": {"checkpoints": "task", "epochs": 4, "min_positives": 1},
}


@pytest.fixture(autouse=True)
def any_gain(monkeypatch):
    """Give each task its own weights, however small its gain is."""
    monkeypatch.setattr(fit, "OWN_GAIN", -1.0)


@pytest.mark.needs_extra("onnx")
def test_copies_are_stored_tested_exported_and_searched_on_from(tmp_path):
    job = make_job(tmp_path, BY_TASK)
    run, prepared = begin(job, tmp_path / "run"), job.prepare()
    made = Trained.of(run, job.registry)
    assert isinstance(made.network, ByTask)
    assert run.read(Result).copies == len(made.network.networks) > 1
    logits = predict_logits(job, run, prepared)
    for task, place in enumerate(made.network.places):
        alone = replace(made, network=made.network.networks[place])
        assert np.array_equal(alone.predict_logits(prepared.part("test"))[:, task], logits[:, task])
    exported = export(run, made, "onnx", tmp_path / "out", "card", load_registry())
    assert exported.largest_difference < 1e-5
    first = read_warm_start(run.path, prepared.encoder, REGISTRY).network
    assert first.state_dict().keys() == made.network.networks[0].state_dict().keys()


def test_a_stopped_run_goes_on_to_the_same_bytes(tmp_path):
    job = make_job(tmp_path, BY_TASK)
    whole, half = begin(job, tmp_path / "whole"), stopped(job, tmp_path / "half", 2)
    go_on(job, half)
    assert contents(half) == contents(whole)
