"""The commands that resolve a configuration without data, check a file, and write one to start from."""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

import automtl_core
from automtl_cli import options
from automtl_cli.configuration import Layers, check_new, layers, write_new
from automtl_cli.output import Json
from automtl_cli.settings import NAMED, explained, written
from automtl_core.dataset.dataset import expected_schema
from automtl_core.dataset.encodings import WORDS
from automtl_core.dataset.schema import Schema
from automtl_core.errors import ArtifactError, UsageError, on_one_line
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.config import DEFAULT, Source, default, origins
from automtl_core.system.strict_yaml import Places, read_places
from automtl_core.views.values import Section, lines, next_commands, preformatted, table
from automtl_core.workflow.job import Job
from automtl_core.workflow.models import common, layer
from automtl_core.workflow.workflow import Workflow


@dataclass(frozen=True)
class Request:
    """The options that select a configuration."""

    configuration: options.Configuration
    model: str | None = None
    """Model to train without a search; None for a search."""
    flags: Mapping[str, Any] = field(default_factory=dict)
    """Values of other options by their keys in a configuration."""

    @cached_property
    def layers(self) -> Layers:
        """The layers of the options."""
        return layers(self.configuration, self.flags)

    def job(self) -> Job:
        """Return the resolved job; raises as `search` and `train` do before they read data."""
        flow = Workflow(load_registry())
        if self.model is None:
            return flow.job(self.layers.all())
        if named_too := [key for key in ("space", "strategy") if self.flags.get(key) is not None]:
            unused = " and ".join(f"--{key}" for key in named_too)
            raise UsageError(f"--model is trained without a search, and takes no {unused}", "leave it out")
        return flow.model(self.model, self.layers.all())

    def sources(self) -> list[Source]:
        """Return all layers of the configuration with their origins, the strongest last."""
        registry = load_registry()
        lowest = Source(default(registry), f"preset {DEFAULT}")
        own = self.layers.sources
        if self.model is None:
            return [lowest, *own]
        model, origin = layer(self.model, registry), f"--model {self.model}"
        parts = {key: model.get(key) for key in ("space", "strategy")}
        chosen = {key: part and {"name": part["name"]} for key, part in parts.items()}
        below = [Source(common(self.model, registry), origin), Source(model, origin)]
        # Options cannot change the space and the strategy of a model, only their settings.
        return [lowest, *below, *own, Source(chosen, origin)]


def resolved(request: Request, with_origins: bool) -> Json:
    """Return a resolved configuration, with the origin of each value if `with_origins`."""
    config = request.job().config.model_dump(mode="json")
    if not with_origins:
        return {"config": config}
    by_path = origins(config, request.sources())
    return {"config": config, "origins": {".".join(path): origin for path, origin in by_path.items()}}


def view_resolved(result: Json) -> Section:
    """Return the configuration as YAML, or each value with its origin."""
    if "origins" not in result:
        return preformatted(yaml.safe_dump(result["config"], sort_keys=False).rstrip())
    values = dict(_values(result["config"], ""))
    rows = [(key, written(values[key]), origin) for key, origin in result["origins"].items()]
    return table(["setting", "value", "origin"], rows)


def checked(file: Path, model: str | None) -> Json:
    """Return the faults of a configuration file, each with its line and remedy.

    Raises:
        InputMissingError: there is no such file.
        UsageError: it is not plain YAML.

    """
    places = read_places(file)
    faults = {  # a mapping, since two checks may find one fault
        problem: {"line": _line(problem, places), "problem": problem, "remedy": error.fix}
        for error in _errors(Request(options.Configuration(config=file), model))
        for problem in str(error).splitlines()
    }
    return {"file": str(file), "valid": not faults, "faults": [*faults.values()]}


def view_checked(result: Json) -> Section:
    """Return the faults of a file, each with its line, and remedies below, or that it is valid."""
    if result["valid"]:
        return lines(f"{result['file']}: valid")
    by_remedy = groupby(result["faults"], key=lambda fault: fault["remedy"])
    return lines(*(text for fix, faults in by_remedy for text in _with_remedy(result["file"], faults, fix)))


def errors_of(job: Job) -> Iterator[UsageError]:
    """Yield the errors of a job that its settings do not show, and that are known before any row is read."""
    for check in (lambda: job.checked(_schema(job)), job.metrics):
        try:
            check()
        except UsageError as error:
            yield error


def _schema(job: Job) -> Schema:
    """Return the schema that the dataset of a job declares.

    Raises:
        UsageError: it declares no field or no task.

    """
    try:
        return expected_schema(job.dataset())
    except ArtifactError as error:
        fix = "name fields and labels; for a table, `automtl data init FILE` writes these settings"
        raise UsageError(f"dataset: {error}", fix) from None


def _errors(request: Request) -> Iterable[UsageError]:
    """Return all errors of a configuration that are known before any row is read."""
    try:
        return errors_of(request.job())
    except UsageError as error:
        return error.several or [error]


def _with_remedy(file: str, faults: Iterable[Json], remedy: str | None) -> Iterator[str]:
    for fault in faults:
        place = file if fault["line"] is None else f"{file}:{fault['line']}"
        yield f"{place}: {fault['problem']}"
    yield from (f"  fix: {line}" for line in (remedy or "").splitlines())


def _values(config: Json, above: str) -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from _values(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _line(problem: str, places: Places) -> int | None:
    """Return the line of the setting that a message begins with, or of the name that it quotes."""
    keys = [path for path in places.keys if re.match(rf"{re.escape('.'.join(path))}(?![\w-])", problem)]
    if keys:
        return places.keys[max(keys, key=len)]
    quoted = [name for name in re.findall("'([^']*)'", problem) if name in places.values]
    return places.values[quoted[0]] if quoted else None


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


def write_template(path: Path) -> Json:
    """Write a configuration file with defaults and descriptions.

    Raises:
        RunExistsError: the file exists, or cannot be written.

    """
    check_new(path)
    name = shlex.quote(str(path))
    write_new(path, "\n".join([*_content(on_one_line(name)), ""]))  # a comment is one line
    commands = [f"automtl config validate {name}", f"automtl search --config {name}"]
    return {"path": str(path), "next": commands}


def view_template(result: Json) -> Section:
    """Return the path of the file, and the next commands."""
    return lines(f"written: {result['path']}", *next_commands(result["next"]))


def _content(path: str) -> Iterator[str]:
    """Yield the lines of a configuration file that is to be written to a path, which is quoted."""
    config = Request(options.Configuration()).job().config.model_dump(mode="json")
    yield HEAD.format(version=automtl_core.__version__, path=path)
    yield from _lines_of("run", config, IMPORTANT["run"], "")
    for part in ("dataset", "training"):
        yield f"\n{part}:"
        names = [*(["name"] if part == "dataset" else []), *IMPORTANT[part]]
        yield from _lines_of(part, config[part], names, "  ")
    for part in ("space", "strategy"):
        yield "\n# Only a search reads these settings; remove the first `#` of each line, and change values."
        yield f"# {part}:"
        yield from _lines_of(part, config[part], list(config[part]), "#   ")


def _lines_of(part: str, values: Mapping[str, Any], names: Sequence[str], indent: str) -> Iterator[str]:
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
