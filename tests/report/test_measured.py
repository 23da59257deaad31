"""The behaviour of a network: baselines, fields, experts and curves show what the run recorded."""

from dataclasses import replace

from automtl_core.run_dir.facts import Result, Search
from automtl_core.search.evidence import Point
from automtl_core.views.values import Bar, Bars, Curves, Grid, Text
from automtl_inspection.baselines import Baseline, Baselines
from automtl_inspection.behaviour import Behaviour
from automtl_inspection.expert_use import ExpertUse
from automtl_inspection.importance import FieldEffect, Importance
from automtl_report.measured import (
    effects,
    expert_use,
    histories,
    learning,
    notes,
    nothing_learned,
    on_test_rows,
    strongest,
)
from tests.shared.records import blocks, record, texts

RESULT = Result(
    best_epoch=1, parameters=1, parameters_beside_embeddings=1, flops_per_row=1, validation={}, files={}
)
CHANCE = Baseline("AUC", 0.5, 0.01, 0.7, "item", 0.49, 0.5)
SINGLE = Baseline("AUC", 0.7, 0.01, 1e-9, "item", 0.71, 0.9)
GOOD = Baseline("R2", 0.3, 0.01, 1e-9, "item", 0.2, 1e-6)
ALONE = Baseline("AUC", 0.999, 0.001, 1e-9, None, None, None)


def test_it_is_said_that_nothing_was_learned_or_that_a_single_field_is_as_good():
    assert list(nothing_learned({"click": CHANCE, "buy": CHANCE}, searched=True)) == [
        "Nothing was learned: on the test rows, the network is not significantly better than a constant "
        "prediction (click AUC 0.5000, p .70; buy AUC 0.5000, p .70). "
        "Decisions and costs below have no meaning."
    ]
    (trained,) = list(nothing_learned({"click": CHANCE}, searched=False))
    assert trained.endswith("than a constant prediction (click AUC 0.5000, p .70).")
    assert list(nothing_learned({"click": CHANCE, "buy": SINGLE}, searched=True)) == [
        "On the test rows, the network is not significantly better than a single field "
        "(buy AUC 0.7000, `item` alone 0.7100). Decisions and costs below have no meaning beyond that."
    ]
    (trained,) = list(nothing_learned({"buy": SINGLE}, searched=False))
    assert trained.endswith("than a single field (buy AUC 0.7000, `item` alone 0.7100).")


def test_one_good_task_is_enough_and_without_test_rows_nothing_is_known():
    assert list(nothing_learned({"click": CHANCE, "price": GOOD}, searched=True)) == []
    assert list(nothing_learned({"click": ALONE}, searched=True)) == []
    assert list(nothing_learned({}, searched=True)) == [
        "Too few test rows (no task has 10 of either class) to know whether the network has learned anything."
    ]


def leaks(baselines):
    return [text for text in texts(notes(record(RESULT, Baselines(baselines)))) if "leak" in text]


def test_what_is_too_good_is_suspected():
    assert leaks({"click": GOOD, "buy": ALONE}) == [
        "warning: AUC 0.9990 of buy suggests label leakage: is each field known before the event? "
        "See automtl data describe"
    ]
    (with_field,) = leaks({"buy": Baseline("AUC", 0.999, 0.001, 0, "paid", 0.99, 0)})
    assert "leakage; the best single field is `paid`, with 0.9900: is" in with_field


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


def test_the_strongest_fields_and_those_without_effect_are_named():
    chart, text = strongest(record(FOUND))
    assert chart.bars == [
        Bar("age (R2 of price)", 0.05, 0.05 - 0.001, 0.05 + 0.001),
        Bar("user_id (AUC of click)", 0.02, 0.02 - 0.001, 0.02 + 0.001),
    ]
    assert text.text == "Fields without effect on any task (95 % intervals within 0.002 of 0): item_id"


