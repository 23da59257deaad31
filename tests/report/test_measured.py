"""The behaviour of a network: baselines, fields, experts and curves show what the run recorded."""

from automtl_inspection.baselines import Baseline
from automtl_inspection.importance import FieldEffect, Importance
from automtl_inspection.sections import Curves
from automtl_report.measured import doubts, learning, strongest
from tests.shared.records import blocks

CHANCE = Baseline("AUC", 0.5, 0.01, 0.7, "item", 0.49, 0.5)
GOOD = Baseline("R2", 0.3, 0.01, 1e-9, "item", 0.2, 1e-6)
ALONE = Baseline("AUC", 0.999, 0.001, 1e-9, None, None, None)


def test_one_good_task_is_enough_and_without_test_rows_nothing_is_known():
    assert list(doubts({"click": CHANCE, "price": GOOD})) == []
    (leak,) = doubts({"click": ALONE})
    assert leak.startswith("warning: AUC 0.9990 of click suggests label leakage")
    (few,) = doubts({})
    assert few == "Too few test rows to know whether the model has learned: no task has 10 of either class"


UNDEFINED = FieldEffect("AUC")


def one(drop, verdict, measure="AUC"):
    return FieldEffect(measure, drop, drop - 0.001, drop + 0.001, 0.004, verdict)


FOUND = Importance(
    7184,
    {
        "item_id": {"click": one(0.0, "no effect"), "price": one(-0.0001, "no effect", "R2")},
        "user_id": {"click": one(0.02, "matters"), "price": one(0.3, "unclear", "R2")},
        "tab": {"click": one(0.0, "no effect"), "price": one(0.004, "unclear", "R2")},
        "age": {"click": one(0.01, "matters"), "price": one(0.05, "matters", "R2")},
    },
)


def test_fields_are_called_useless_only_beside_strong_ones_and_for_all_tasks():
    unclear = {field: {**by_task, "rare": UNDEFINED} for field, by_task in FOUND.effects.items()}
    assert len(strongest(Importance(10, unclear))) == 1
    none = Importance(100, {"item_id": FOUND.effects["item_id"]})
    (text,) = strongest(none)
    assert text.text == "No field has a significant effect on any task (permutation on 100 test rows)"


def test_learning_curves_show_epochs(small_record):
    charts = blocks(learning(small_record), Curves)
    points = sum(len(line) for line in charts[0].lines.values())
    assert points == len(small_record.epochs)
    (best,) = charts[0].marks.values()
    assert best == small_record.result.best_epoch
