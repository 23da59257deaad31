import json
from pathlib import Path

from automtl_core.modules.cost import Cost
from automtl_core.workflow.outcomes import Evaluation, Plan
from automtl_testing.samples import binary_metrics

COST = Cost(10, 4, 8)
PLAN = Plan(
    {"train": 8, "validation": 1, "test": 1}, 3, ("click",), 4, 100, 1600, None, 15, 1, "cpu",
    {"block0": {"identity": COST}}, {"mmoe": COST},
)  # fmt: skip


def test_a_plan_survives_json():
    assert Plan.from_json(json.loads(json.dumps(PLAN.to_json())), "here") == PLAN


def test_an_evaluation_is_plain_json():
    found = Evaluation(
        Path("runs/one"), {"click": binary_metrics(0.7, 0.6, 10, 4)}, {"click": None}, True, 30, ("torch",)
    )
    told = json.loads(json.dumps(found.to_json()))
    assert told["run"] == "runs/one"
    assert told["test"]["click"]["auc"] == 0.7
    assert (told["repeats"], told["min_positives"], told["changed"]) == (True, 30, ["torch"])
