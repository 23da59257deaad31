"""The settings of a configuration and of plugins, and their view."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import yaml

from automtl_core.dataset.encodings import Encodings
from automtl_core.registry.kinds import ENGINES, LOSSES
from automtl_core.registry.registry import Registry
from automtl_core.run_dir.config import COMPONENTS, OF_TASKS, ImportanceSettings, RunConfig, default
from automtl_core.search.encoding.rows import EncodingSearchSettings
from automtl_core.settings.settings import Setting, Settings, explain
from automtl_core.training.recipe import Recipe
from automtl_inspection.sections import Section, lines, table

PARTS: Mapping[str, type[Settings]] = {
    "run": RunConfig, "features": Encodings, "encoding_search": EncodingSearchSettings, "training": Recipe,
    "importance": ImportanceSettings,
}  # fmt: skip
"""Parts of a configuration that have settings and no name."""
NAMED = {kind.name: (key, kind) for key, kind in COMPONENTS.items()} | {
    LOSSES.name: (f"{OF_TASKS}.TASK", LOSSES),
    ENGINES.name: (ENGINES.name, ENGINES),
}
"""Parts whose settings depend on a name -> key in a configuration or, of engines, in `--set`, and kind."""


@dataclass(frozen=True)
class Explained:
    """The settings of one part of a configuration."""

    key: str
    """Key in a configuration; empty for the whole configuration."""
    name: str
    """Name of the component; empty if the part has no name."""
    description: str
    settings: Sequence[Setting]


def explained(registry: Registry, kind: str, name: str = "") -> Explained:
    """Return the settings of a part of a configuration, or of a registered name."""
    if kind in PARTS:
        below = default(registry) if kind == "run" else {}
        settings = [replace(s, default=below.get(s.name, s.default)) for s in explain(PARTS[kind])]
        description = (PARTS[kind].__doc__ or "").partition("\n")[0]
        return Explained("" if kind == "run" else kind, "", description, settings)
    key, of = NAMED[kind]
    result = registry.get(of, name)
    return Explained(key, name, registry.describe(of, name), explain(result.settings_class))


def view(result: Explained) -> Iterator[Section]:
    """Yield settings as a table, and an example of a setting."""
    yield lines(f"{result.name or result.key or 'run'}: {result.description}")
    yield table(["setting", "default", "takes", "description"], map(row, result.settings))
    key = ".".join(filter(None, [result.key, result.settings[0].name if result.settings else "SETTING"]))
    file = "" if result.key == ENGINES.name else ", or in a YAML file"
    yield lines(f"Set one with --set {key}=VALUE{file}.")


def row(setting: Setting) -> Sequence[str]:
    """Return the table cells of a setting."""
    takes = f"{setting.takes}; tuned over {setting.tuned}" if setting.tuned else setting.takes
    return setting.name, written(setting.default), takes, setting.description


def written(value: object) -> str:
    """Return a value as in YAML; a dash for null and for empty values."""
    if isinstance(value, str) or value in (None, [], {}):
        return str(value or "-")
    return in_yaml(value) if isinstance(value, list | dict) else json.dumps(value)


def in_yaml(value: object) -> str:
    """Return a value as YAML in one printable line."""
    text = yaml.safe_dump([value], default_flow_style=True, allow_unicode=True, width=1 << 30)[1:-2]
    if text.isprintable():
        return text
    return yaml.safe_dump([value], default_flow_style=True, default_style='"', width=1 << 30)[1:-2]
