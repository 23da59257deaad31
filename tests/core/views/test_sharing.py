"""Who reads what, as matrices and in lines."""

from dataclasses import replace

import pytest

from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task
from automtl_core.modules.sharing import WHOLE, Sharing
from automtl_core.run_dir.facts import Data
from automtl_core.search.evidence import Evidence
from automtl_core.views.sharing import NO_PROOF, REMOVAL, matrices, natural, notes, readers
from automtl_core.views.values import Matrix
from tests.shared.records import searched

FIELDS = ("user", "item", "noise")


@pytest.fixture
def sharing():
    return Sharing(
        sees={"layer0/expert0": ("user", "item"), "layer0/expert1": ()},
        reads={
            "task/click": ("expert10", "layer0/expert2"),
            "task/like": (),
            "layer1/expert10": ("layer0/expert0",),
        },
        fields=FIELDS,
    )


def said(sharing, fields=(), evidence=(), truth=None):
    """Return the notes on a network that may also read numbers, and of whose data the truth is known."""
    made = searched(evidence, sharing=sharing, schema=schema(fields or FIELDS))
    data = Data("x", 1, {}, {}, "", made.schema.to_json(), {}, truth or {})
    return [note.text for note in notes(replace(made, facts={**made.facts, Data: data}))]


def schema(fields):
    sparse = tuple(SparseField(name, 5) for name in fields if name != "price")
    return Schema(sparse, tuple(DenseField("price") for name in fields if name == "price"), (Task("click"),))


def test_a_matrix_a_layer(sharing):
    fields, layer, tasks = matrices(sharing)
    assert fields == Matrix(
        "layer0",
        ["expert0", "expert1"],
        {"user": [True, False], "item": [True, False], "noise": [False, False]},
    )
    assert (layer.corner, layer.rows) == ("layer1", {"expert0": [True]})
    assert (tasks.columns, list(tasks.rows)) == (["click", "like"], ["expert10", "layer0/expert2"])


def test_a_line_a_part_and_what_nobody_reads(sharing):
    (grid,) = readers(sharing)
    assert grid.rows == [["expert0", ["expert10"], ["all except noise"]], ["expert1", "-", ["no field"]]]
    assert said(sharing, [*FIELDS, "price"]) == [
        f"The network reads 3 of 4 fields, without noise{NO_PROOF}",
        "Fields that are always read: price",
        "task/like reads no expert: it is predicted from a constant alone",
    ]


def test_serving_needs_the_fields_that_gates_read(sharing):
    gated = replace(sharing, gates=("task/click", "layer1/expert10"))
    assert said(gated)[:2] == [
        "Serving needs all 3 fields: the gates of task/click, layer1/expert10 read them",
        f"Experts read 2 of 3 fields, without noise{NO_PROOF}",
    ]


def test_a_task_whose_experts_read_no_field_is_named(sharing):
    blind = replace(sharing, reads={"task/click": ("layer0/expert1",)})
    sentence = "task/click reads no expert with fields: it is predicted from a constant alone"
    for gates, fields, count in [((), FIELDS, 1), (("task/click",), FIELDS, 0), ((), [*FIELDS, "price"], 0)]:
        assert said(replace(blind, gates=gates), fields).count(sentence) == count


def test_the_effect_of_a_removal_has_its_interval(sharing):
    """Of two removals it is the one with the higher end, and only of fields that nothing reads."""
    evidence = [
        Evidence("layer0/expert0/single", "noise", "closed", "no significant effect", None, 1e-4, 2e-4),
        Evidence("layer0/expert1/single", "noise", "closed", "no significant effect", None, -3e-4, 1e-3),
        Evidence("layer0/expert2/single", "noise", "kept", "required", None, 0.1, 1e-3),
        Evidence("layer0/expert1/single", "user", "closed", "no significant effect", None, 0.1, 1e-3),
    ]
    assert said(sharing, evidence=evidence)[1] == f"{REMOVAL}: noise -0.0003 [-0.0023, +0.0017]"


def test_a_network_that_reads_all_fields_says_so(sharing):
    everything = replace(sharing, sees={"layer0/expert0": FIELDS})
    assert said(everything)[0] == "The network reads all 3 fields"


def test_a_task_without_experts_is_named_with_what_it_is_predicted_from(sharing):
    """The whole network reads fields by a wide term, and with it all fields without a choice."""
    wide = replace(sharing, sees={**sharing.sees, WHOLE: ("item",)})
    last = said(wide, [*FIELDS, "price"])[-1]
    assert last == "task/like reads no expert: it is predicted from item, price alone"
    direct = replace(sharing, sees={**sharing.sees, "task/like": ("user",)})
    last = said(direct, [*FIELDS, "price"])[-1]
    assert last == "task/like reads no expert: it is predicted from user alone"


@pytest.mark.parametrize(("read", "needs", "seen", "missed"), [
    (("user", "item"), ("user",), "yes", "yes"),
    (("user", "noise"), ("user", "item"), "no (read: noise)", "no (click misses item)"),
])  # fmt: skip
def test_it_is_held_against_what_is_known(sharing, read, needs, seen, missed):
    one = Sharing({"task/click": read}, {}, FIELDS)
    truth = {"noise": ["noise"], "tasks": {"click": {"fields": needs}}}
    assert said(one, truth=truth)[-2:] == [
        f"Known truth: experts leave out all noise fields: {seen}",
        f"Known truth: every task reads all fields that affect it: {missed}",
    ]


def test_numbers_in_names_are_sorted_as_numbers():
    assert sorted(["e10", "e2", "a"], key=natural) == ["a", "e2", "e10"]
