"""Comparisons: what is done once, in which order, and what is reported."""

import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from stopping import StopAfter

from automtl_comparison import samples
from automtl_comparison.cells import CellBegan
from automtl_comparison.compare import compare, task_facts
from automtl_comparison.document import Comparison
from automtl_comparison.measured import Failed, Measured, TaskFacts
from automtl_comparison.splits import split_of
from automtl_core.data.part import Part
from automtl_core.dataset.schema import Task
from automtl_core.errors import (
    ArtifactError,
    AutoMTLError,
    DivergedError,
    OutOfMemoryError,
    StorageError,
    UsageError,
)
from automtl_core.tasks.kinds import task_kind
from automtl_core.workflow import pipeline

NAN = np.nan


def without_times(found):
    """Return a comparison as JSON without what differs between equal runs."""
    if isinstance(found, Comparison):
        return without_times(found.to_json())
    if isinstance(found, dict):
        return {k: without_times(v) for k, v in found.items() if "second" not in k}
    return [without_times(v) for v in found] if isinstance(found, list) else found


def began(act):
    """Return a listener that calls `act` with each cell that is begun."""

    def hear(event):
        if isinstance(event, CellBegan):
            act(event.cell, event.which)
        return True

    return hear


def test_what_models_leave_open_is_answered_on_each_split_before_anything_is_trained(
    tiny, bench, both_splits
):
    told = []

    def resolve_auto(job, prepared, then):
        assert worked == []
        told.append((split_of(job), prepared))
        return job.having(training=job.config.training.model_copy(update={"embedding_decay": 0.5}))

    made, worked = bench(splits=both_splits, resolve_auto=resolve_auto)
    found = compare(tiny(), [0], 0, "one.yaml", made)
    assert told == [(split, both_splits[split]) for split in (0, 1) for _ in ("one", "two")]
    for model in found.models.values():
        assert [recipe["training.embedding_decay"] for recipe in model.recipes.values()] == [0.5, 0.5]


def test_a_stopped_comparison_goes_on_without_redoing_anything(tiny, bench, count, whole):
    epochs = 5
    made, _ = bench(StopAfter(epochs))
    with pytest.raises(KeyboardInterrupt):
        compare(tiny(), [0, 1], 0, "one.yaml", made)

    made, worked = bench(count)
    found = compare(tiny(), [0, 1], 0, "one.yaml", made)
    assert worked == [("two.yaml", 0), ("one.yaml", 1), ("two.yaml", 1)], "only cells that are not done"
    assert count.epochs == 12 - epochs, "and they go on from their last epoch"
    assert without_times(found) == without_times(whole[0])


def test_a_longer_comparison_adds_only_what_is_new_and_finds_all_again(tiny, bench):
    made, worked = bench()
    compare(tiny(), [0], 0, "one.yaml", made)
    assert worked == [("one.yaml", 0), ("two.yaml", 0)]
    made, worked = bench()
    found = compare(tiny("desan:pd-darts-entropy"), [0, 1], 0, "one.yaml", made)
    assert worked == [
        ("desan:pd-darts-entropy", 0),
        ("one.yaml", 1),
        ("two.yaml", 1),
        ("desan:pd-darts-entropy", 1),
    ]
    again, worked = bench()
    assert compare(tiny("desan:pd-darts-entropy"), [0, 1], 0, "one.yaml", again) == found
    assert worked == []


def test_splits_add_cells_and_leave_those_of_the_first_one_as_they_are(
    tiny, bench, both_splits, whole, tmp_path
):
    alone, folder = whole
    shutil.copytree(folder, tmp_path / "out")
    told = []
    made, _ = bench(
        began(lambda cell, which: told.append((cell.model, cell.seed, cell.split, which))), both_splits
    )
    found = compare(tiny(), [0, 1], 0, "one.yaml", made)
    assert told == [
        ("one.yaml", 0, 1, "cell 5 of 8"),
        ("two.yaml", 0, 1, "cell 6 of 8"),
        ("one.yaml", 1, 1, "cell 7 of 8"),
        ("two.yaml", 1, 1, "cell 8 of 8"),
    ]
    cells = found.models["one.yaml"].cells
    assert [(cell.split, cell.seed) for cell in cells] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert cells[:2] == alone.models["one.yaml"].cells
    assert found.splits[0] == alone.splits[0]
    assert found.splits[1].fingerprint == both_splits[1].manifest["fingerprint"]
    assert found.splits[1].tasks != found.splits[0].tasks, "other rows have other labels"
    base, noise = alone.noises["one.yaml"]["two.yaml"]["mean"], found.noises["one.yaml"]["two.yaml"]["mean"]
    assert 0.4 < noise.error / base.error < 1, "twice the test rows"


