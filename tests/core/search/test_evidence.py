"""Evidence and points as JSON."""

import json
from dataclasses import replace

import pytest

from automtl_core.search.evidence import Evidence, Point, judged, preferred as chosen_by, ranking
from automtl_core.training.significance import SIGNIFICANCE


def test_what_is_written_is_read_back():
    closed = Evidence(
        "layer0/expert0/single", "noise", "closed", "no significant effect", None, 1e-4, 2e-4, 320, 2048
    )
    point = Point("mmoe", {"op": "mlp-64", "fields": ("a", "b")}, 0.5, 0.0, 0.8, 10, 20, trained=True)
    for value in (closed, point):
        text = json.dumps(value.to_json())
        assert type(value).from_json(json.loads(text), "here") == value


def effect(option, difference, error, action="kept"):
    return Evidence("fields", option, action, "no significant effect", None, difference, error)


def test_findings_are_significant_after_the_correction_of_holm():
    """With z = 3.29 the p value is .001: significant as one of 9 comparisons, not as one of 11."""
    few = [effect("a", 3.2905, 1.0)]
    assert [one.verdict for one in judged(few, 9)] == ["required"]
    assert [one.verdict for one in judged(few, 11)] == ["no significant effect"]
    assert judged(few, 9)[0].p == pytest.approx(0.009, rel=1e-3)
    evidence = [effect("a", 0.5, 1.0), effect("b", 4.0, 1.0), effect("c", 3.5, 1.0), effect("d", 3.49, 1.0)]
    p = [one.p for one in judged(evidence, 4)]
    assert p[1] == pytest.approx(4 * 6.334e-5, rel=1e-3)
    assert p[2] == pytest.approx(3 * 4.653e-4, rel=1e-3)
    assert p[3] == p[2]  # 2 * 4.83e-4 would be less
    assert p[0] == pytest.approx(0.617, rel=1e-3)


def test_only_effects_in_the_direction_of_the_decision_are_findings():
    evidence = [
        effect("lost", 9.0, 1.0, "closed"),
        effect("gained", -9.0, 1.0, "closed"),
        effect("useless", -9.0, 1.0, "kept"),
        effect("equal", 0.0, 0.0, "closed"),
        Evidence("op", "mlp-4", "chosen", "by logit", certainty=0.9),
    ]
    assert [one.verdict for one in judged(evidence, 5)] == [
        "no significant effect", "better", "no significant effect", "no significant effect", "by logit"
    ]  # fmt: skip


def test_options_that_were_closed_together_are_one_comparison():
    together = [effect("a", -3.2905, 1.0, "closed"), effect("b", -3.2905, 1.0, "closed")]
    assert [one.p for one in judged(together, 1)] == pytest.approx([0.001, 0.001], rel=1e-3)


@pytest.mark.parametrize(
    ("freedom", "p", "half"),
    [(None, 0.001, 1.96), (1000, 0.00103, 1.962), (5, 0.0217, 2.571), (1, 0.1878, 12.71), (0, 1.0, 0.0)],
)
def test_few_rows_have_the_distribution_of_student(freedom, p, half):
    """Quantiles from printed tables of Student's t."""
    (one,) = judged([effect("a", 3.2905, 1.0)], 1, freedom)
    assert one.p == pytest.approx(p, rel=1e-2)
    assert one.interval == pytest.approx((3.2905 - half, 3.2905 + half) if p < 1 else (), abs=1e-2)
    assert one.verdict == ("required" if p < SIGNIFICANCE else "no significant effect")
    (exact,) = judged([effect("a", 1.0, 0.0)], 1, freedom)
    assert (exact.p, exact.interval) == ((0.0, (1.0, 1.0)) if freedom != 0 else (1.0, ()))


def point(name, score, flops, trained=True):
    return Point(name, {}, 0.0, None, score, flops, 10 * flops, trained)


def preferred(points, preference):
    """Choose where a prediction takes a hundredth of a millisecond for each of the FLOPs."""
    return chosen_by(points, preference, lambda point: point.flops_per_row / 100)


FRONT = [
    point("inherited", 0.99, 1, trained=False),
    point("tiny", 0.790, 100),
    point("small", 0.7961, 200),
    point("middle", 0.7995, 300),
    point("large", 0.8, 900),
]


@pytest.mark.parametrize(
    ("preference", "name"),
    [
        ("accuracy", "large"),
        ("balanced", "middle"),
        ("cost", "small"),
        ("900flops", "large"),
        ("899flops", "middle"),
        ("150flops", "tiny"),
        ("9ms", "large"),
        ("8.99ms", "middle"),
    ],
)
def test_cheaper_points_may_concede_some_accuracy(preference, name):
    chosen = preferred(FRONT, preference)
    assert chosen is not None
    assert chosen.name == name


def test_trees_whose_cost_is_unknown_are_not_free():
    trees = replace(point("trees", 0.7996, 0), loss=-1.0)
    for preference, name in (("cost", "small"), ("balanced", "middle"), ("900flops", "large")):
        assert preferred([*FRONT, trees], preference).name == name
    assert ranking([*FRONT, trees])[0] == trees


@pytest.mark.parametrize("preference", ["99flops", "speed", "flops", "-1flops", "", "0.5ms", "ms"])
def test_there_may_be_no_such_point_and_inherited_scores_are_none(preference):
    assert preferred(FRONT, preference) is None
    assert preferred(FRONT[:1], "accuracy") is None


@pytest.mark.parametrize(
    ("preference", "name"), [("accuracy", "large"), ("cost", "small"), ("500flops", "small")]
)
def test_without_binary_tasks_r2_decides(preference, name):
    small = replace(point("small", None, 100), loss=0.403)
    large = replace(point("large", None, 900), loss=0.4)
    chosen = preferred([small, large], preference)
    assert chosen is not None
    assert chosen.name == name
