"""What follows from made-up cells, where tasks are of both kinds and labels are missing."""

import json
from dataclasses import replace

import pytest

from automtl_comparison.document import CellResult, Comparison, verdict
from automtl_core.errors import ArtifactError
from automtl_core.tasks.kinds import task_kind
from automtl_core.training.metric import MetricValue
from automtl_core.training.significance import Difference

AUC, LOG_LOSS = task_kind("binary").measures
RMSE, MAE, R2 = task_kind("regression").measures


def test_a_regression_has_errors_where_a_binary_task_has_its_auc(compared):
    found = compared("click", "price", "buy")
    assert found.metrics() == [AUC, LOG_LOSS, RMSE, MAE, R2]
    model = found.to_json()["models"]["two.yaml"]
    assert set(model["auc"]) == set(model["log_loss"]) == {"click", "buy", "mean"}
    assert set(model["rmse"]) == set(model["mae"]) == set(model["r2"]) == {"price"}
    assert model["rmse"]["price"]["mean"] == 19.25


def test_differences_are_corrected_for_the_number_of_models(compared):
    found = compared("click")
    for by_task in found.differences("one.yaml").values():
        assert by_task["click"].adjusted_p == pytest.approx(2 * by_task["click"].p)
    scored = compared("click", "price").differences("one.yaml")["two.yaml"]["click"]
    assert scored.adjusted_p == pytest.approx(min(1, 4 * scored.p)), "of two models and two scores"
    alone = replace(found, models={name: found.models[name] for name in ("one.yaml", "two.yaml")})
    difference = alone.differences("one.yaml")["two.yaml"]["click"]
    assert difference.adjusted_p == difference.p < 1


def test_transfer_is_negative_where_a_regression_is_worse_than_alone(compared):
    found = compared("click", "price").to_json()["transfer"]
    assert found["one.yaml"]["click"]["mean"] == pytest.approx(0.02)
    assert found["one.yaml"]["price"]["mean"] == pytest.approx(-2.25)
    found = compared("click")
    assert replace(found, models={"one.yaml": found.models["one.yaml"]}).to_json()["transfer"] == {}


def test_seeds_that_diverged_are_left_out_of_what_is_paired(compared):
    found = compared("click")
    one = found.models["one.yaml"]
    cells = (one.cells[0], CellResult(0, 1, "one-s1", error="the loss became nan", diverged=True))
    broken = replace(found, models={**found.models, "one.yaml": replace(one, cells=cells)})
    assert broken.seeds == [0, 1]
    assert broken.scores("one.yaml", AUC)["click"] == {(0, 0): 0.70}
    difference = broken.differences("two.yaml")["one.yaml"]["click"]
    assert (difference.mean, difference.p) == (pytest.approx(-0.01), None)


def test_costs_are_over_the_seeds_and_none_where_unknown(compared):
    costs = compared("click").models["one.yaml"].mean_costs()
    assert costs["parameters"].mean == 9
    assert costs["train_seconds"].mean == 5.5
    assert costs["rows_per_second"] is None


def test_json_gives_the_same_comparison_back_and_derived_numbers_are_computed(compared):
    found = compared("click", "price", "age")
    one = found.models["one.yaml"]
    cells = (one.cells[0], CellResult(0, 1, "one-s1", error="the loss became nan", diverged=True))
    found = replace(found, models={**found.models, "one.yaml": replace(one, cells=cells)})
    text = json.dumps(found.to_json(), allow_nan=False)
    assert Comparison.from_json(json.loads(text), "") == found
    found = compared("click")
    edited = found.to_json()
    edited["models"]["one.yaml"]["auc"]["click"]["mean"] = 0.99
    edited["differences"] = {}
    assert Comparison.from_json(edited, "").to_json() == found.to_json()


@pytest.mark.parametrize(
    "broken", [{}, {"models": 3}, {"splits": {"0": {"tasks": {}}}}, {"noises": {"one.yaml": 3}}]
)
def test_what_is_no_comparison_is_refused(compared, broken):
    whole = compared("click").to_json() if broken else {}
    with pytest.raises(ArtifactError, match=r"compare\.json: damaged"):
        Comparison.from_json({**whole, **broken}, "compare.json")


def test_a_cost_is_told_relative_to_that_of_the_reference(compared):
    found = compared("click")
    assert found.relative("two.yaml") == {"flops_per_row": 0.5, "seconds": 1.0}
    assert replace(found, reference="two.yaml").relative("one.yaml")["flops_per_row"] == 2.0
    one = found.models["one.yaml"]
    free = replace(one.cells[0], flops_per_row=None, train_seconds=0.0)
    unknown = replace(found, models={**found.models, "one.yaml": replace(one, cells=(free,))})
    assert unknown.relative("two.yaml") == {"flops_per_row": None, "seconds": None}


