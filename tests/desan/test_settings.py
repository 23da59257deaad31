import pytest

from automtl_core.errors import UsageError
from automtl_core.registry.kinds import PRESETS
from automtl_core.registry.plugins import load_registry
from automtl_desan.space import DESANSettings


def preset(name):
    given = dict(load_registry().get(PRESETS, name)["space"])
    assert given.pop("name") == "desan"
    return given


def test_preset_paper_is_the_papers_space_exactly():
    paper = {
        "embedding_dim": 16, "embedding_std": 0.01, "layers": 2, "experts": 4,
        "blocks": 3, "residual": False, "expert_width": 64, "tower_width": 64, "dropout": 0.2,
        "members": 1, "gating": "all", "tables": "shared", "numbers": "all", "nested": False,
        "ops": ("identity", *(f"mlp-{h}" for h in (16, 32, 64, 128, 256, 512, 1024))),
    }  # fmt: skip
    assert DESANSettings.parse(preset("paper"), "space").model_dump() == paper
    assert set(preset("paper")) == set(paper), "whatever the defaults become"


def test_preset_quick_is_a_part_of_the_default_space():
    quick, default = DESANSettings.parse(preset("quick"), "space"), DESANSettings()
    smaller = {"ops": quick.ops, "experts": quick.experts, "blocks": quick.blocks}
    assert quick == default.model_copy(update=smaller)
    assert set(quick.ops) < set(default.ops)
    assert quick.experts < default.experts
    assert quick.blocks < default.blocks


def test_experts_have_the_same_names_in_each_layer():
    assert DESANSettings(experts=3).expert_names == ["expert0", "expert1", "expert2"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers": 0}, "space.layers: expected a whole number from 1 to 100, given 0"),
        ({"dropout": 1.0}, "space.dropout: expected a number from 0 and below 1, given 1.0"),
        ({"ops": ()}, "space.ops"),
        ({"gating": "closed"}, "space.gating"),
        ({"tables": "own"}, "space.tables"),
        ({"expert": 3}, "space.expert is not a setting (did you mean 'experts'?)"),
    ],
)
def test_bad_settings_are_named(change, message):
    with pytest.raises(UsageError) as error:
        DESANSettings.parse(change, "space")
    assert message in str(error.value)
