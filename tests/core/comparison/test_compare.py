"""Comparisons: what is done once, in which order, and what is reported."""

import csv
import io
import json
from dataclasses import replace

import pytest

from automtl_core.comparison.compare import compare
from automtl_core.comparison.document import comma_separated, markdown, tables
from automtl_core.comparison.tuning import recipe
from automtl_core.errors import DivergedError, UsageError
from automtl_core.plugins import load_registry
from automtl_core.registry import Registry
from automtl_core.runs import pipeline
from automtl_core.runs.models import models
from automtl_core.training.listener import Silent


class StopAfter(Silent):
    def __init__(self, epochs):
        self.epochs = epochs

    def epoch(self, report):
        self.epochs -= 1
        if self.epochs == 0:
            raise KeyboardInterrupt
        return True


def without_times(found):
    """Return a document without what differs between equal runs."""
    if isinstance(found, dict):
        return {k: without_times(v) for k, v in found.items() if "second" not in k}
    return [without_times(v) for v in found] if isinstance(found, list) else found


def test_every_model_is_trained_with_every_seed_and_found_again(tiny, bench):
    made, worked = bench()
    found = compare(tiny("desan:pd-darts"), [0, 1], 0, "one.yaml", made)
    names = ["one.yaml", "two.yaml", "desan:pd-darts"]
    assert worked == [(name, seed) for seed in (0, 1) for name in names]
    again, worked = bench()
    assert compare(tiny("desan:pd-darts"), [0, 1], 0, "one.yaml", again) == found
    assert worked == []


@pytest.mark.parametrize("epochs", [1, 4, 5])
def test_a_stopped_comparison_goes_on_without_redoing_anything(tiny, bench, epochs, tmp_path):
    whole, _ = bench()
    expected = compare(tiny(), [0, 1], 0, "one.yaml", whole)
    (tmp_path / "out").rename(tmp_path / "whole")

    made, _ = bench(StopAfter(epochs))
    with pytest.raises(KeyboardInterrupt):
        compare(tiny(), [0, 1], 0, "one.yaml", made)

    class Count(Silent):
        epochs = 0

        def epoch(self, report):
            self.epochs += 1
            return True

    count = Count()
    made, worked = bench(count)
    found = compare(tiny(), [0, 1], 0, "one.yaml", made)
    assert len(worked) == 4 - (epochs - 1) // 3, "only cells that are not done are worked on"
    assert count.epochs == 12 - epochs, "and they go on from their last epoch"
    assert without_times(found) == without_times(expected)


def test_a_longer_comparison_adds_only_what_is_new(tiny, bench):
    made, _ = bench()
    compare(tiny(), [0], 0, "one.yaml", made)
    made, worked = bench()
    compare(tiny("desan:pd-darts"), [0, 1], 0, "one.yaml", made)
    assert worked == [("desan:pd-darts", 0), ("one.yaml", 1), ("two.yaml", 1), ("desan:pd-darts", 1)]


@pytest.mark.parametrize("changed", [{"training": {"learning_rate": 0.1}}, {"device": "cpu"}])
def test_another_configuration_is_another_cell(tiny, bench, changed):
    made, _ = bench()
    compare(tiny(), [0], 0, "one.yaml", made)
    made, worked = bench()
    compare(tiny(**changed), [0], 0, "one.yaml", made)
    assert len(worked) == 2


def test_nothing_is_tested_before_everything_is_trained(tiny, bench, monkeypatch):
    events = []
    for name in ("fit", "test"):
        function = getattr(pipeline, name)

        def watched(job, *rest, name=name, function=function):
            events.append(name)
            return function(job, *rest)

        monkeypatch.setattr(pipeline, name, watched)
    made, _ = bench()
    compare(tiny(), [0, 1], 2, "one.yaml", made)
    assert events == ["fit"] * events.count("fit") + ["test"] * 4


def test_a_tuned_model_takes_the_recipe_that_is_best_on_validation_data(tiny, bench):
    made, worked = bench()
    found = compare(tiny(), [0], 3, "one.yaml", made)
    assert len(worked) == 6, "three recipes each, and the best is not trained again"
    assert found["trials"] == 3
    tried = {}
    for path in sorted(made.folder.glob("cells/*/result.json")):
        config, result = path.parent / "config.yaml", json.loads(path.read_text())
        tried.setdefault(path.parent.name.partition(".")[0], []).append((config.read_text(), result))
    for name, model in found["models"].items():
        best = next(result for _, result in tried[name.partition(".")[0]] if "test" in result)
        scores = [
            sum(m["auc"] for m in result["validation"].values())
            for _, result in tried[name.partition(".")[0]]
        ]
        assert sum(m["auc"] for m in best["validation"].values()) == pytest.approx(max(scores), abs=0.02)
        assert model["cells"][0]["test"] == best["test"]
    assert "recipe, best of 3 on validation data" in [t.title for t in tables(found)]


def test_all_models_try_the_same_recipes(tiny, bench):
    made, _ = bench()
    compare(tiny(), [0], 3, "one.yaml", made)
    recipes = {"one": set(), "two": set()}
    for path in made.folder.glob("cells/*/config.yaml"):
        text = path.read_text()
        values = [line for line in text.splitlines() if "learning_rate" in line or "embedding_decay" in line]
        recipes[path.parent.name[:3]].add(tuple(values))
    assert recipes["one"] == recipes["two"]
    assert len(recipes["one"]) == 3


