"""Soft labels: no row is predicted by a model that knows its label, and networks learn them beside labels."""

from dataclasses import replace

import numpy as np
import pytest

from automtl_core.errors import UsageError
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.run import Run
from automtl_core.settings.settings import Component
from automtl_core.tasks.kinds import judged_by
from automtl_core.workflow import teacher
from automtl_core.workflow.models import models
from automtl_core.workflow.teacher import FOLDS, folds_of, soft_labels
from automtl_testing.samples import plain_schema, sample_problem, sample_schema

from .lines import REGISTRY, TRAINING, begin, contents, go_on, stopped

ROWS = 400


def test_folds_follow_the_rule_of_the_split():
    drawn = folds_of(5000, 0, None, None)
    assert np.bincount(drawn, minlength=FOLDS).min() > 900
    assert not np.array_equal(drawn, folds_of(5000, 1, None, None))
    users = np.random.default_rng(0).integers(1, 300, 5000).astype(np.int32)
    of_users = folds_of(5000, 0, None, users)
    assert all(len(set(of_users[users == user])) == 1 for user in set(users.tolist()))
    assert set(of_users) == set(range(FOLDS))
    times = np.random.default_rng(0).permutation(5000).astype(np.int32)
    assert np.array_equal(folds_of(5000, 0, times, None), times // 1000)


def problem_of(schema=None):
    """Return the problem of a small model without choices."""
    sizes = {"name": "shared-bottom", "expert_layers": [8], "tower_layers": [], "embedding_dim": 4}
    space = load_registry().space(Component.model_validate(sizes), schema or plain_schema())
    return sample_problem(space, ROWS, epochs=2)


def changed(part, rows):
    """Return a part with other labels of some rows."""
    labels = np.array(part.labels)
    labels[rows] = 1 - labels[rows]
    return replace(part, labels=labels)


@pytest.mark.parametrize("ordered", [False, True])
def test_a_row_is_predicted_by_models_that_do_not_know_its_label(ordered):
    problem = problem_of()
    times = np.arange(ROWS, dtype=np.int32) if ordered else None
    folds = folds_of(ROWS, 0, times, None)

    def soft(train, validation=None):
        data = replace(problem.data, train=train, validation=validation or problem.data.validation)
        return soft_labels({"m": replace(problem, data=data)}, folds, times, 0)

    rows, validation = problem.data.train, problem.data.validation
    before = soft(rows)
    assert np.array_equal(soft(rows, changed(validation, slice(None))), before, equal_nan=True), (
        "validation rows neither teach nor stop"
    )
    for fold in (0, 3):
        after = soft(changed(rows, folds == fold))
        own = folds <= fold if ordered else folds == fold
        assert np.array_equal(after[own], before[own], equal_nan=True)
        assert not np.array_equal(after[~own], before[~own])
    assert (
        np.isnan(before).any(1).tolist() == (folds == 0).tolist() if ordered else not np.isnan(before).any()
    )
    known = before[~np.isnan(before)]
    assert ((known > 0) & (known < 1)).all()


def test_tasks_that_a_metric_judges_have_a_teacher_and_folds_have_whole_lists():
    lists = (np.arange(ROWS) // 4).astype(np.int32)
    folds = folds_of(ROWS, 0, None, lists)
    assert all(len(set(folds[lists == one])) == 1 for one in range(1, ROWS // 4))
    assert len(set(folds[lists == 0])) > 1, "rows without a list are drawn alone"
    problem = problem_of()
    data = problem.data
    tasks = [replace(task, kind=judged_by(task.kind, "gauc")) for task in data.tasks]
    parts = {"train": replace(data.train, lists=lists), "validation": data.validation}
    soft = soft_labels({"m": replace(problem, data=replace(data, tasks=tasks, **parts))}, folds, None, 0)
    assert ((soft > 0) & (soft < 1)).all()


def test_several_models_teach_their_mean_and_tasks_of_other_kinds_have_no_teacher():
    problem = problem_of(sample_schema(regression=True))
    folds, other = folds_of(ROWS, 0, None, None), replace(problem, recipe=problem.recipe.model_copy())
    one, two = (soft_labels({name: problem}, folds, None, 0) for name in ("a", "b"))
    both = soft_labels({"a": problem, "b": other}, folds, None, 0)
    assert np.allclose(both, (one + two) / 2, atol=1e-6)
    kinds = [task.kind for task in problem.data.tasks]
    assert np.isnan(both).all(0).tolist() == [kind not in ("binary", "regression") for kind in kinds]
    assert "regression" in kinds


SMALL = {"expert_layers": [8], "tower_layers": [], "embedding_dim": 4}
TRAINED = {"batch_size": 128, "epochs": 3, "teacher": ["shared-bottom"], "embedding_decay": 0.01}


def jobs_of(folder, *names, **training):
    """Return the jobs of models that `shared-bottom` teaches."""
    layer = {"prepared_dir": folder / "prepared", "dataset": {"name": "synthetic", "rows": 600}}
    layer |= {"features": "ids", "space": SMALL, "training": {**TRAINED, **training}}
    return models(names, REGISTRY, layer)


def job_of(folder, **training):
    return jobs_of(folder, "mmoe", **training)["mmoe"]


def test_a_run_learns_soft_labels_once_and_goes_on_to_the_same_bytes(tmp_path, monkeypatch):
    whole = begin(job_of(tmp_path), tmp_path / "whole")
    assert len(list(tmp_path.glob("prepared/*/teacher-*.npy"))) == 1
    alone = begin(job_of(tmp_path, teacher=[]), tmp_path / "alone")
    assert contents(alone, ["weights.safetensors"]) != contents(whole, ["weights.safetensors"])
    zero = begin(job_of(tmp_path, teacher_weight=0.0), tmp_path / "zero")
    assert contents(zero, ["weights.safetensors"]) == contents(alone, ["weights.safetensors"])
    monkeypatch.setattr(teacher, "soft_labels", None)  # they are on disk
    half = stopped(job_of(tmp_path), tmp_path / "half", 2)
    go_on(job_of(tmp_path), half)
    assert contents(half, TRAINING) == contents(whole, TRAINING)
    assert Run.open(half.path).config().training.teacher == ("shared-bottom",)


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (["mmoee"], "did you mean 'mmoe'"),
        (["desan"], "desan leaves"),
        (["average"], "average is the mean of several models"),
    ],
)
def test_what_cannot_teach(tmp_path, models, message):
    job = job_of(tmp_path, teacher=models)
    with pytest.raises(UsageError, match=message):
        job.checked(plain_schema())


@pytest.mark.needs_extra("boosting")
def test_trees_of_a_comparison_are_not_taught(tmp_path):
    jobs = jobs_of(tmp_path, "mmoe", "boosting")
    prepared = jobs["mmoe"].prepare()
    assert jobs["boosting"].problem(prepared).data.train.soft is None
    assert jobs["mmoe"].problem(prepared).data.train.soft is not None
