"""A comparison is asked for by names."""

import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from stopping import StopAfter

from automtl_comparison import cells
from automtl_comparison.cells import split_of
from automtl_comparison.document import Comparison
from automtl_comparison.spec import FILE, ComparisonSpec, compare, take, task_facts
from automtl_core.data.part import Part
from automtl_core.dataset.schema import Task
from automtl_core.errors import (
    ArtifactError,
    AutoMTLError,
    DivergedError,
    OutOfMemoryError,
    RunExistsError,
    StorageError,
    UsageError,
)
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.run import Run
from automtl_core.search.trial import TrialBegan
from automtl_core.tasks.kinds import task_kind
from automtl_core.training.events import Warned
from automtl_core.training.metrics import TaskMetrics
from automtl_core.workflow import pipeline
from automtl_core.workflow.workflow import Workflow

SMALL = {"dataset": {"name": "synthetic", "rows": 600}, "training": {"epochs": 1, "min_positives": 1}}


def compared(wanted, tmp_path):
    worked = []

    def hear(event):
        if isinstance(event, TrialBegan) and event.title:
            which, model = event.title.partition(",")[0].split(": ")
            worked.append((model, which))
        return True

    workflow = Workflow(load_registry(), hear)
    found, out = wanted.compared(workflow, [SMALL, {"prepared_dir": tmp_path / "prepared"}])
    return found, out, worked


def test_cells_are_kept_in_the_folder(tmp_path):
    wanted = ComparisonSpec(["shared-bottom"], seeds=1, out=tmp_path / "out")
    found, out, worked = compared(wanted, tmp_path)
    assert worked == [("shared-bottom", "cell 1 of 1")]
    assert found.reference == "shared-bottom"
    assert {path.name for path in out.iterdir()} == {"cells", "cells.json", "configuration.json"}
    _, _, worked = compared(wanted, tmp_path)
    assert worked == []


@pytest.mark.parametrize(
    ("workers", "trials", "splits", "in_turn"), [(2, 0, 1, 2), (8, 0, 1, 1), (2, 3, 2, 7)]
)
def test_workers_share_the_time(workers, trials, splits, in_turn):
    def models(names, layers, lowest):
        raise TimeoutError(layers[-1]["time_budget"])

    wanted = ComparisonSpec(["shared-bottom"], 3, splits, trials, seconds=3600, workers=workers)
    with pytest.raises(TimeoutError) as asked:
        wanted.compared(SimpleNamespace(models=models, registry=load_registry()), [SMALL])
    assert asked.value.args == (3600 / in_turn,)


def test_rare_tasks_and_leaks_are_named_once_before_any_training(tmp_path):
    events = []
    data = tmp_path / "data"
    data.mkdir()
    rows = "".join(f"u{n % 40},{n % 3 == 0:d},{n % 3 == 0:d},{n % 50 == 0:d}\n" for n in range(900))
    (data / "rows.csv").write_text("user,seen,click,buy\n" + rows)
    table = {"name": "table", "files": "rows.csv", "sparse": ["user", "seen"], "labels": ["click", "buy"]}
    spec = ComparisonSpec(["shared-bottom"], seeds=2, splits=2, out=tmp_path / "out")
    workflow = Workflow(load_registry(), lambda event: events.append(event) or True)
    layer = {"dataset": table, "data_dir": data, "prepared_dir": tmp_path / "prepared"}
    spec.compared(workflow, [layer, {"training": {"epochs": 1, "min_positives": 20}, "features": "ids"}])
    warned = [event.sentence for event in events if isinstance(event, Warned)]
    first = next(n for n, event in enumerate(events) if isinstance(event, TrialBegan))
    assert not any(isinstance(event, Warned) for event in events[first:])
    assert sum("early stopping monitors click only" in text for text in warned) in (1, 2), (
        "one for each split"
    )
    assert 1 <= sum("seen alone predicts click" in text for text in warned) <= 2


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (ComparisonSpec([]), "no model to compare"),
        (
            ComparisonSpec(["mmoe"], reference="mmoo"),
            r"the reference 'mmoo' is not one of the models \(did you mean 'mmoe'",
        ),
    ],
)
def test_what_cannot_be_is_told(tmp_path, wanted, told):
    with pytest.raises(UsageError, match=told):
        compared(wanted, tmp_path)