def test_recipe_of_a_job(tiny):
    assert recipe(tiny()["one.yaml"]) == {"learning_rate": 2e-3, "embedding_decay": tiny()[
        "one.yaml"
    ].config.training.embedding_decay, "dropout": 0.2}  # fmt: skip


def test_a_model_that_diverges_is_reported_and_the_others_go_on(tiny, bench, monkeypatch):
    fit = pipeline.fit

    def diverge(job, *rest):
        if job.config.space.settings["expert_layers"] == [12] and job.config.seed == 1:
            raise DivergedError("the loss became nan")
        fit(job, *rest)

    monkeypatch.setattr(pipeline, "fit", diverge)
    made, _ = bench()
    found = compare(tiny(), [0, 1, 2], 0, "one.yaml", made)
    assert [c.get("error") for c in found["models"]["two.yaml"]["cells"]] == [
        None,
        "the loss became nan",
        None,
    ]
    monkeypatch.undo()
    made, worked = bench()
    again = compare(tiny(), [0, 1, 2], 0, "one.yaml", made)
    assert worked == [], "it would diverge again"
    assert again == found
    assert "two.yaml, seed 1: the loss became nan" in markdown(found)
    # differences are taken over the two seeds that both have
    scores = {name: [c["test"]["click"]["auc"] for c in m["cells"] if "test" in c and c["seed"] != 1]
              for name, m in found["models"].items()}  # fmt: skip
    expected = sum(scores["two.yaml"]) / 2 - sum(scores["one.yaml"]) / 2
    assert found["differences"]["two.yaml"]["click"]["mean"] == pytest.approx(expected)


def test_open_choices_are_refused_before_anything_is_trained(tiny, bench):
    made, worked = bench()
    with pytest.raises(UsageError, match="choices open"):
        compare(tiny("desan"), [0], 0, "one.yaml", made)
    assert worked == []


def test_rare_tasks_are_marked_and_not_averaged(tiny, bench):
    made, _ = bench()
    found = compare(tiny(), [0, 1], 0, "one.yaml", made)
    positives = {task: about["positives"] for task, about in found["tasks"].items()}
    counting = [task for task, about in found["tasks"].items() if about["counts"]]
    assert counting == [task for task, count in positives.items() if count >= 30]
    assert 0 < len(counting) < 4
    for model in found["models"].values():
        mean = sum(model["auc"][task]["mean"] for task in counting) / len(counting)
        assert model["auc"]["mean"]["mean"] == pytest.approx(mean)
    first = next(iter(tables(found)))
    assert [name.endswith(" *") for name in first.header[1:-1]] == [
        task not in counting for task in positives
    ]
    assert len(first.notes) == 4 - len(counting)


def test_without_a_task_that_says_something_there_is_no_mean(tiny, bench):
    made, _ = bench()
    found = compare(tiny(training={"min_positives": 1000}), [0], 0, "one.yaml", made)
    assert "mean" not in found["models"]["one.yaml"]["auc"]
    assert next(iter(tables(found))).rows[0][-1] == "-"


def test_negative_transfer_is_judged_against_single_task(common, bench):
    jobs = models(["shared-bottom", "single-task"], common(), load_registry())
    made, _ = bench()
    found = compare(jobs, [0, 1], 0, "shared-bottom", made)
    alone, shared = (
        [cell["test"]["click"]["auc"] for cell in found["models"][name]["cells"]]
        for name in ("single-task", "shared-bottom")
    )
    expected = sum(shared) / 2 - sum(alone) / 2
    assert found["transfer"]["shared-bottom"]["click"]["mean"] == pytest.approx(expected)
    assert "AUC against single-task" in [t.title for t in tables(found)]


def test_the_forms_hold_the_same_numbers(tiny, bench):
    made, _ = bench()
    found = compare(tiny(), [0, 1], 0, "one.yaml", made)
    assert json.loads(json.dumps(found)) == found
    rows = list(csv.DictReader(io.StringIO(comma_separated(found))))
    assert len(rows) == 2 * 2 * 4
    assert float(rows[0]["auc"]) == found["models"]["one.yaml"]["cells"][0]["test"]["click"]["auc"]
    text = markdown(found)
    assert f"{found['models']['two.yaml']['auc']['click']['mean']:.4f}" in text
    differences = text.split("## AUC against")[1].split("\n## ")[0]
    assert {line.count("|") for line in differences.splitlines() if line.startswith("|")} == {7}


@pytest.mark.parametrize(("plugin", "same"), [("baselines", True), ("strategies", False), ("desan", False)])
def test_a_new_version_of_a_plugin_that_is_in_use_makes_another_cell(tiny, bench, monkeypatch, plugin, same):
    made, _ = bench()
    job = tiny("desan:pd-darts")["desan:pd-darts"]
    before, supplier = made.cell("search", job), Registry.supplier

    def newer(self, kind, name):
        row = supplier(self, kind, name)
        return replace(row, version="9") if row.name == plugin else row

    monkeypatch.setattr(Registry, "supplier", newer)
    assert (made.cell("search", job).path == before.path) is same
