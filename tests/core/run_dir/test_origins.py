"""Origins of values follow the merge of their layers."""

import pytest

from automtl_core.run_dir.config import merge
from automtl_core.run_dir.origins import DEFAULT, Source, named, origins, paths

FILE = {"space": {"name": "desan", "layers": 2}, "features": "ids", "training": {"epochs": 5, "patience": 1}}
RESOLVED = {
    "space": {"name": "desan", "layers": 2, "experts": 3},
    "features": {"statistics": "none", "bins": 32},
    "training": {"epochs": 7, "patience": 1, "loss_weights": {}},
    "seed": 0,
}
LAYERS = [
    Source({"space": {"name": "desan", "experts": 3}}, named("preset p")),
    Source(FILE, lambda path: f"file {'.'.join(path)}"),
    Source({"training": {"epochs": 7}}, named("--set")),
]


def test_the_last_layer_with_a_value_is_its_origin() -> None:
    assert {".".join(path): origin for path, origin in origins(RESOLVED, LAYERS).items()} == {
        "space.name": "file space.name",
        "space.layers": "file space.layers",
        "space.experts": "preset p",
        "features.statistics": "file features.statistics",
        "features.bins": DEFAULT,
        "training.epochs": "--set",
        "training.patience": "file training.patience",
        "training.loss_weights": DEFAULT,
        "seed": DEFAULT,
    }


def test_settings_of_a_component_that_is_replaced_are_no_origin() -> None:
    layers = [*LAYERS, Source({"space": "mmoe"}, named("--space"))]
    resolved = {"space": {"name": "mmoe", "experts": 4}}
    assert origins(resolved, layers) == {("space", "name"): "--space", ("space", "experts"): DEFAULT}


@pytest.mark.parametrize(
    ("layer", "resolved"),
    [
        ({"dataset": {"labels": ["click"]}}, {"dataset": {"labels": {"click": {"kind": "binary"}}}}),
        ({"dataset": {"labels": {"click": None}}}, {"dataset": {"labels": {"click": {"kind": "binary"}}}}),
        ({"strategy": None}, {"strategy": None}),
    ],
)
def test_parts_of_a_value_have_its_origin(layer, resolved) -> None:
    assert set(origins(resolved, [Source(layer, named("here"))]).values()) == {"here"}


def test_a_value_that_has_an_origin_is_the_merged_one() -> None:
    merged = merge(*(source.layer for source in LAYERS))
    sources = [Source(source.layer, named(str(place))) for place, source in enumerate(LAYERS)]
    for path, place in origins(merged, sources).items():
        value, layer = merged, merge(LAYERS[int(place)].layer)
        for key in path:
            value, layer = value[key], layer[key]
        assert value == layer


def test_a_mapping_without_entries_is_a_value() -> None:
    assert list(paths({"a": {}, "b": {"c": 1}})) == [("a",), ("b", "c")]