def test_each_split_has_its_own_recipe_of_its_own_validation_rows(tiny, bench, both_splits):
    told = []
    made, _ = bench(began(lambda cell, which: told.append((cell.split, which))), both_splits)
    job = {"one.yaml": tiny()["one.yaml"]}
    found = compare(job, [0], 2, "one.yaml", made)
    trials = ["trial 1 of 2", "trial 2 of 2"]
    assert [which for split, which in told if split == 0][:2] == trials
    assert [which for split, which in told if split == 1][:2] == trials
    assert set(found.models["one.yaml"].recipes) == {0, 1}


def test_a_model_is_not_distinguishable_from_itself(tiny, bench):
    made, _ = bench()
    job = tiny()["one.yaml"]
    found = compare({"one.yaml": job, "again": job}, [0], 0, "one.yaml", made)
    words = "not distinguishable from one.yaml (+0.0000, p 1.00 over rows); equal FLOPs"
    assert found.verdicts() == {"again": words}


def test_nothing_is_tested_before_everything_is_trained(tiny, bench, monkeypatch):
    events = []
    run = pipeline.run

    def watched(work, stages, **how):
        events.append("test" if stages == pipeline.TESTED else "fit")
        return run(work, stages, **how)

    monkeypatch.setattr(pipeline, "run", watched)
    made, _ = bench()
    compare(tiny(), [0], 2, "one.yaml", made)
    assert events == ["fit"] * events.count("fit") + ["test"] * 2


def test_a_model_that_diverges_is_reported_and_the_others_go_on(tiny, bench, monkeypatch):
    run = pipeline.run

    def diverge(work, *rest, **how):
        config = work.job.config
        if config.space.settings["expert_layers"] == [12] and config.seed == 1:
            raise DivergedError("the loss became nan")
        run(work, *rest, **how)

    monkeypatch.setattr(pipeline, "run", diverge)
    made, _ = bench()
    found = compare(tiny(), [0, 1, 2], 0, "one.yaml", made)
    assert [isinstance(cell, Failed) for cell in found.models["two.yaml"].cells] == [False, True, False]
    assert found.models["two.yaml"].cells[1].error == "the loss became nan"
    monkeypatch.undo()
    made, worked = bench()
    again = compare(tiny(), [0, 1, 2], 0, "one.yaml", made)
    assert worked == [], "it would diverge again"
    assert again == found
    # differences are taken over the two seeds that both have
    scores = {
        name: [cell.test["click"].values["auc"] for cell in model.tested if cell.seed != 1]
        for name, model in found.models.items()
    }
    expected = sum(scores["two.yaml"]) / 2 - sum(scores["one.yaml"]) / 2
    assert found.differences("one.yaml")["two.yaml"]["click"].mean == pytest.approx(expected)


def test_a_cell_that_fails_leaves_its_error_and_the_others_go_on(tiny, bench, monkeypatch):
    run = pipeline.run

    def fail(work, *rest, **how):
        config = work.job.config
        if config.space.settings["expert_layers"] == [8] and config.seed == 0:
            raise OutOfMemoryError("out of memory: 9 TiB", "lower training.batch_size")
        run(work, *rest, **how)

    monkeypatch.setattr(pipeline, "run", fail)
    made, _ = bench()
    found = compare(tiny(), [0, 1], 0, "one.yaml", made)
    assert found.failed == ["one.yaml, seed 0, split 0: out of memory: 9 TiB; lower training.batch_size"]
    assert [isinstance(cell, Failed) for model in found.models.values() for cell in model.cells] == [
        True, False, False, False,
    ]  # fmt: skip
    assert found.differences("one.yaml")["two.yaml"]["click"].p is not None, "of the seed that both have"
    assert Comparison.from_json(found.to_json()) == found
    monkeypatch.undo()
    made, worked = bench()
    again = compare(tiny(), [0, 1], 0, "one.yaml", made)
    assert worked == [("one.yaml", 0)], "the cell that failed is tried again"
    assert again.failed == []


