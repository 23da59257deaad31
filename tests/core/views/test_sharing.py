"""Who reads what, as matrices and in lines."""

import pytest

from automtl_core.modules.sharing import Sharing
from automtl_core.views.sharing import fields_read, natural, parts_read, summary
from automtl_core.views.values import Grid, Matrix
from automtl_core.workflow.finding import Truth

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


def test_a_matrix_a_layer(sharing):
    ((block,),) = (section.blocks for section in fields_read(sharing))
    assert block == Matrix(
        "layer0",
        ["expert0", "expert1"],
        {"user": [True, False], "item": [True, False], "noise": [False, False]},
    )
    layer, tasks = (section.blocks[0] for section in parts_read(sharing))
    assert (layer.corner, layer.rows) == ("layer1", {"expert0": [True]})
    assert (tasks.columns, list(tasks.rows)) == (["click", "like"], ["expert10", "layer0/expert2"])


def test_a_line_a_part_and_what_nobody_reads(sharing):
    grid, *notes = summary(sharing, None, [*FIELDS, "price"]).blocks
    assert isinstance(grid, Grid)
    assert grid.rows == [
        ["expert0", ["expert10"], ["all except noise"]],
        ["expert1", "-", ["no field"]],
    ]
    assert [note.text for note in notes] == [
        "Fields read by no expert: noise",
        "Fields that are always read: price",
        "task/like reads nothing",
    ]


def test_it_is_held_against_what_is_known(sharing):
    good = summary(sharing, Truth(("noise",), (), {}), FIELDS).blocks
    assert [note.text for note in good[-2:]] == [
        "All noise fields left out: yes",
        "Every task reads all fields that affect it: yes",
    ]
    bad = summary(sharing, Truth(("noise",), ("noise",), {"like": ("user", "item")}), FIELDS).blocks
    assert [note.text for note in bad[-2:]] == [
        "All noise fields left out: no (read: noise)",
        "Every task reads all fields that affect it: no (like misses user, item)",
    ]


def test_numbers_in_names_are_sorted_as_numbers():
    assert sorted(["e10", "e2", "a"], key=natural) == ["a", "e2", "e10"]
