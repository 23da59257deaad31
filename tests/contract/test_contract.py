"""Everything registered keeps its contract: registering is being tested."""

from functools import partial

import pytest

from automtl_core.kinds import DATASETS, KINDS, OPS, SPACES, STRATEGIES
from automtl_core.plugins import load_registry
from automtl_core.space import SearchSpace
from automtl_core.testing.datasets import check_dataset
from automtl_core.testing.ops import check_op
from automtl_core.testing.samples import sample_architectures, sample_problem, sample_schema
from automtl_core.testing.spaces import check_space
from automtl_core.testing.strategies import check_strategy

REGISTRY = load_registry()
FAMILY_MEMBERS = {"mlp-*": ["mlp-16", "mlp-48"]}
# Small sizes, for speed.
SMALL = {
    "desan": {"embedding_dim": 4, "expert_width": 8, "experts": 3, "ops": ["identity", "mlp-16", "zero"]},
}


def ops() -> list[str]:
    return [member for name in REGISTRY.names(OPS) for member in FAMILY_MEMBERS.get(name, [name])]


def space(name: str, dense: int = 1, multi: bool = False) -> SearchSpace:
    cls = REGISTRY.get(SPACES, name)
    return cls(
        sample_schema(dense, regression=False, multi=multi),
        cls.settings_class.parse(SMALL.get(name, {}), "space"),
        REGISTRY.op,
    )


SEARCHES = {
    "darts": [{"epochs": 2, "order": "first"}, {"epochs": 2, "order": "second"}],
    "given": [{"decisions": next(sample_architectures(space("desan"), 1)).decisions}],
    "random": [
        {"candidates": 1},
        {"candidates": 2, "epochs": 2},
        {"candidates": 4, "epochs": 1, "halving": 2},
    ],
}


@pytest.mark.parametrize("name", ops())
def test_op(name):
    check_op(REGISTRY.op(name))


@pytest.mark.parametrize(("dense", "multi"), [(0, False), (2, True)])
@pytest.mark.parametrize("name", REGISTRY.names(SPACES))
def test_space(name, dense, multi):
    check_space(space(name, dense, multi), architectures=8)


@pytest.mark.parametrize(
    ("name", "settings"),
    [(name, settings) for name in REGISTRY.names(STRATEGIES) for settings in SEARCHES.get(name, [{}])],
)
def test_strategy(name, settings):
    cls = REGISTRY.get(STRATEGIES, name)
    check_strategy(partial(cls, cls.settings_class(**settings)), sample_problem(space("desan")))


@pytest.mark.parametrize("name", REGISTRY.names(DATASETS))
def test_dataset(name, raw_dataset, tmp_path_factory):
    check_dataset(*raw_dataset(name), tmp_path_factory.mktemp("work"))


@pytest.mark.parametrize("split", ["time", "user"])
@pytest.mark.parametrize("name", REGISTRY.names(DATASETS))
def test_dataset_with_another_split(name, split, raw_dataset, tmp_path_factory):
    dataset, data_dir = raw_dataset(name)
    if getattr(dataset, split) is None:
        pytest.skip(f"{name} has no {split}")
    again = type(dataset)(dataset.settings.model_copy(update={"split": split}))
    check_dataset(again, data_dir, tmp_path_factory.mktemp("work"))


def test_names_are_described():
    for kind in KINDS.values():
        for name in REGISTRY.names(kind):
            assert REGISTRY.describe(kind, name), f"{kind.name} {name} needs a docstring"
