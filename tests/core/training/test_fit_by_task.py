"""Fits that keep the best weights of each task."""

import pytest
import torch

from automtl_core.data.part import Part
from automtl_core.modules.by_task import PLACES, ByTask, shaped_for
from automtl_core.training.loop import predict

from .fits import assert_resumes, make, run, script, weights


def test_a_task_with_another_best_epoch_has_weights_of_its_own(problem, monkeypatch):
    # the mean is best after the second epoch, click after the first, like after the third
    script(monkeypatch, [(0.8, 0.5), (0.75, 0.7), (0.6, 0.72), (0.6, 0.6), (0.6, 0.6)])
    fit = make(problem, checkpoints="task", patience=2)
    watch = run(fit)
    assert len(watch.reports) == 5, "patience counts from the last epoch at which any task got better"
    assert isinstance(fit.network, ByTask)
    assert fit.network.places == (1, 2)
    assert (fit.best_epoch, fit.best["click"].values["auc"], fit.best["like"].values["auc"]) == (3, 0.8, 0.72)
    for place, epoch in enumerate((2, 1, 3)):
        for task in (0, 1):
            kept = weights(fit.network.networks[place].tasks[task])
            assert torch.equal(kept, watch.weights[epoch - 1][task])
    part: Part = problem.data.validation
    columns = [
        predict(fit.network.networks[place], part, 64, problem.compute)[:, task]
        for task, place in enumerate(fit.network.places)
    ]
    both = predict(fit.network, part, 64, problem.compute)
    assert all((both[:, task] == column).all() for task, column in enumerate(columns))


@pytest.mark.parametrize("like", [[0.5, 0.7, 0.7004], [0.5, 0.7, 0.6]])
def test_a_gain_that_the_choice_of_an_epoch_may_explain_needs_no_weights(problem, monkeypatch, like):
    script(monkeypatch, zip([0.7, 0.7, 0.6], like, strict=True))
    fit = make(problem, checkpoints="task", epochs=3, patience=3)
    run(fit)
    assert fit.network is fit.trained
    assert fit.best["like"].values["auc"] == 0.7


def test_a_rare_task_keeps_the_weights_of_all_tasks(problem, monkeypatch):
    script(monkeypatch, [(0.6, 0.9), (0.7, 0.5), (0.6, 0.6)], positives=(100, 5))
    fit = make(problem, checkpoints="task", epochs=3, patience=3, min_positives=50)
    run(fit)
    assert fit.network is fit.trained
    assert (fit.best_epoch, fit.best["like"].values["auc"]) == (2, 0.5)


@pytest.mark.parametrize("stop", [1, 3])
def test_goes_on_from_a_state_to_the_same_bytes(problem, tmp_path, stop):
    assert_resumes(problem, tmp_path / "state", stop, epochs=5, patience=3, checkpoints="task")


def test_weights_of_several_epochs_are_loaded_into_as_many_copies(problem, monkeypatch):
    script(monkeypatch, [(0.8, 0.5), (0.75, 0.7)])
    fit = make(problem, checkpoints="task", epochs=2, patience=2)
    run(fit)
    state = fit.network.state_dict()
    assert state[PLACES].tolist() == [1, 0]
    loaded = shaped_for(make(problem).network, state)
    loaded.load_state_dict(state)
    part = problem.data.validation
    one, other = (predict(network, part, 64, problem.compute) for network in (loaded, fit.network))
    assert (one == other).all()
    plain = make(problem).network
    assert shaped_for(plain, plain.state_dict()) is plain