def test_a_cell_that_is_damaged_after_its_training_leaves_the_others(tiny, bench, monkeypatch):
    made, _ = bench()
    jobs = tiny()
    compare(jobs, [0], 0, "one.yaml", made)
    cell = made.cell("one.yaml", jobs["one.yaml"])
    (cell.path / "resampled.safetensors").unlink()

    def damaged(*given):
        raise ArtifactError(f"{cell.path / 'weights.safetensors'}: damaged", "restore it from a copy")

    monkeypatch.setattr(samples, "predict_logits", damaged)
    found = compare(jobs, [0], 0, "one.yaml", made)
    assert [type(cell) for model in found.models.values() for cell in model.cells] == [Failed, Measured]
    assert f"damaged; remove the folder {cell.path}, and repeat" in found.failed[0]


def test_an_error_of_the_disk_ends_a_comparison(tiny, bench, monkeypatch):
    def full(*given, **how):
        raise StorageError("the disk is full", "free some space")

    monkeypatch.setattr(pipeline, "run", full)
    made, _ = bench()
    with pytest.raises(StorageError):
        compare(tiny(), [0, 1], 0, "one.yaml", made)


def test_open_choices_are_refused_before_anything_is_trained(tiny, bench):
    made, worked = bench()
    with pytest.raises(UsageError, match="choices open"):
        compare(tiny("desan"), [0], 0, "one.yaml", made)
    assert worked == []


@pytest.mark.parametrize(
    ("model", "changes", "told"),
    [
        ("desan", {}, "choices open"),
        ("desan:pd-darts-entropy", {"space": {"ops": ["mlp64"]}}, "no op is called 'mlp64'"),
    ],
)
def test_all_models_are_checked_before_anything_is_looked_up(tiny, bench, model, changes, told):
    encoding_search = []
    made, _ = bench(resolve_auto=lambda job, prepared: encoding_search.append(job) or job)
    with pytest.raises(AutoMTLError, match=told):
        compare(tiny(model, **changes), [0], 0, "one.yaml", made)
    assert encoding_search == []


def test_rare_tasks_are_marked_and_not_averaged(whole):
    found, _ = whole
    counting = [task for task, facts in found.tasks.items() if facts.counts]
    assert counting == [task for task, facts in found.tasks.items() if facts.positives >= 30]
    assert 0 < len(counting) < 4
    auc = task_kind("binary").score
    for name in found.models:
        summaries = found.summaries(name, auc)
        mean = sum(summaries[task].mean for task in counting) / len(counting)
        assert summaries["mean"].mean == pytest.approx(mean)


def test_without_a_task_that_says_something_there_is_no_mean(tiny, bench):
    made, _ = bench()
    found = compare(tiny(training={"min_positives": 1000}), [0], 0, "one.yaml", made)
    assert "mean" not in found.to_json()["models"]["one.yaml"]["auc"]


LABELS = {
    Task("click"): [1.0] * 40 + [0.0] * 40 + [NAN] * 20,
    Task("buy"): [1.0] * 5 + [0.0] * 95,
    Task("stay"): [1.0] * 95 + [0.0] * 5,
    Task("price", kind="regression"): [0.5] * 60 + [NAN] * 40,
    Task("age", kind="regression"): [1.0] * 9 + [NAN] * 91,
}


def test_only_rows_that_have_the_label_count():
    labels = np.array(list(LABELS.values()), np.float32).T
    part = Part(np.zeros((100, 1), np.int32), np.zeros((100, 0), np.float32), labels)
    prepared = SimpleNamespace(schema=SimpleNamespace(tasks=tuple(LABELS)), part={"test": part}.__getitem__)
    assert task_facts(prepared, 30) == {
        "click": TaskFacts("binary", 40, 80, True),
        "buy": TaskFacts("binary", 5, 100, False),
        "stay": TaskFacts("binary", 95, 100, False),
        "price": TaskFacts("regression", None, 60, True),
        "age": TaskFacts("regression", None, 9, False),
    }