def test_fields_are_called_useless_only_beside_strong_ones_and_for_all_tasks():
    unclear = {field: {**by_task, "rare": UNDEFINED} for field, by_task in FOUND.effects.items()}
    assert len(strongest(record(Importance(10, unclear)))) == 1
    none = Importance(100, {"item_id": FOUND.effects["item_id"]})
    (text,) = strongest(record(none))
    assert text.text == "No field has a significant effect on any task (permutation on 100 test rows)"


def test_all_effects_are_a_table_by_the_largest_drop():
    section = effects(Importance(7184, {**FOUND.effects, "rare": {"click": UNDEFINED}}))
    grid, legend = section.blocks
    assert section.title == "effects of the fields that the network reads, on 7,184 test rows"
    assert list(dict.fromkeys(row[0] for row in grid.rows)) == ["user_id", "age", "tab", "item_id", "rare"]
    assert grid.rows[:2] == [
        ["user_id", "click (AUC)", "+0.0200 [+0.0190, +0.0210]", ".004", "matters"],
        ["user_id", "price (R2)", "+0.3000 [+0.2990, +0.3010]", ".004", "unclear"],
    ]
    assert grid.rows[-1] == ["rare", "click (AUC)", "undefined", "", "unclear"]
    assert "no effect: the interval is within 0.002 of 0" in legend.text


def test_test_metrics_stand_beside_the_best_single_fields(small_record):
    (section,) = on_test_rows(small_record)
    metrics, single = (block for block in section.blocks if isinstance(block, Grid))
    assert [row[0] for row in metrics.rows] == [*(task.name for task in small_record.schema.tasks), "mean"]
    baselines = small_record.baselines
    assert single.rows == [
        [task, b.field, f"AUC {b.field_score:.4f}", b.beats_field] for task, b in baselines.items() if b.field
    ]


def test_a_collapse_of_experts_is_a_warning():
    use = ExpertUse(
        10,
        {"task/click": {"a": 0.99, "b": 0.01}},
        {"task": {"a": {"a": 1.0, "b": 0.99}, "b": {"a": 0.99, "b": 1.0}}},
    )
    texts = [b.text for b in blocks(expert_use(record(Behaviour(use, {}))), Text)]
    assert "warning: experts compute nearly the same: a and b (0.99)" in texts
    assert "warning: gates hardly use these experts: b (read by task)" in texts
    assert not list(expert_use(record()))


def test_learning_curves_and_histories_show_epochs_and_tasks(small_record):
    charts = blocks(learning(small_record), Curves)
    points = sum(len(line) for line in charts[0].lines.values())
    assert points == len(small_record.epochs)
    (best,) = charts[0].marks.values()
    assert best == small_record.result.best_epoch
    (chart,) = blocks(histories(small_record), Bars)
    assert {bar.label for bar in chart.bars} <= {task.name for task in small_record.schema.tasks}
    assert chart.title == "History past"


def test_each_training_has_a_line_by_its_own_epochs_and_the_kept_one_is_first(small_record):
    def epochs(phase, numbers):
        return [replace(small_record.epochs[0], phase=phase, epoch=epoch) for epoch in numbers]

    def curves(front):
        made = replace(small_record, facts={**small_record.facts, Search: Search((), front)})
        made.__dict__["epochs"] = [
            *epochs("warm-up", (1, 2)), *epochs("search", (3,)), *epochs("mmoe", (4, 5)),
            *epochs("own", (6, 7)), *epochs("refit", (8,)),
        ]  # fmt: skip
        return blocks(learning(made), Curves)

    points = [Point(name, {}, 0.2, None, 0.8, 1, 1, trained=True) for name in ("mmoe", "own")]
    (first, *_) = curves((points[0], replace(points[1], chosen=True)))
    places = {name: [x for x, _ in line] for name, line in first.lines.items()}
    assert places == {"own": [1, 2], "search": [1, 2, 3], "mmoe": [1, 2]}
    assert next(iter(places)) == "own"
    assert first.marks
    mean = replace(points[0], name="mean of own + mmoe", chosen=True)
    (first, *_) = curves((*points, mean))
    assert not first.marks, "its epochs are those of several trainings"
