"""Configuration: layers, assignments, presets, strict YAML, and messages that name everything wrong."""

import pytest

from automtl_core.errors import UsageError
from automtl_core.registry.plugins import load_registry
from automtl_core.registry.registry import Registry
from automtl_core.run_dir.config import (
    Component,
    RunConfig,
    assignments,
    default,
    load_common,
    load_config,
    merge,
    seconds_of,
)
from automtl_core.system.strict_yaml import parse_yaml

REGISTRY = load_registry()
NAMED = {"space": "desan", "strategy": "darts", "dataset": "synthetic"}


def test_later_layers_win_above_the_default_preset():
    config = load_config(NAMED, {"training": {"epochs": 5, "patience": 1}}, {"training": {"epochs": 7}})
    assert (config.training.epochs, config.training.patience) == (7, 1)
    config = load_config(default(REGISTRY))
    names = (config.space.name, config.strategy.name, config.dataset.name)
    assert names == ("desan", "pd-darts", "synthetic")
    assert default(Registry([])) == {}


@pytest.mark.parametrize("key", ["space", "strategy", "dataset"])
@pytest.mark.parametrize("left", [{}, {"seed": 3}, None], ids=["nothing", "settings", "null"])
def test_what_nobody_names_is_asked_for_by_its_flag(key, left):
    layer = {**NAMED, key: left}
    with pytest.raises(UsageError, match=f"no {key} is named") as error:
        load_config(layer)
    assert f"--{key} NAME" in error.value.fix


def test_a_layer_says_what_all_models_share_and_what_each_is():
    common, settings = load_common(NAMED, {"seed": 3, "space": {"experts": 2}, "retrain": "scratch"})
    assert (common.dataset.name, common.seed) == ("synthetic", 3)
    assert settings == {
        "space": {"name": "desan", "experts": 2}, "strategy": {"name": "darts"}, "retrain": "scratch",
    }  # fmt: skip
    with pytest.raises(UsageError, match="sed is not a setting"):
        load_common(NAMED, {"sed": 3})


@pytest.mark.parametrize(
    ("layers", "found"),
    [
        ([{"candidates": 2}, "random"], {"name": "random", "candidates": 2}),
        ([{"name": "random", "candidates": 2}, "random"], {"name": "random", "candidates": 2}),
        ([{"name": "darts", "epochs": 2}, "random"], {"name": "random"}),
        ([{"name": "darts", "epochs": 2}, {"candidates": 2}, "random"], {"name": "random", "candidates": 2}),
        ([None, {"candidates": 2}, "random"], {"name": "random", "candidates": 2}),
        ([{"name": "random", "candidates": 2}, None, "random"], {"name": "random"}),
        (["random", None], None),
    ],
)
def test_settings_without_a_name_are_of_what_is_named_in_any_layer(layers, found):
    below = {"strategy": {"name": "pd-darts", "rounds": 2}}
    assert merge(below, *({"strategy": layer} for layer in layers))["strategy"] == found


def test_assignments_of_components_and_settings():
    texts = ["strategy.name=darts", "strategy.candidates=2", "strategy=random"]
    assert assignments(texts)["strategy"] == {"name": "random", "candidates": 2}
    layer = assignments(
        ["space.ops=[identity, mlp-48]", "training.epochs=3", "training.loss_weights.click=2.0"]
    )
    assert layer == {
        "space": {"ops": ["identity", "mlp-48"]},
        "training": {"epochs": 3, "loss_weights": {"click": 2.0}},
    }