@pytest.mark.parametrize(("reference", "other"), [("one.yaml", "two.yaml"), ("two.yaml", "one.yaml")])
def test_a_model_without_operations_that_are_counted_has_no_relative_cost(compared, reference, other):
    found = compared("click")
    cells = tuple(replace(cell, flops_per_row=0, parameters=0) for cell in found.models["one.yaml"].cells)
    models = {**found.models, "one.yaml": replace(found.models["one.yaml"], cells=cells)}
    told = replace(found, models=models, reference=reference)
    assert told.relative(other)["flops_per_row"] is None
    assert told.relative(other)["seconds"] == pytest.approx(1, abs=0.2), "time is known"
    assert "cost" not in told.verdicts()[other]


def test_cells_of_another_split_are_others_and_pair_by_split_and_seed(compared):
    found = compared("click", "buy")
    few = {**found.splits[0].tasks, "click": replace(found.splits[0].tasks["click"], positives=31)}
    models = {
        name: replace(model, cells=(*model.cells, *(replace(cell, split=1) for cell in model.cells[:places])))
        for places, (name, model) in enumerate(found.models.items())
    }
    splits = {0: found.splits[0], 1: replace(found.splits[0], tasks=few)}
    found = replace(found, splits=splits, models=models)
    assert found.tasks["click"].positives == 31
    assert set(found.scores("two.yaml", AUC)["click"]) == {(0, 0), (0, 1), (1, 0)}
    assert found.differences("one.yaml")["two.yaml"]["click"].mean == pytest.approx(0.015)
    assert found.differences("two.yaml")["single-task"]["click"].mean == pytest.approx(
        (-0.02 - 0.05 - 0.02) / 3
    )
    assert Comparison.from_json(json.loads(json.dumps(found.to_json())), "") == found


def test_a_task_that_says_nothing_on_one_split_is_in_no_mean(compared):
    found = compared("click", "buy")
    few = found.splits[0].tasks
    telling = {task: replace(facts, positives=40) for task, facts in few.items()}
    for first, second, counts in ((telling, few, False), (telling, telling, True)):
        both = {0: replace(found.splits[0], tasks=first), 1: replace(found.splits[0], tasks=second)}
        two = replace(found, splits=both, min_positives=6 - counts)
        assert ("buy" not in two.few) is counts
        scores = two.scores("one.yaml", AUC)
        assert (scores["mean"] != scores["click"]) is counts


def test_registered_metrics_are_among_the_metrics_of_their_tasks(compared):
    outcome = compared("click", "price")
    with_gauc = {
        name: replace(model, cells=tuple(
            replace(cell, test={
                **cell.test,
                "click": replace(cell.test["click"], others={"gauc": MetricValue("GAUC", 1, 0.6, 80)}),
            })
            for cell in model.cells
        ))
        for name, model in outcome.models.items()
    }  # fmt: skip
    found = replace(outcome, models=with_gauc)
    assert [m.key for m in found.of_tasks(task_kind("binary"))] == ["auc", "log_loss", "gauc"]
    assert [m.key for m in found.of_tasks(task_kind("regression"))] == ["rmse", "mae", "r2"]
    assert [m.key for m in found.metrics()][:3] == ["auc", "log_loss", "gauc"]
    (measure,) = [m for m in found.metrics() if m.key == "gauc"]
    assert {task: s.mean for task, s in found.summaries("one.yaml", measure).items()} == {
        "click": pytest.approx(0.6), "mean": pytest.approx(0.6),
    }  # fmt: skip
    assert Comparison.from_json(json.loads(json.dumps(found.to_json())), "") == found
    assert found.verdicts() == outcome.verdicts(), "models are compared by AUC and RMSE"


@pytest.mark.parametrize(
    ("mean", "error", "cost", "words"),
    [
        (0.0004, 0.0008, 0.5, "no clear difference from mmoe at half its FLOPs (+0.0004, p .62)"),
        (0.0, 0.0, 1.0, "no clear difference from mmoe at equal FLOPs (+0.0000, p 1.00)"),
        (0.0041, 0.00164, 0.34, "ahead of mmoe at a third of its FLOPs (+0.0041, p .012)"),
        (-0.006, 0.00184, 1.3, "behind mmoe at 1.3 times its FLOPs (-0.0060, p .001)"),
        (-0.06, 0.01, None, "behind mmoe (-0.0600, p < .001)"),
        (0.004, 0.00205, 0.4, "no clear difference from mmoe at 40 % of its FLOPs (+0.0040, p .051)"),
    ],
)
def test_words_say_where_it_stands_and_what_it_costs(mean, error, cost, words):
    assert verdict("mmoe", {"mean": (AUC, Difference.of(mean, error, cells=2))}, cost, {}) == words


@pytest.mark.parametrize(
    ("cost", "words"),
    [
        (0.96, "equal FLOPs"),
        (1.06, "1.1 times its FLOPs"),
        (1.96, "twice its FLOPs"),
        (12.4, "12 times its FLOPs"),
        (1234.0, "1,234 times its FLOPs"),
        (0.252, "a quarter of its FLOPs"),
        (0.2, "a fifth of its FLOPs"),
        (0.1, "a tenth of its FLOPs"),
        (0.034, "3.4 % of its FLOPs"),
    ],
)
def test_costs_in_words(cost, words):
    assert verdict("mmoe", {"mean": (AUC, Difference.of(0.0, 1.0))}, cost, {}).startswith(
        f"no clear difference from mmoe at {words} ("
    )
