"""Origins: the layer that each value of a resolved configuration comes from.

They are merged like the values themselves: each value of a layer is wrapped together with its origin, and
`config.merge` merges the wrapped layers.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from automtl_core.run_dir.config import Layer, merge

Path = tuple[str, ...]
"""Keys from the top of a configuration to a value."""
DEFAULT = "default"
"""Origin of a value that no layer has."""


@dataclass(frozen=True)
class Source:
    """A layer of a configuration with its origin."""

    layer: Layer
    origin: Callable[[Path], str]
    """Function from the path of a value to its origin in words, such as `shop.yaml:3`."""


@dataclass(frozen=True)
class _Value:
    """A value with its origin; equal values of several layers are equal, as `merge` compares names."""

    value: Any
    origin: str = field(compare=False)


def named(origin: str) -> Callable[[Path], str]:
    """Return the function of a layer whose values all have one origin."""
    return lambda path: origin


def origins(config: Layer, sources: Sequence[Source]) -> dict[Path, str]:
    """Return the origin of each value of a resolved configuration.

    Args:
        config: The configuration as plain values, with all settings written out.
        sources: The layers that it results from, the strongest last.

    """
    # A layer is merged alone first, which writes bare names and words such as `features: ids` in full.
    merged = merge(*(_wrapped(merge(source.layer), source.origin, ()) for source in sources))
    return {path: _origin(merged, path) for path in paths(config)}


def paths(config: Layer, above: Path = ()) -> Iterator[Path]:
    """Yield the path of each value; a mapping without entries is a value."""
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from paths(value, (*above, key))
        else:
            yield (*above, key)


def _wrapped(value: Any, origin: Callable[[Path], str], path: Path) -> Any:
    if isinstance(value, Mapping):
        return {key: _wrapped(below, origin, (*path, str(key))) for key, below in value.items()}
    return _Value(value, origin(path))


def _origin(merged: Any, path: Path) -> str:
    """Return the origin of a value, or of the value of a layer that it is a part of."""
    for key in path:
        merged = merged.get(key) if isinstance(merged, Mapping) else merged
    return merged.origin if isinstance(merged, _Value) else DEFAULT
