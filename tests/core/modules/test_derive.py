"""What a network takes over from a supernet."""

import pytest

from automtl_core.choices import Architecture
from automtl_core.errors import ArtifactError
from automtl_core.registry.plugins import load_registry
from automtl_desan.space import DESAN, DESANSettings
from automtl_testing import plain_schema

SIZES = DESANSettings(embedding_dim=4, experts=1, layers=1, blocks=1, expert_width=8, ops=("mlp-16", "zero"))


def test_a_supernet_that_was_fixed_otherwise_cannot_be_inherited_from():
    space = DESAN(plain_schema(), SIZES, load_registry().op)
    supernet = space.supernet()
    supernet.fix("layer0/expert0/block0", "zero")
    wanted = Architecture({**supernet.favourites(), "layer0/expert0/block0": "mlp-16"})
    message = "the architecture has 'mlp-16', but the supernet is fixed to zero"
    with pytest.raises(ArtifactError, match=message):
        space.network(wanted, inherit=supernet)
