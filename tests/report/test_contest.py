"""The models that a search trained, ranked beside the chosen one."""

from dataclasses import replace

import pytest

from automtl_core.search.evidence import Point
from automtl_report.contest import cheaper, contested, models, rank
from automtl_testing.samples import sample_schema
from tests.shared.records import searched, texts

FOUND = Point("searched", {}, 0.2, None, 0.7835, 68_000, 10, trained=True, chosen=True)
BEST = Point("mmoe", {}, 0.2, None, 0.7844, 136_000, 10, trained=True)
INHERITED = Point("evolution 1.1", {}, 0.1, 0.1, 0.79, 10_000, 10)
BINARY = sample_schema(regression=False)


def shown(*points):
    """Return the rows of the table of models, and the sentences about them."""
    made = searched(front=points, path="runs/my run", schema=BINARY)
    rows, notes = [], []
    for section in models(made):
        grid, *notes = section.blocks
        rows = [[name, round(score, 4), *rest] for name, score, *rest in grid.rows]
    return rows, texts([*rank(made), *cheaper(made), *notes])


def test_models_are_ranked_beside_the_chosen_one_with_corrected_intervals():
    points = [
        replace(FOUND, name="level", loss=0.203, error=0.002, flops_per_row=17_000, chosen=False),
        FOUND,
        replace(BEST, loss=0.21, error=0.001),
        replace(BEST, name="ple", loss=0.19, error=0.001),
        replace(BEST, name="partial", loss=0.3, error=None),
        replace(BEST, name="boosting", loss=0.2031, error=0.002, flops_per_row=0),
        INHERITED,
    ]
    rows, (verdict, level, note) = shown(*points)
    assert verdict == (
        "`searched` is ahead of `mmoe`; level with `level`, `boosting`; behind `ple`; without an "
        "interval against `partial`; 50 % of the FLOPs of `mmoe`"
    )
    assert rows == [  # of five comparisons: 2.576 standard errors
        ["ple", 0.81, "+0.0100 [+0.0074, +0.0126]", "ahead", 136_000],
        ["searched", 0.8, None, "chosen", 68_000],
        ["level", 0.797, "-0.0030 [-0.0082, +0.0022]", "level", 17_000],
        ["boosting", 0.7969, "-0.0031 [-0.0083, +0.0021]", "level", None],
        ["mmoe", 0.79, "-0.0100 [-0.0126, -0.0074]", "behind", 136_000],
        ["partial", 0.7, "-0.1000", "", 136_000],
    ]
    command = "`automtl train --model 'runs/my run@1'`"
    assert level == f"`level` is level with the chosen model at 25 % of the FLOPs: {command}"
    assert "the mean of AUC over tasks" in note


def test_of_trees_no_model_is_cheaper_and_one_model_has_no_table():
    trees = replace(FOUND, name="boosting", flops_per_row=0)
    rows, notes = shown(trees, replace(BEST, chosen=False, loss=0.201, error=0.002))
    assert [(row[0], row[3], row[4]) for row in rows] == [
        ("boosting", "chosen", None),
        ("mmoe", "level", 136_000),
    ]
    assert notes[0] == "`boosting` is level with `mmoe`"
    assert len(notes) == 2
    assert shown(FOUND, INHERITED) == ([], [])
    assert shown(BEST, replace(BEST, name="ple")) == ([], [])


def test_a_share_is_not_rounded_to_0():
    linear = replace(FOUND, name="linear", loss=0.203, error=0.002, flops_per_row=100, chosen=False)
    _, (_, level, _) = shown(linear, FOUND)
    assert "level with the chosen model at less than 1 % of the FLOPs" in level


def test_a_rival_is_a_model_with_the_name_of_its_space():
    mean = replace(BEST, name="mean of searched + mmoe", loss=0.1, overrides={"space": {"name": "average"}})
    mmoe = replace(BEST, loss=0.21, error=0.001, overrides={"space": {"name": "mmoe"}})
    found = contested(searched(front=[mean, FOUND, mmoe]))
    assert found.rival == mmoe
    assert found.lead(mmoe).low == pytest.approx(0.01 - 2.2414 * 0.001, abs=1e-6)
    assert contested(searched(front=[mean, FOUND])).rival is None