def test_a_run_is_compared_on_the_inputs_that_it_was_found_on(tmp_path):
    line, prepared = Workflow(load_registry()), {"prepared_dir": tmp_path / "prepared"}
    inputs = {"aggregates": [["engage_left", "engage_right"], "user_id"]}
    small = {**SMALL, **prepared, "features": inputs, "training": {"epochs": 1, "embedding_decay": 0.5}}
    run = line.search(line.model("shared-bottom", [small]), tmp_path, "run").path
    found, out, _ = compared(ComparisonSpec(["mmoe", str(run)], seeds=1, out=tmp_path / "out"), tmp_path)
    configs = [Run.open(out / "cells" / cell.run).config() for m in found.models.values() for cell in m.cells]
    assert [config.features for config in configs] == [Run.open(run).config().features] * 2
    assert [config.training.embedding_decay for config in configs] == [0.5] * 2


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
        if isinstance(event, TrialBegan):
            which, model, *seeds = re.match(r"(.*?): (.*), seed (\d+), split (\d+): ", event.title).groups()
            seed, split = map(int, seeds)
            act(SimpleNamespace(model=model, seed=seed, split=split), which)
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
    searched = "desan:pd-darts-entropy"
    assert worked == [(searched, 0), ("one.yaml", 1), ("two.yaml", 1), (searched, 1)]
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
    order = [(name, seed) for seed in (0, 1) for name in ("one.yaml", "two.yaml")]
    assert told == [(*cell, 1, f"cell {number} of 8") for number, cell in enumerate(order, 5)]
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


def test_nothing_is_tested_before_everything_is_trained(tiny, bench, monkeypatch):
    events = []
    run = pipeline.run

    def watched(work, **how):
        events.append("test" if how["tests"] else "fit")
        return run(work, **how)

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
    assert [cell.error is not None for cell in found.models["two.yaml"].cells] == [False, True, False]
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
    assert [cell.error is not None for _, cell in found.cells] == [
        True, False, False, False,
    ]  # fmt: skip
    assert found.differences("one.yaml")["two.yaml"]["click"].p is not None, "of the seed that both have"
    assert Comparison.from_json(found.to_json(), "") == found
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
    (cell.path / cells.FILE).unlink()

    def damaged(*given):
        raise ArtifactError(f"{cell.path / 'weights.safetensors'}: damaged", "restore it from a copy")

    monkeypatch.setattr(cells, "predict_logits", damaged)
    found = compare(jobs, [0], 0, "one.yaml", made)
    assert [cell.error is None for _, cell in found.cells] == [False, True]
    assert f"damaged; remove the folder {cell.path}, and repeat" in found.failed[0]


def test_an_error_of_the_disk_ends_a_comparison(tiny, bench, monkeypatch):
    def full(*given, **how):
        raise StorageError("the disk is full", "free some space")

    monkeypatch.setattr(pipeline, "run", full)
    made, _ = bench()
    with pytest.raises(StorageError):
        compare(tiny(), [0, 1], 0, "one.yaml", made)


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
    counting = [task for task, facts in found.tasks.items() if task not in found.few]
    assert counting == [task for task, facts in found.tasks.items() if facts.positives >= 30]
    assert 0 < len(counting) < 4
    auc = task_kind("binary").score
    for name in found.models:
        summaries = found.summaries(name, auc)
        mean = sum(summaries[task].mean for task in counting) / len(counting)
        assert summaries["mean"].mean == pytest.approx(mean)


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
    assert task_facts(prepared) == {
        "click": TaskMetrics("binary", {}, 80, 40),
        "buy": TaskMetrics("binary", {}, 100, 5),
        "stay": TaskMetrics("binary", {}, 100, 95),
        "price": TaskMetrics("regression", {}, 60),
        "age": TaskMetrics("regression", {}, 9),
    }


def test_models_seeds_and_splits_are_added(tiny, both_splits, tmp_path):
    jobs = tiny()
    take(tmp_path, {"one.yaml": jobs["one.yaml"]}, {0: both_splits[0]})
    take(tmp_path, {"two.yaml": tiny(seed=5, time_budget=9.0)["two.yaml"]}, both_splits)
    take(tmp_path, jobs, {1: both_splits[1]})


@pytest.mark.parametrize("changed", [{"training": {"epochs": 9}}, {"precision": "bf16"}])
def test_other_settings_are_refused_also_for_other_models(tiny, both_splits, tmp_path, changed):
    take(tmp_path, {"one.yaml": tiny()["one.yaml"]}, both_splits)
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(RunExistsError, match=r"(epochs|precision) was"):
        take(tmp_path, {"two.yaml": tiny(**changed)["two.yaml"]}, both_splits)
    assert (tmp_path / FILE).read_bytes() == before


def test_other_data_or_a_damaged_record_is_refused_with_a_remedy(tiny, both_splits, tmp_path):
    take(tmp_path, tiny(), both_splits)
    with pytest.raises(RunExistsError, match=r"data of split 0 was [0-9a-f]{12}, is"):
        take(tmp_path, tiny(), {0: both_splits[1]})
    take(tmp_path, tiny(), both_splits)
    (tmp_path / FILE).write_text("{}")
    with pytest.raises(ArtifactError) as error:
        take(tmp_path, tiny(), both_splits)
    assert "--out FOLDER" in error.value.fix
