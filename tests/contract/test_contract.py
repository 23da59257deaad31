"""Everything registered keeps its contract: registering is being tested."""

from dataclasses import replace
from functools import partial

import pytest

from automtl_core.choices import AnyOf, Architecture
from automtl_core.data.fitting import bin_edges
from automtl_core.dataset.encodings import plain
from automtl_core.dataset.schema import Pretrained, SparseField
from automtl_core.registry.kinds import (
    BALANCERS,
    DATASETS,
    EXPORTERS,
    HISTORY_ENCODERS,
    LISTENERS,
    LOSSES,
    METRICS,
    OPS,
    SPACES,
    STRATEGIES,
    TASK_KINDS,
)
from automtl_core.registry.plugins import load_registry
from automtl_core.settings.settings import Component
from automtl_core.system import seeds
from automtl_testing.contracts import CHECKS, Subject
from automtl_testing.datasets import check_dataset
from automtl_testing.samples import sample_part, sample_problem, sample_schema
from automtl_testing.spaces import check_space
from automtl_testing.strategies import check_strategy

from .helpers import counted_once, need

REGISTRY = load_registry()
LEARNERS = ["boosting", "linear"]
"""Spaces whose models learn by themselves: what holds for networks is not for them."""
NETWORKS = [name for name in REGISTRY.names(SPACES) if name not in LEARNERS]
# Small sizes, for speed.
SMALL = {"desan": {
    "embedding_dim": 4, "expert_width": 8, "experts": 3, "layers": 2, "blocks": 2,
    "ops": ["identity", "mlp-16", "mlp-linear-16+factorised-8", "zero"],
}}  # fmt: skip

NARROW = {"embedding_dim": 4, "expert_layers": [8, 4], "tower_layers": [4]}
"""Sizes of hand-designed models."""
SMALL["average"] = {"models": [{"name": "desan", **SMALL["desan"], "layers": 1}, {"name": "mmoe", **NARROW}]}


def space(name, schema, sizes=None):
    sizes = SMALL.get(name, {}) if sizes is None or name in SMALL else sizes
    return REGISTRY.space(Component.model_validate({"name": name, **sizes}), schema)


# For strategies, of which each check is a dozen searches.
SEARCHED = {
    "embedding_dim": 4, "experts": 1, "blocks": 2, "expert_width": 8, "tower_width": 8,
    "ops": ["identity", "mlp-linear-4", "mlp-linear-8"],
}  # fmt: skip
SHORT = {"rung_epochs": 1}
ENTROPY = {"warmup_epochs": 1, "search_epochs": 2, "fix_per_epoch": 1}
SEARCHES = {
    "darts": [{"epochs": 2}],
    "pd-darts": [{**SHORT, "epochs": 1, "rounds": 2}],
    "pd-darts-entropy": [ENTROPY],
    "random": [{"candidates": 1}, {"candidates": 3, **SHORT}],
    "study": [{"trials": 3, "batch": 2, "landmarks": 1, "rung_epochs": 1}, {"trials": 2, "landmarks": 0}],
}


PLAIN = (OPS, BALANCERS, HISTORY_ENCODERS, LOSSES, METRICS, TASK_KINDS, LISTENERS, EXPORTERS)
"""Kinds of objects that are checked with their defaults; of a family, such as `ndcg-*`, two members."""
SUBJECTS = [
    *(Subject(REGISTRY, SPACES, name, SMALL.get(name, NARROW), None) for name in NETWORKS),
    *(
        Subject(REGISTRY, kind, member, {}, None)
        for kind in PLAIN
        for name in REGISTRY.names(kind)
        for member in dict.fromkeys(name.replace("*", number) for number in ("1", "16"))
    ),
]


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: f"{subject.kind.name} {subject.name}")
def test_contract(subject, tmp_path):
    need(subject.object())
    seeds.seed_torch(0)
    CHECKS[subject.kind.plural](subject, subject.parsed(), tmp_path)


ENCODED = {
    "aggregates": ("tags", ("tab", "user")), "numbers": "bins", "derived": [["x0", "/", "x1"]],
    "history": ("matches", "last-2", "mean", "attention"),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_space_with_all_encodings_and_pretrained_vectors(name):
    sample = sample_schema(dense=2, histories=True)
    vectors = SparseField("item:vector", 9, vectors=Pretrained("item", 3))
    schema = replace(sample, sparse=(*sample.sparse, vectors)).encoded(plain().with_answers(**ENCODED))
    made = space(name, schema, SMALL.get(name, NARROW))
    made.edges = bin_edges(sample_part(schema, 200, seed=3), schema)
    check_space(made, architectures=3)
    everything = {n: c.options if isinstance(c, AnyOf) else c.options[0] for n, c in made.choices().items()}
    whole = made.cost(Architecture(everything))
    nothing = {name: () if isinstance(made.choices()[name], AnyOf) else d for name, d in everything.items()}
    assert whole.flops_per_row > 0
    assert made.cost(Architecture(nothing)).flops_per_row <= whole.flops_per_row


@pytest.mark.parametrize(
    ("name", "settings"),
    [(name, settings) for name in REGISTRY.names(STRATEGIES) for settings in SEARCHES.get(name, [{}])],
)
def test_strategy(name, settings):
    cls = REGISTRY.get(STRATEGIES, name)
    need(cls)
    searched = counted_once(space("desan", sample_schema(), SEARCHED))
    problem = sample_problem(searched, rows=64, epochs=2, missing=0.3)
    check_strategy(partial(cls, cls.settings_class(**settings)), problem)


@pytest.mark.parametrize("split", ["", "time", "user"])
@pytest.mark.parametrize("name", REGISTRY.names(DATASETS))
def test_dataset(name, split, raw_dataset, tmp_path_factory):
    dataset, data_dir = raw_dataset(name)
    if split and getattr(dataset, split) is None:
        pytest.skip(f"{name} has no {split}")
    if split:
        dataset = type(dataset)(dataset.settings.model_copy(update={"split": split}))
    check_dataset(dataset, data_dir, tmp_path_factory.mktemp("work"))
