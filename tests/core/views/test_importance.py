"""Effects of fields in words, and as a table."""

from automtl_core.run_dir.facts import Importance
from automtl_core.training.importance import FieldEffect
from automtl_core.views.importance import effects, sentences, without_effect

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
    assert [text.text for text in sentences(FOUND)] == [
        "Strongest fields (drop of the score by permutation on 7,184 test rows): "
        "age 0.0500 (R2 of price), user_id 0.0200 (AUC of click)",
        "Fields without effect on any task (permutation on 7,184 test rows, 95 % intervals within 0.002 of 0)"
        ": item_id",
    ]


def test_one_task_that_is_unclear_is_enough_to_say_nothing():
    unclear = {field: {**by_task, "rare": UNDEFINED} for field, by_task in FOUND.effects.items()}
    assert without_effect(Importance(10, unclear)) == []
    assert len(list(sentences(Importance(10, unclear)))) == 1


def test_without_a_strong_field_no_field_is_called_useless():
    none = Importance(100, {"item_id": FOUND.effects["item_id"]})
    (text,) = sentences(none)
    assert text.text == "No field has a significant effect on any task (permutation on 100 test rows)"


def test_all_effects_are_a_table_by_the_largest_drop():
    section = effects(Importance(7184, {**FOUND.effects, "rare": {"click": UNDEFINED}}))
    grid, legend = section.blocks
    assert section.title == "effects of the fields that the network reads, on 7,184 test rows"
    assert [row[0] for row in grid.rows if row[0]] == ["user_id", "age", "tab", "item_id", "rare"]
    assert grid.rows[:2] == [
        ["user_id", "click", "AUC", "+0.0200", "[+0.0190, +0.0210]", "0.004", "matters"],
        ["", "price", "R2", "+0.3000", "[+0.2990, +0.3010]", "0.004", "unclear"],
    ]
    assert grid.rows[-1] == ["rare", "click", "AUC", "undefined", "", "", "unclear"]
    assert "no effect: the interval is within 0.002 of 0" in legend.text
