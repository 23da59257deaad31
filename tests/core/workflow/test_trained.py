"""What a run made predicts examples, from its folder alone."""

import numpy as np
import pytest

from automtl_core.dataset.schema import Task
from automtl_core.errors import ArtifactError, DataError
from automtl_core.workflow.evaluation import predict_logits
from automtl_core.workflow.trained import Trained, predictions, restored

from .lines import begin, make_job


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    return make_job(folder), begin(make_job(folder), folder / "run")


def test_it_says_what_the_network_said_and_looks_at_no_label(run):
    job, finished = run
    prepared = job.prepare()
    examples = prepared.encoder.decode(prepared.part("test")) | {"click": ["not a label"] * 200}
    made = Trained.of(finished, job.registry)
    assert [task.name for task in made.tasks] == ["click", "like", "skip", "hide"]
    found = made.predict_logits(made.encoder.encode(examples, labelled=False))
    assert np.array_equal(found, predict_logits(job, finished, prepared))
    with pytest.raises(DataError, match="column 'click'"):
        made.encoder.encode(examples)


def test_binary_tasks_have_probabilities_and_regressions_their_unit():
    tasks = (Task("click"), Task("spent", kind="regression", mean=5.0, deviation=2.0))
    assert predictions(tasks, np.array([[0.0, 0.0], [1.0, -1.0]])) == pytest.approx(
        np.array([[0.5, 5.0], [0.73105858, 3.0]])
    )


def test_weights_of_another_network_are_refused(run, monkeypatch):
    job, finished = run
    weights = finished.weights()
    weights.popitem()
    monkeypatch.setattr(type(finished), "weights", lambda _: weights)
    with pytest.raises(ArtifactError, match="do not fit the architecture"):
        restored(job.space(finished.encoder()), finished, job.compute())
