"""The configuration of a run: layers merged into one frozen value.

Precedence: flags and `--set`, then the file, then the preset, then the defaults.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, model_validator

from automtl_core.disk.strict_yaml import parse_yaml
from automtl_core.errors import UsageError
from automtl_core.setting_words import Takes
from automtl_core.settings import Settings
from automtl_core.training.recipe import Recipe

GIVEN = "given"
"""The strategy that searches nothing: it takes the decisions that it is given."""

Layer = Mapping[str, Any]
"""A nested mapping of some of the keys of `RunConfig`."""


def named(given: Any) -> Any:
    """Return a bare name as the mapping that it stands for, and anything else as it is."""
    return {"name": given} if isinstance(given, str) else given


class Component(BaseModel):
    """Which plugin object to use, by name; every other key is one of its settings. A bare name is enough."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        return named(given)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings given, to be validated by the object's own settings class."""
        return dict(self.model_extra or {})


COMPONENTS = ("space", "strategy", "dataset")
"""Keys of a configuration that name something that plugins supply."""
_NAMED = Takes("a name, or {name: NAME, SETTING: VALUE, ...}")


class RunConfig(Settings):
    """Everything that a run depends on, but the code and the raw files."""

    space: Annotated[Component, _NAMED] = Component(name="desan")
    """Search space; see `automtl settings space`."""
    strategy: Annotated[Component, _NAMED] = Component(name="pd-darts")
    """Search strategy; see `automtl settings strategy`."""
    dataset: Annotated[Component, _NAMED] = Component(name="synthetic")
    """Dataset; see `automtl settings dataset`."""
    training: Recipe = Recipe()
    """How models are trained; see `automtl settings training`."""
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
            put = _replaced if key in COMPONENTS else _over
            merged[key] = put(merged.get(key), value)
    return merged


def _replaced(below: Any, value: Any) -> Any:
    """Put what a layer says of a space, strategy or dataset over what is below."""
    below, value = named(below), named(value)
    names = [part["name"] for part in (below, value) if isinstance(part, Mapping) and "name" in part]
    return value if len(names) == 2 and names[0] != names[1] else _over(below, value)


def _over(below: Any, value: Any) -> Any:
    """Put a value over the one below: mappings key by key, anything else in its place."""
    if not (isinstance(below, Mapping) and isinstance(value, Mapping)):
        return value
    return {**below, **{key: _over(below.get(key), each) for key, each in value.items()}}


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
    defaults = RunConfig().model_dump(include=set(COMPONENTS))
    return RunConfig.parse(merge(defaults, *layers))
