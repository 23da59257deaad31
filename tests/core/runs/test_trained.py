"""What a run made predicts examples, from its folder alone."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from automtl_core.errors import ArtifactError, DataError
from automtl_core.runs.pipeline import said
from automtl_core.runs.trained import Trained, load_weights, predictions
from automtl_core.schema import Task

from .lines import begin, make_job


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    return make_job(folder), begin(make_job(folder), folder / "run")


def test_it_predicts_frames_by_their_index_and_looks_at_no_label(run):
    job, finished = run
    prepared = job.prepare()
    examples = pd.DataFrame(prepared.encoder.decode(prepared.part("test")))
    examples["click"] = "not a label"
    examples.index = examples.index[::-1]
    found = Trained.of(job, finished).predict(examples)
    assert list(found.columns) == ["click", "like", "skip", "hide"]
    assert list(found.index) == list(examples.index)
    assert np.array_equal(found.to_numpy(), expit(said(job, finished, prepared)))
    with pytest.raises(DataError, match="the examples lack 'item_id'"):
        Trained.of(job, finished).predict(examples.drop(columns="item_id"))


def test_binary_tasks_have_probabilities_and_regressions_their_unit():
    tasks = (Task("click"), Task("spent", kind="regression", mean=5.0, deviation=2.0))
    assert predictions(tasks, np.array([[0.0, 0.0], [1.0, -1.0]])) == pytest.approx(
        np.array([[0.5, 5.0], [0.73105858, 3.0]])
    )


def test_weights_of_another_network_are_refused(run):
    job, finished = run
    weights = finished.weights()
    weights.popitem()
    network = job.space(finished.encoder()).network(finished.architecture())
    with pytest.raises(ArtifactError, match="do not fit the architecture"):
        load_weights(network, weights, finished.path)
