from automtl_bottoms import Bottoms, BottomsSettings
from automtl_core.registry.plugins import load_registry
from automtl_testing import check_space, sample_schema


def test_bottoms():
    settings = BottomsSettings(bottoms=2, ops=("identity", "mlp-16"), width=8, embedding_dim=4)
    check_space(Bottoms(sample_schema(), settings, load_registry().op), architectures=3)
