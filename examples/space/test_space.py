import pytest

from automtl_core.plugin import Schema
from automtl_core.registry.plugins import load_registry
from automtl_example_space import Bottoms, BottomsSettings
from automtl_testing import check_space, plain_schema, sample_schema


@pytest.mark.parametrize("schema", [plain_schema(), sample_schema(dense=2)], ids=["plain", "mixed"])
def test_contract(schema: Schema) -> None:
    settings = BottomsSettings(bottoms=2, ops=("identity", "mlp-16"), width=8, embedding_dim=4)
    registry = load_registry()
    check_space(Bottoms(schema, settings, registry.op, registry.history_encoder), architectures=3)
