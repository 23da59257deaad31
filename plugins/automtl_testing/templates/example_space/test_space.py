import pytest
from automtl_core.plugin import Architecture, Schema
from automtl_core.registry.plugins import load_registry
from automtl_testing import check_space, plain_schema, sample_schema

from example_space.space import ChosenTowers, ChosenTowersSettings


def space(schema: Schema) -> ChosenTowers:
    registry = load_registry()
    return ChosenTowers(schema, ChosenTowersSettings(width=8), registry.op, registry.history_encoder)


@pytest.mark.parametrize("schema", [plain_schema(), sample_schema(dense=2)], ids=["plain", "mixed"])
def test_contract(schema: Schema) -> None:
    check_space(space(schema))


def test_each_hidden_layer_has_its_cost() -> None:
    made = space(plain_schema())
    shallow, deep = (
        made.cost(Architecture(dict.fromkeys(made.choices(), option)))
        for option in ("linear", "two hidden layers")
    )
    assert deep.parameters - shallow.parameters == 2 * 2 * (8 * 8 + 8)  # two tasks, two layers
