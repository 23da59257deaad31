"""DARTS on a problem of two tasks, small enough for tests."""

from automtl_core.registry.plugins import load_registry
from automtl_desan.space import DESAN, DESANSettings
from automtl_strategies.darts import DARTS, DARTSSettings
from automtl_testing.samples import plain_schema, sample_problem


def problem():
    sizes = DESANSettings(
        embedding_dim=4,
        embedding_std=0.5,
        experts=2,
        blocks=1,
        expert_width=8,
        tower_width=8,
        ops=("identity", "mlp-16", "zero"),
    )
    return sample_problem(DESAN(plain_schema(), sizes, load_registry().op))


def strategy(**settings):
    return DARTS(DARTSSettings(**settings), problem())
