"""Choices and domains as parameters: what is suggested, and the parameters that suggest something known."""

import pytest

from automtl_core.choices import Architecture
from automtl_core.registry.plugins import load_registry
from automtl_core.search.parameters import parameters_of_settings, suggested_settings, usable
from automtl_core.settings.settings import Search
from automtl_desan.space import DESAN, DESANSettings
from automtl_strategies.study import parameters_of, suggested_architecture
from automtl_testing.samples import plain_schema, sample_architectures, sample_schema, sample_space

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


def test_random_parameters_are_architectures_that_fit():
    space, options = desan(), {}
    suggested = [suggested_architecture(space, trial, options) for trial in trials(12)]
    for architecture in suggested:
        architecture.check(space.choices())
        assert space.canonical(architecture) == architecture
    gates = [tuple(one.decisions["task/click/experts"]) for one in suggested]
    assert {(), ("expert0", "expert1")} <= {*gates}


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
