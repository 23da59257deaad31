"""Fits of networks whose tasks share nothing: each task as if alone."""

import pytest
import torch

from automtl_baselines.mlps import SingleTask
from automtl_core.choices import Architecture
from automtl_core.data.part import Part
from automtl_core.dataset.schema import Schema, Task
from automtl_core.training.events import EventHandler
from automtl_core.training.fit import Fit, TrainingData

from .fits import assert_resumes, make, run, script, weights


def test_separate_tasks_keep_the_best_epoch_of_each(separate, monkeypatch):
    # click is best after the first epoch, like after the third
    script(monkeypatch, [(0.8, 0.6), (0.7, 0.5), (0.7, 0.7), (0.7, 0.6), (0.7, 0.6)])
    fit = make(separate, patience=2)
    watch = run(fit)
    assert [(kept.prefix, kept.epoch) for kept in fit.common] == [("tasks.0.", 1), ("tasks.1.", 3)]
    assert (fit.best["click"].values["auc"], fit.best["like"].values["auc"]) == (0.8, 0.7)
    for task, epoch in enumerate((1, 3)):
        assert torch.equal(weights(fit.network.tasks[task]), watch.weights[epoch - 1][task])
        assert not torch.equal(watch.weights[0][task], watch.weights[2][task])


def test_patience_counts_from_the_last_epoch_at_which_any_separate_task_got_better(separate, monkeypatch):
    # the mean falls from the second epoch on, while like gets better up to the fourth
    script(monkeypatch, [(0.9, 0.60), (0.6, 0.61), (0.6, 0.62), (0.6, 0.63), (0.6, 0.6), (0.6, 0.6)])
    fit = make(separate, patience=2)
    assert len(run(fit).reports) == 6
    assert fit.best_epoch == 4


def test_a_rare_task_that_is_separate_decides_for_itself(separate, monkeypatch):
    script(monkeypatch, [(0.6, 0.6), (0.7, 0.5), (0.5, 0.8)], positives=(100, 5))
    fit = make(separate, epochs=3, min_positives=50)
    run(fit)
    assert [kept.epoch for kept in fit.common] == [2, 3]


def only(part, task):
    return Part(part.ids, part.dense, part.labels[:, task : task + 1])


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("task", [0, 1])
def test_separate_tasks_are_trained_as_if_alone(separate, task, average):
    space, data, name = separate.space, separate.data, separate.data.tasks[task].name
    schema = Schema(space.schema.sparse, space.schema.dense, (Task(name),))
    recipe = separate.recipe.model_copy(update={"epochs": 4, "patience": 4, "average_weights": average})
    # float64, since Adam makes steps of the rounding errors in the gradients of biases before a normalisation
    both = space.network(Architecture({})).double()
    one = SingleTask(schema, space.settings, space.op).network(Architecture({})).double()
    one.tasks[0].load_state_dict(both.tasks[task].state_dict())
    alone = TrainingData(only(data.train, task), only(data.validation, task), schema.tasks)
    together = Fit(both, data, recipe, separate.seed, separate.compute).run(EventHandler())[name]
    apart = Fit(one, alone, recipe, separate.seed, separate.compute).run(EventHandler())[name]
    assert apart.to_json() == pytest.approx(together.to_json())
    for left, right in zip(
        one.tasks[0].state_dict().values(), both.tasks[task].state_dict().values(), strict=True
    ):
        assert torch.allclose(left, right, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("stop", [1, 3])
def test_separate_tasks_go_on_from_a_state_to_the_same_bytes(separate, tmp_path, stop):
    assert_resumes(separate, tmp_path / "state", stop, epochs=5, patience=2)
