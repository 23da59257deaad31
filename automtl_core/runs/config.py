"""The configuration of a run: layers merged into one frozen value.

Precedence: flags and `--set`, then the file, then the preset, then the defaults.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict

from automtl_core.disk.strict_yaml import parse_yaml
from automtl_core.errors import UsageError
from automtl_core.settings import Settings
from automtl_core.training.recipe import Recipe

GIVEN = "given"
"""The strategy that searches nothing: it takes the decisions that it is given."""

Layer = Mapping[str, Any]
"""A nested mapping of some of the keys of `RunConfig`."""


class Component(BaseModel):
    """Which plugin object to use, by name; every other key is one of its settings."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str

    @property
    def settings(self) -> dict[str, Any]:
        """The settings given, to be validated by the object's own settings class."""
        return dict(self.model_extra or {})


class RunConfig(Settings):
    """Everything that a run depends on, but the code and the raw files."""

    space: Component = Component(name="desan")
    """Search space."""
    strategy: Component = Component(name="pd-darts")
    """Search strategy."""
    dataset: Component = Component(name="synthetic")
    """Dataset."""
    training: Recipe = Recipe()
    """How models are trained."""
    retrain: Literal["inherit", "scratch"] | None = None
    """Whether the found network goes on from the weights of the search or starts anew; where None, as the
    strategy does."""
    seed: int = 0
    """Seed of everything random but the split of the data, which is a setting of the dataset."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute; auto takes a GPU if there is one."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Of the products inside of networks: bf16 is faster where the processor has it; weights and losses stay
    fp32."""
    data_dir: Path | None = None
    """Folder of the raw files."""
    prepared_dir: Path = Path("prepared")
    """Folder that keeps prepared datasets."""

    def to_yaml(self) -> str:
        """Return the text of `config.yaml`."""
        text: str = yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)
        return text


def merge(*layers: Layer) -> dict[str, Any]:
    """Merge layers, later ones over earlier ones, key by key.

    A layer that names another space, strategy or dataset drops the settings that earlier layers gave to the
    one it replaces.
    """
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            below = merged.get(key)
            if isinstance(value, Mapping) and isinstance(below, Mapping):
                replaced = value.get("name", below.get("name")) != below.get("name")
                merged[key] = dict(value) if replaced else merge(below, value)
            else:
                merged[key] = value
    return merged


def assignments(texts: Iterable[str]) -> dict[str, Any]:
    """Return the layer of `a.b=value` texts; values are YAML, such as `[identity, mlp-64]`.

    Raises:
        UsageError: a text is not of that form.

    """
    layer: dict[str, Any] = {}
    for text in texts:
        path, equals, value = text.partition("=")
        keys = path.strip().split(".")
        if not equals or not all(keys):
            raise UsageError(
                f"--set {text!r} is not of the form a.b=value", "such as --set training.epochs=5"
            )
        nested = parse_yaml(value, f"--set {path}")
        for key in reversed(keys):
            nested = {key: nested}
        layer = merge(layer, nested)
    return layer


def load_config(*layers: Layer) -> RunConfig:
    """Merge layers over the defaults and validate the outcome.

    Raises:
        UsageError: listing every unknown key and wrong value.

    """
    defaults = RunConfig().model_dump(include={"space", "strategy", "dataset"})
    return RunConfig.parse(merge(defaults, *layers), "config")
