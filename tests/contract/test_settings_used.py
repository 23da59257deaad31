"""Every setting is used: another value of it changes something that follows."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from typing import Any, get_args

import numpy as np
import pytest
import torch
from stopping import Reports

from automtl_core.data.earlier import rule_of
from automtl_core.data.fitting import encoded
from automtl_core.dataset.encodings import PLAIN, Encodings
from automtl_core.errors import UsageError
from automtl_core.modules.network import Penalised
from automtl_core.registry.kinds import BALANCERS, LOSSES, SPACES, STRATEGIES
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.config import Shared, default
from automtl_core.search.trial import Training, Trials
from automtl_core.settings.settings import Component, domains
from automtl_core.training.batches import take
from automtl_core.training.compute import CPU
from automtl_core.training.fit import Fit
from automtl_core.training.learner import Learner, TrainingData
from automtl_core.training.recipe import Recipe
from automtl_core.workflow.job import Job
from automtl_core.workflow.models import models
from automtl_testing.samples import sample_part, sample_problem, sample_schema

from .helpers import counted_once, need

REGISTRY = load_registry()
SCHEMA = sample_schema()
DESAN = {
    "embedding_dim": 4, "layers": 1, "experts": 2, "blocks": 2, "expert_width": 8, "tower_width": 8,
    "ops": ["identity", "mlp-16"],
}  # fmt: skip


def space(name, values):
    return REGISTRY.space(Component.model_validate({"name": name, **values}), SCHEMA)


SEARCHED = {**DESAN, "experts": 1, "members": 4, "ops": ["identity", "mlp-linear-4", "mlp-linear-8"]}
"""What strategies search."""

RIVALS = ["shared-bottom", "all-identity", "all-mlp-linear-4", "all-mlp-linear-8"]

BASES: Mapping[str, Mapping[str, Any]] = {
    "average": {"models": ["shared-bottom", "mmoe"]},
    "boosting": {"leaves": 2, "rounds": 8, "patience": 8},
    "linear": {"penalties": [1.0]},
    "desan": DESAN,
    "darts": {"epochs": 1},
    "pd-darts": {"epochs": 1, "rivals": ["shared-bottom"], "rung_epochs": 1, "rounds": 1},
    "pd-darts-entropy": {"warmup_epochs": 1, "search_epochs": 2, "fix_per_epoch": 1},
    "random": {"candidates": 4, "rung_epochs": 1},
    "study": {"trials": 4, "landmarks": 1, "rung_epochs": 1},
    "encodings": PLAIN,
    "recipe": {"batch_size": 16, "epochs": 3, "min_positives": 1},
}
"""Settings in place of defaults that are too slow, or leave a setting without effect."""
WAITING = {"patience": 1, "epochs": 8, "learning_rate": 0.1}
BESIDE: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "desan": {"nested": {"ops": ["mlp-8", "mlp-16"]}},
    "pd-darts": {
        "ensemble": {"rivals": RIVALS},
        "steps": {"epochs": 2},
        "ahead": {"rivals": RIVALS, "ahead": 0.0},  # a rival goes on, or the network of the search
    },
    "random": {"rows": {"candidates": 8, "rivals": RIVALS, "ahead": 0.7}},
    "study": {"batch": {"landmarks": 0}, "flops": {"trials": 6}},
    "encodings": {
        "history": {"history": ["last-2"]},
        "history_window": {"history": ["mean"]},
        "refresh": {"aggregates": ["item"]},
    },
    "recipe": dict.fromkeys(["monitor", "monitor_metric", "patience"], WAITING),
}
"""Settings that have an effect only beside others."""
VALUES: Mapping[str, Any] = {
    "aggregates": ["tags"], "balancer": {"name": "uncertainty"}, "loss_weights": {"click": 3.0},
    "losses": {"name": "focal"}, "monitor": ["price"], "derived": [["x0", "/", "x1"]],
    "penalties": [9.0], "monitor_metric": "pr-auc", "rivals": ["all-mlp-linear-4"],
}  # fmt: skip
"""Other values of settings whose type has too many."""


def kinds_of(annotation):
    """Yield the types of an annotation, and the texts that it allows."""
    yield annotation
    for part in get_args(annotation):
        yield from kinds_of(part)


def others(settings, name):
    """Yield other values of a setting, which follow from its type: near the value, and far from it."""
    value, kinds = getattr(settings, name), [*kinds_of(type(settings).model_fields[name].annotation)]
    if name in VALUES:
        values = [VALUES[name]]
    elif isinstance(value, bool):
        values = [not value]
    elif isinstance(value, tuple):
        values = [value[:-1], *((*value[:-1], last + 1) for last in value[-1:] if isinstance(last, int))]
    else:
        values = [kind for kind in kinds if isinstance(kind, str)]
        near = value if isinstance(value, int | float) else 0
        values += [near / 2 or 0.5, 0.0, 1.0, 2.0, 1e6, 1e9] if float in kinds else []
        values += [near + 1, 1, 2, 3, 8, 60, 100] if int in kinds and float not in kinds else []
    for other in values:
        with suppress(UsageError):
            if getattr(type(settings).parse({name: other}, "setting"), name) != value:
                yield other


def differs(owner, settings_class, name, outcome):
    """Return whether another value of a setting changes the outcome of settings."""
    base = {**BASES.get(owner, {}), **BESIDE.get(owner, {}).get(name, {})}
    first = outcome(base)
    return any(
        not same(first, outcome({**base, name: other}))
        for other in others(settings_class.parse(base, owner), name)
    )


def of(kind):
    """Return each setting of each thing registered, with its owner."""
    return [
        (owner, setting)
        for owner in REGISTRY.names(kind)
        for setting in REGISTRY.get(kind, owner).settings_class.model_fields
    ]


def same(one, other):
    """Return whether nothing differs, down to the last bit."""
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def built(name, values):
    """Return what a space makes: its choices, the weights of its supernet, and what a training step sees.

    A model that learns by itself has learned before.
    """
    torch.manual_seed(0)
    supernet = space(name, values).supernet().train()
    if isinstance(supernet.network, Learner):
        train, validation = (sample_part(SCHEMA, 200, seed) for seed in (1, 2))
        supernet.network.learn(TrainingData(train, validation, SCHEMA.tasks), 0, lambda done, until: True)
    weights = {key: tensor.clone() for key, tensor in supernet.state_dict().items()}
    batch = take(sample_part(SCHEMA, 32, seed=1), np.arange(32), CPU.device)
    torch.manual_seed(1)
    logits = supernet(batch.features)
    likelier = torch.linspace(-2, 2, logits.numel()).view_as(logits)  # later tasks than earlier ones
    penalty = supernet.penalty(likelier) if isinstance(supernet, Penalised) else None
    return supernet.choices(), weights, logits.detach(), penalty


@pytest.mark.parametrize(("name", "setting"), of(SPACES))
def test_a_setting_of_a_space_changes_what_is_built(name, setting):
    need(REGISTRY.get(SPACES, name))
    base = BASES.get(name, {})
    assert same(built(name, base), built(name, base)), "nothing else may change it"
    settings_class = REGISTRY.get(SPACES, name).settings_class
    assert differs(name, settings_class, setting, partial(built, name)), f"{name}.{setting} is not used"


@cache
def searched_space():
    """Return the space that all strategies search."""
    return counted_once(space("desan", SEARCHED))


@cache
def searched(name, text):
    """Return what a search says beforehand, what it reports, what it finds, and why.

    Args:
        name: Of the strategy.
        text: Its settings as JSON.

    """
    cls = REGISTRY.get(STRATEGIES, name)
    settings = cls.settings_class.parse(json.loads(text), "strategy")
    problem = sample_problem(searched_space(), rows=128)
    recipe = problem.recipe.model_copy(update={"epochs": 4, "learning_rate": 0.03})
    known = problem.space.landmarks()  # which take the place of models of other spaces
    trials = Trials(model=lambda name: Training(name, known[name]))
    strategy = cls(settings, replace(problem, recipe=recipe, trials=trials))
    watch = Reports()
    found = strategy.search(watch)
    network = {} if found.network is None else found.network.state_dict()
    told = [value.to_json() for value in (*found.evidence, *found.front)]
    return (
        strategy.epochs(settings, strategy.problem.recipe),
        [report.to_json() for report in watch.reports],
        found.architecture.decisions,
        network,
        told,
        cls.held_out_share(settings),
    )


OF_RUNS = {("study", "fixed")}
"""Settings that have no effect outside of a run; see test_study.py and test_asha.py."""


@pytest.mark.parametrize(("name", "setting"), [each for each in of(STRATEGIES) if each not in OF_RUNS])
def test_a_setting_of_a_strategy_changes_its_search(name, setting):
    cls = REGISTRY.get(STRATEGIES, name)
    need(cls)

    def outcome(values):
        planned, reports, *rest = searched(name, json.dumps(values))
        assert planned is None or len(reports) <= planned, "more epochs than planned"
        return reports, rest

    assert differs(name, cls.settings_class, setting, outcome), f"{name}.{setting} is not used"


DESAN_RANDOM = {"space": "desan", "strategy": "random"}
SEARCHED_DECAY = {"features": "ids", "training": {"embedding_decay": 0.1}, "encoding_search": {"rows": 500}}


def load(layer):
    if "space" in layer:
        return Job.load(REGISTRY, {"dataset": "synthetic"}, layer)
    return models(["boosting"], REGISTRY, {"dataset": "synthetic"}, layer)


@pytest.mark.parametrize(
    ("layer", "ignored"),
    [
        ({"training": {"learning_rate": 5}}, "training.learning_rate would be ignored by boosting"),
        ({"features": {"numbers": "bins"}}, "features.numbers would be ignored by boosting"),
        ({"precision": "bf16"}, "precision would be ignored by boosting"),
        ({"features": "ids", "encoding_search": {"epochs": 3}}, "encoding_search.epochs would be ignored"),
        ({**DESAN_RANDOM, "decisions": {"a": "b"}}, "decisions.a would be ignored"),
        ({**DESAN_RANDOM, **SEARCHED_DECAY}, "encoding_search.rows would be ignored"),
    ],
)
def test_a_setting_that_is_ignored_is_an_error(layer, ignored):
    with pytest.raises(UsageError, match=f"^{ignored}"):
        load(layer)


def test_a_setting_that_some_model_reads_is_none():
    jobs = models(["boosting", "mmoe"], REGISTRY, {"dataset": "synthetic"}, {"training": {"epochs": 5}})
    assert jobs["mmoe"].config.training.epochs == 5
    below, preset = [{"training": {"epochs": 6}}], Shared(training={"patience": 1})
    models(["boosting"], REGISTRY, preset, {"dataset": "synthetic", "features": "ids"}, below=below)
    models(["boosting"], REGISTRY, {"dataset": "synthetic"}, {"features": {"numbers": "standard"}})
    file = Shared(
        features="ids", training={"epochs": 5, "embedding_decay": 0.1}, encoding_search={"epochs": 3}
    )
    models(["linear"], REGISTRY, file, {"dataset": "synthetic"})
    assert Job.load(REGISTRY, default(REGISTRY), file, {}).config.training.epochs == 5


DOMAINS = [
    (cls, name)
    for cls in [Recipe, *(REGISTRY.get(kind, name).settings_class for kind in (SPACES, STRATEGIES)
                          for name in REGISTRY.names(kind))]
    for name in domains(cls)
]  # fmt: skip


@pytest.mark.parametrize(("cls", "name"), dict.fromkeys(DOMAINS))
def test_a_setting_takes_all_of_its_domain_and_that_holds_its_default(cls, name):
    domain, default = domains(cls)[name], getattr(cls(), name)
    ends = domain.choices or (domain.low, domain.high)
    assert default == "auto" or min(ends) <= default <= max(ends)
    between = [] if domain.choices else np.linspace(domain.low, domain.high, 20).tolist()
    whole = not domain.choices and isinstance(domain.low, int) and isinstance(domain.high, int)
    for value in [*ends, *(round(each) if whole else each for each in between)]:
        assert getattr(cls.parse({name: value}), name) == value


OF_JOBS = ("monitor_metric",)
"""Settings of the recipe that change what judges a training: see their tests in tests/core/workflow."""


def fitted(values, model="shared-bottom"):
    """Return the reports, the best epoch and the weights of a small network, or of another model."""
    torch.manual_seed(0)
    settings = {"expert_layers": [8], "tower_layers": []} if model == "shared-bottom" else BASES[model]
    network = space(model, settings).supernet().network
    train, validation = (sample_part(SCHEMA, 128, seed) for seed in (1, 2))
    lists = np.arange(128, dtype=np.int32) // 8
    train = replace(train, lists=lists)
    recipe = Recipe.parse(dict(values), "training")
    losses = {loss.name: REGISTRY.get(LOSSES, loss.name) for loss in recipe.losses.values()}
    recipe = recipe.knowing(REGISTRY.get(BALANCERS, recipe.balancer.name), losses)
    fit = Fit(network, TrainingData(train, validation, SCHEMA.tasks), recipe, 0, CPU)
    watch = Reports()
    fit.run(watch)
    return [report.to_json() for report in watch.reports], fit.best_epoch, fit.network.state_dict()


@pytest.mark.parametrize("setting", [name for name in Recipe.model_fields if name not in OF_JOBS])
def test_a_setting_of_the_recipe_changes_the_training(setting):
    assert differs("recipe", Recipe, setting, fitted), f"training.{setting} is not used"


@pytest.mark.parametrize("setting", Recipe.model_fields)
@pytest.mark.parametrize(
    "name", [pytest.param("boosting", marks=pytest.mark.needs_extra("boosting")), "linear"]
)
def test_a_setting_of_the_recipe_that_is_ignored_changes_no_model_that_learns_by_itself(name, setting):
    if f"training.{setting}" in REGISTRY.get(SPACES, name).ignores:
        assert not differs("recipe", Recipe, setting, partial(fitted, model=name))


@pytest.mark.parametrize(("name", "setting"), of(LOSSES))
def test_a_setting_of_a_loss_changes_the_training(name, setting):
    def outcome(values):
        return fitted({**BASES["recipe"], "losses": {"name": name, **values}})

    assert differs(name, REGISTRY.get(LOSSES, name).settings_class, setting, outcome)


@pytest.mark.parametrize(("name", "setting"), of(BALANCERS))
def test_a_setting_of_a_balancer_changes_the_training(name, setting):
    cls = REGISTRY.get(BALANCERS, name)
    need(cls)

    def outcome(values):
        return fitted({**BASES["recipe"], "balancer": {"name": name, **values}})

    assert differs(name, cls.settings_class, setting, outcome), f"{name}.{setting} is not used"


def given(values):
    """Return what a small network is given of training rows, and its weights."""
    cls = REGISTRY.get(SPACES, "shared-bottom")
    plain = sample_schema(dense=2, histories=True)
    part, schema = sample_part(plain, 128, seed=1), plain.encoded(Encodings.parse(dict(values), "features"))
    made = cls(schema, cls.settings_class(), REGISTRY.op, REGISTRY.history_encoder)
    times = np.arange(128) * 9000.0
    rows = encoded(part, part, schema, rule_of(128, times, refresh=schema.encodings.refresh))
    made.edges = rows.edges
    torch.manual_seed(0)
    network = made.supernet().network
    batch = take(rows.train, np.arange(128), CPU.device)
    return network.inputs(batch.features).flat(), network.state_dict()


@pytest.mark.parametrize("setting", Encodings.model_fields)
def test_a_setting_of_the_encodings_changes_what_networks_are_given(setting):
    assert differs("encodings", Encodings, setting, given), f"features.{setting} is not used"
