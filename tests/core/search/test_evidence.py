"""Evidence and points of a search, and its choices and domains as parameters."""

from dataclasses import replace

import pytest

from automtl_core.choices import Architecture
from automtl_core.registry.plugins import load_registry
from automtl_core.search.evidence import Evidence, Point, judged, preferred, ranking
from automtl_core.search.parameters import parameters_of_settings, suggested_settings, usable
from automtl_core.settings.settings import Search
from automtl_core.training.significance import SIGNIFICANCE
from automtl_desan.space import DESAN, DESANSettings
from automtl_strategies.study import parameters_of, suggested_architecture
from automtl_testing.samples import plain_schema, sample_architectures, sample_schema, sample_space


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
    together = [effect("a", -3.2905, 1.0, "closed"), effect("b", -3.2905, 1.0, "closed")]
    assert [one.p for one in judged(together, 1)] == pytest.approx([0.001, 0.001], rel=1e-3), (
        "options that were closed together are one comparison"
    )


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


FRONT = [
    point("inherited", 0.99, 1, trained=False),
    point("tiny", 0.790, 100),
    point("small", 0.7961, 200),
    point("middle", 0.7995, 300),
    point("large", 0.8, 900),
]
TREES = replace(point("trees", 0.7996, 0), loss=-1.0)
"""A point whose cost is unknown, which is not free."""
REAL = [replace(point("a", None, 9), loss=0.4), replace(point("b", None, 1), loss=0.403)]
"""Points without binary tasks, of which R2 decides."""


@pytest.mark.parametrize(
    ("points", "preference", "name"),
    [
        (FRONT, "accuracy", "large"),
        (FRONT, "balanced", "middle"),
        (FRONT, "cost", "small"),
        (FRONT, "900flops", "large"),
        (FRONT, "899flops", "middle"),
        (FRONT, "150flops", "tiny"),
        (FRONT, "9ms", "large"),
        (FRONT, "8.99ms", "middle"),
        *((FRONT, none, None) for none in ("99flops", "speed", "flops", "-1flops", "", "0.5ms", "ms")),
        (FRONT[:1], "accuracy", None),
        ([*FRONT, TREES], "cost", "small"),
        ([*FRONT, TREES], "balanced", "middle"),
        ([*FRONT, TREES], "900flops", "large"),
        (REAL, "accuracy", "a"),
        (REAL, "cost", "b"),
        (REAL, "5flops", "b"),
    ],
)
def test_cheaper_points_may_concede_some_accuracy(points, preference, name):
    """A prediction takes a hundredth of a millisecond for each of the FLOPs."""
    chosen = preferred(points, preference, lambda point: point.flops_per_row / 100)
    assert (None if chosen is None else chosen.name) == name


def test_points_are_ranked_by_their_loss():
    assert ranking([*FRONT, TREES])[0] == TREES


optuna = pytest.importorskip("optuna")


def desan():
    sizes = {"experts": 2, "layers": 2, "ops": ["identity", "mlp-8"], "blocks": 1, "expert_width": 8}
    return DESAN(sample_schema(), DESANSettings.parse(sizes, "space"), load_registry().op)


def trials(count, *first, seed=0):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed))
    for parameters in first:
        study.enqueue_trial(parameters)
    return [study.ask() for _ in range(count)]


@pytest.mark.parametrize("space", [sample_space(), desan()], ids=["sample", "desan"])
def test_each_architecture_is_suggested_by_its_parameters(space):
    known = [*sample_architectures(space, 5), *space.landmarks().values()]
    asked = trials(len(known), *(parameters_of(each, space.choices()) for each in known))
    for architecture, trial in zip(known, asked, strict=True):
        assert suggested_architecture(space, trial, {}) == space.canonical(architecture)


def test_parts_that_are_not_built_have_no_parameters():
    space = desan()
    landmark = space.landmarks()["shared-bottom"]
    (trial,) = trials(1, parameters_of(landmark, space.choices()))
    suggested_architecture(space, trial, {})
    assert "layer0/expert0/block0" in trial.params
    assert "layer0/expert1/block0" not in trial.params
    assert trial.params["layer0/expert0/interaction"] == "none"
    assert trial.params["layer0/expert0/single"] == "all"
    assert not any(name.startswith("layer0/expert0/single:") for name in trial.params)


def test_options_that_differ_between_trials_are_different_parameters():
    one, other, options = sample_space(), sample_space(plain_schema()), {}
    first, second = trials(2)
    suggested_architecture(one, first, options)
    options["layer"] = ("linear", "hidden layer", "more")
    suggested_architecture(other, second, options)
    assert {"layer", "layer'"} == {name for t in (first, second) for name in t.params if "layer" in name}


DOMAINS = {
    "training.rate": Search(1e-4, 1e-1, log=True),
    "space.width": Search(1, 8),
    "features.kind": Search(choices=("a", "b")),
    "features.aggregates": Search(choices=((), [{"key": ["x", "y"]}])),
}
VALUES = {
    "training.rate": 0.012345678,
    "space.width": 3,
    "features.kind": "b",
    "features.aggregates": ({"key": ("x", "y")},),
}


def test_settings_by_part_with_the_values_of_the_run_first():
    own = parameters_of_settings(VALUES, DOMAINS)
    first, *others = trials(20, own)
    assert suggested_settings(first, DOMAINS, VALUES) == {
        "training": {"rate": 0.012345678},
        "space": {"width": 3},
        "features": {"kind": "b", "aggregates": [{"key": ["x", "y"]}]},
    }
    suggested = [suggested_settings(trial, DOMAINS, VALUES) for trial in others]
    rates = [each["training"]["rate"] for each in suggested]
    assert all(1e-4 <= rate <= 1e-1 and float(f"{rate:.3g}") == rate for rate in rates)
    assert min(rates) < 1e-3 < 1e-2 < max(rates), "uniform in the logarithm"
    assert {type(each["space"]["width"]) for each in suggested} == {int}
    assert {len(each["features"]["aggregates"]) for each in suggested} == {0, 1}


@pytest.mark.parametrize(
    ("domain", "value", "wider"),
    [
        (Search(0, 0.4), 0.6, Search(0, 0.6)),
        (Search(1e-3, 1e-1, log=True), 1e-5, Search(1e-5, 1e-1, log=True)),
        (Search(1e-3, 1e-1, log=True), 0.0, None),
        (Search(1e-3, 1e-1, log=True), "auto", None),
        (Search(choices=(1, 2)), 3, Search(choices=(1, 2, 3))),
        (Search(choices=((), [["x"]])), (("x",),), Search(choices=((), [["x"]]))),
    ],
)
def test_a_domain_holds_the_value_of_the_run_or_is_not_searched(domain, value, wider):
    assert usable({"it": domain}, {"it": value}) == ({} if wider is None else {"it": wider})


def test_values_and_decisions_of_another_run_that_do_not_fit_are_left_out():
    theirs = {"training.rate": 5.0, "features.aggregates": ({"key": ("u",)},), "features.kind": "a"}
    assert parameters_of_settings(theirs, DOMAINS) == {"features.kind": "a"}
    space = sample_space()
    decisions = {"fields": ("user",), "layer": "linear"}
    found = parameters_of(Architecture(decisions), space.choices())
    assert found["fields"] == "some"
    assert [name for name, value in found.items() if value is True] == ["fields: user"]
