"""The command that writes a configuration file to start from."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

import automtl_core
from automtl_cli.config.resolved import Request
from automtl_cli.configuration import check_new, write_new
from automtl_cli.options import Configuration
from automtl_cli.output import Json
from automtl_cli.settings import NAMED, explained
from automtl_core.dataset.encodings import WORDS
from automtl_core.errors import on_one_line
from automtl_core.registry.plugins import load_registry
from automtl_core.views.values import Section, lines, next_commands

IMPORTANT: Mapping[str, Sequence[str]] = {
    "run": (
        "seed", "device", "precision", "time_budget", "metrics", "features",
    ),
    "dataset": (
        "split", "validation_fraction", "test_fraction", "min_count", "history_length", "tasks", "bad_rows",
    ),
    "training": (
        "batch_size", "epochs", "patience", "learning_rate", "weight_decay", "embedding_decay",
        "loss_weights", "balancer", "monitor", "monitor_metric", "min_positives",
    ),
}  # fmt: skip
"""Part of a configuration -> settings in the file, of the run and of every dataset."""
HEAD = """\
# Configuration of automtl {version} with default values. Change values, and leave out what stays as it is.
#   automtl config validate {path}
#   automtl search --config {path}
# All settings: `automtl settings run`, and for example `automtl settings dataset NAME`.
# Completion in an editor: `automtl config schema > automtl.schema.json`, and this line without the first `#`:
# # yaml-language-server: $schema=automtl.schema.json
"""


def init(path: Path) -> Json:
    """Write a configuration file with defaults and descriptions.

    Raises:
        RunExistsError: the file exists, or cannot be written.

    """
    check_new(path)
    name = shlex.quote(str(path))
    write_new(path, "\n".join([*_content(on_one_line(name)), ""]))  # a comment is one line
    commands = [f"automtl config validate {name}", f"automtl search --config {name}"]
    return {"path": str(path), "next": commands}


def view(result: Json) -> Section:
    """Return the path of the file, and the next commands."""
    return lines(f"written: {result['path']}", *next_commands(result["next"]))


def _content(path: str) -> Iterator[str]:
    """Yield the lines of a configuration file that is to be written to a path, which is quoted."""
    config = Request(Configuration()).job().config.model_dump(mode="json")
    yield HEAD.format(version=automtl_core.__version__, path=path)
    yield from _settings("run", config, IMPORTANT["run"], "")
    for part in ("dataset", "training"):
        yield f"\n{part}:"
        names = [*(["name"] if part == "dataset" else []), *IMPORTANT[part]]
        yield from _settings(part, config[part], names, "  ")
    for part in ("space", "strategy"):
        yield "\n# Only a search reads these settings; remove the first `#` of each line, and change values."
        yield f"# {part}:"
        yield from _settings(part, config[part], list(config[part]), "#   ")


def _settings(part: str, values: Mapping[str, Any], names: Sequence[str], indent: str) -> Iterator[str]:
    """Yield a line for each setting: its default, and the first sentence of its description."""
    settings = explained(load_registry(), part, values.get("name", "")).settings
    described = {s.name: s.description.partition(". ")[0].rstrip(".") for s in settings}
    if part in NAMED:
        described["name"] = f"one of `automtl list {NAMED[part][1].plural}`"
    for name in names:
        text = yaml.safe_dump(_short(values[name]), default_flow_style=True, width=1 << 30)
        value = text.removesuffix("...\n").rstrip("\n")
        yield f"{indent}{name}: {value}  # {described[name]}"


def _short(value: Any) -> Any:
    """Return the name of a component without settings, or the word for feature encodings, if it is one."""
    if not isinstance(value, Mapping):
        return value
    words = (word for word, settings in WORDS.items() if settings.items() <= value.items())
    return value["name"] if set(value) == {"name"} else next(words, value)