def test_a_component_within_a_part_is_replaced_and_a_label_called_name_is_not():
    below = {"training": {"epochs": 3, "balancer": {"name": "cagrad", "c": 0.3}}}
    assert merge(below, {"training": {"balancer": "mgda"}})["training"] == {
        "epochs": 3, "balancer": {"name": "mgda"},
    }  # fmt: skip
    assert merge(below, {"training": {"balancer": {"c": 0.5}}})["training"]["balancer"]["c"] == 0.5
    assert merge(below, {"training": {"balancer": "cagrad"}}) == below
    below = {"dataset": {"name": "table", "labels": {"name": {"kind": "binary"}, "click": {}}}}
    merged = merge(below, {"dataset": {"labels": {"name": {"kind": "regression"}}}})
    assert merged["dataset"]["labels"] == {"name": {"kind": "regression"}, "click": {}}


@pytest.mark.parametrize(
    ("layers", "found"),
    [
        ((["=softmax"],), {"*": "softmax"}),
        ((["={name: softmax, alpha: 0.3}"],), {"*": {"name": "softmax", "alpha": 0.3}}),
        ((["=softmax", ".click=focal"],), {"*": "softmax", "click": "focal"}),
        ((["=softmax"], [".click=focal"]), {"*": "softmax", "click": "focal"}),
        (([".click=softmax"], ["=focal"]), {"*": "focal"}),
        ((["=softmax"], [".*.alpha=0.3"]), {"*": {"name": "softmax", "alpha": 0.3}}),
        (([".click=softmax"], [".like=focal"]), {"click": "softmax", "like": "focal"}),
        (([".click={name: softmax, alpha: 0.3}"], [".click=focal"]), {"click": "focal"}),
        (([".click=softmax"], [".click.alpha=0.3"]), {"click": {"name": "softmax", "alpha": 0.3}}),
    ],
)
def test_a_loss_for_all_tasks_replaces_those_of_earlier_layers(layers, found):
    given = [assignments(f"training.losses{text}" for text in texts) for texts in layers]
    config = load_config(NAMED, *given)
    assert config.training.losses == {task: Component.model_validate(loss) for task, loss in found.items()}
    assert RunConfig.parse(parse_yaml(config.to_yaml(), "")) == config


@pytest.mark.parametrize("text", ["a", "=1", "a..b=1", "a.b=[1", "a=*x"])
def test_bad_assignments(text):
    with pytest.raises(UsageError):
        assignments([text])


def test_a_config_survives_yaml_and_settings_of_earlier_versions():
    changes = {"space": {"layers": 3}, "data_dir": "x", "training": {"loss_weights": {"a": 2.0}}}
    config = load_config(NAMED, changes)
    assert RunConfig.parse(parse_yaml(config.to_yaml(), "test")) == config
    small = {"name": "shared-bottom", "expert_layers": [128, 64], "tower_layers": [64]}
    earlier = {
        "training": {"checkpoints": "shared"},
        "features": {"wide": False, "statistics": "none", "crosses": []},
        "encoding_search": {"model": small, "margin": 0.0005, "clear": 0.01},
    }
    assert load_config(NAMED, earlier) == load_config(NAMED)


@pytest.mark.parametrize(
    ("part", "settings", "gone"),
    [
        ("training", {"checkpoints": "task"}, "checkpoints"),
        ("features", {"wide": True}, "wide"),
        ("encoding_search", {"clear": 1}, "clear"),
        ("features", {"statistics": "all"}, "statistics: write features.aggregates"),
        ("features", {"statistics": "none", "crosses": [["a", "b"]]}, "crosses: write"),
        ("features", {"statistics": "auto", "crosses": "auto"}, "crosses, statistics: write"),
    ],
)
def test_settings_that_have_gone_are_named_with_those_in_their_place(part, settings, gone):
    with pytest.raises(UsageError, match=f"this version does not have the setting {gone}"):
        load_config(NAMED, {part: settings})


def test_times_are_read():
    seconds = {"90s": 90, "30m": 1800, "1h30m": 5400, "1.5h": 5400, "2m5s": 125}
    assert {text: seconds_of(text) for text in seconds} == seconds
    for wrong in ("", "0s", "soon", "3 days", "-5m", "1m1h", "90", "1h30"):
        with pytest.raises(UsageError, match="--time-budget"):
            seconds_of(wrong)
