"""The command that writes a plugin project from the templates in `templates/`.

Python templates are packages that work: `example_op` becomes the package of the project, and the name
`example-op` that of its object. Texts are `string.Template`s.
"""

import importlib.util
import keyword
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template
from typing import Any

import automtl_core
from automtl_cli.output import Json
from automtl_core.disk.files import publish_folder
from automtl_core.errors import PluginError, UsageError, did_you_mean, listing
from automtl_core.registry.kinds import (
    BALANCERS,
    DATASETS,
    FIELD_KINDS,
    HISTORY_ENCODERS,
    LISTENERS,
    METRICS,
    OPS,
    SCHEDULERS,
    SPACES,
    STRATEGIES,
    TASK_KINDS,
)
from automtl_core.registry.kinds import Kind as Registered
from automtl_core.registry.plugins import load_registry
from automtl_core.registry.registry import Registry
from automtl_core.views.values import Section, lines, next_commands, table

PREFIX = "automtl-"
"""Prefix of names of distributions that names of objects lack."""
NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
"""Names of distributions (PEP 508)."""
SMALL = "--preset quick --set dataset.rows=20000"
"""Options for a search or a training of about a minute, on generated data."""


@dataclass(frozen=True)
class Kind:
    """A kind of plugin that the command can write."""

    registered: Registered[Any]
    use: str
    """Template of a command that uses the object."""


KINDS: Mapping[str, Kind] = {
    "op": Kind(OPS, f"automtl search --set 'space.ops=[identity, $object]' {SMALL}"),
    "space": Kind(SPACES, f"automtl search --space $object --strategy darts {SMALL}"),
    "strategy": Kind(STRATEGIES, f"automtl search --strategy $object {SMALL}"),
    "scheduler": Kind(
        SCHEDULERS,
        f"automtl search --strategy random --set strategy.scheduler=$object {SMALL}",
    ),
    "dataset": Kind(DATASETS, "automtl train --model mmoe --dataset $object --set training.batch_size=64"),
    "balancer": Kind(BALANCERS, f"automtl train --model mmoe --set training.balancer=$object {SMALL}"),
    "history-encoder": Kind(
        HISTORY_ENCODERS,
        "automtl train --model mmoe --set dataset.kind=history --set dataset.split=time "
        f"--set 'features.history=[matches, $object]' {SMALL}",
    ),
    "field": Kind(FIELD_KINDS, "automtl train --model mmoe --config data/visits.yaml"),
    "task-kind": Kind(TASK_KINDS, "automtl train --model mmoe --config data/orders.yaml"),
    "metric": Kind(METRICS, f"automtl train --model mmoe --set 'metrics=[$object]' {SMALL}"),
    "listener": Kind(LISTENERS, f"automtl train --model mmoe --set 'listeners=[$object]' {SMALL}"),
}
"""Kinds by the values of `--kind`."""


@dataclass(frozen=True)
class Names:
    """The names in a project."""

    project: str
    """Name of the distribution and of the folder."""
    module: str
    """Name of the package."""
    object: str
    """Name of the plugin and of its object."""


def new(name: str, kind: str, out: Path) -> Json:
    """Write a project, and return its folder, its files, and the next commands.

    Args:
        name: Name of the distribution, and of the folder.
        kind: One of `KINDS`.
        out: Folder in which the folder of the project is created.

    Raises:
        RunExistsError: there is such a folder with files, or it cannot be created.
        UsageError: the kind does not exist, or the name is not allowed or in use.

    """
    if kind not in KINDS:
        raise UsageError(
            f"--kind {kind!r} does not exist{did_you_mean(kind, KINDS)}", f"known: {listing(KINDS)}"
        )
    names = checked(name, KINDS[kind].registered, load_registry())
    path = out / name
    contents = dict(files(kind, names))
    with publish_folder(path) as draft:
        for place, text in contents.items():
            (draft / place).parent.mkdir(parents=True, exist_ok=True)
            (draft / place).write_text(text, encoding="utf-8")
    commands = [
        f"cd {shlex.quote(str(path))}",
        "pip install -e '.[dev]'",
        "pytest",
        f"automtl plugins check {names.object}",
    ]
    return {
        "path": str(path),
        "module": names.module,
        "kind": kind,
        "object": names.object,
        "files": sorted(contents),
        "next": [*commands, _use(kind, names)],
    }


def view(written: Json) -> Iterator[Section]:
    """Yield the files of a project and the next commands."""
    yield table(["written"], [[f"{written['path']}/{file}"] for file in written["files"]])
    yield lines(*next_commands(written["next"]))


def checked(name: str, kind: Registered[Any], registry: Registry) -> Names:
    """Return the names in a project.

    Args:
        name: Name of the distribution.
        kind: Kind of the object.
        registry: The installed plugins.

    Raises:
        UsageError: a name is not allowed, or in use.

    """
    if not NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is not the name of a distribution",
            "use letters, digits and dashes, such as automtl-swish; begin and end with a letter or a digit",
        )
    normal = re.sub(r"[-_.]+", "-", name).lower()
    module, own = normal.replace("-", "_"), normal.removeprefix(PREFIX)
    if not module.isidentifier() or keyword.iskeyword(module):
        raise UsageError(
            f"{name!r}: {module!r} cannot be the name of a Python package",
            f"use another name, such as {PREFIX}{own}",
        )
    if module == "tests" or importlib.util.find_spec(module) is not None:
        raise UsageError(
            f"{name!r}: a Python package {module!r} is installed already",
            f"use another name, such as {PREFIX}NAME",
        )
    try:
        kind.check(own, f"{module}:Object")
    except PluginError as error:
        raise UsageError(str(error), "use another name") from None
    if own in registry.names(kind):
        row = registry.supplier(kind, own)
        raise UsageError(
            f"{name!r}: plugin {row.name!r} of {row.distribution} registers the {kind.name} {own!r} already",
            f"use another name; `automtl list {kind.plural}` lists the names in use",
        )
    if own in [row.name for row in registry.rows]:
        raise UsageError(
            f"{name!r}: a plugin {own!r} is installed already",
            "use another name; `automtl plugins` lists the names in use",
        )
    return Names(name, module, own)


def files(kind: str, names: Names) -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each file of a project."""
    templates = resources.files("automtl_cli.plugins") / "templates"
    package = f"example_{kind.replace('-', '_')}"
    words = {package: names.module, package.replace("_", "-"): names.object}
    for template in sorted((templates / package).iterdir(), key=lambda each: each.name):
        if template.name.endswith(".py"):
            folder = "tests" if template.name.startswith("test_") else names.module
            yield f"{folder}/{template.name}", _replaced(template.read_text(encoding="utf-8"), words)
    yield f"{names.module}/py.typed", ""
    yield from _data(templates / package / "data", "data", words)
    values = {
        "project": names.project,
        "module": names.module,
        "object": names.object,
        "kind": KINDS[kind].registered.name,
        "plural": KINDS[kind].registered.plural,
        "file": kind.replace("-", "_"),
        "use": _use(kind, names),
        "version": automtl_core.__version__,
    }
    for template in sorted((templates / "project").iterdir(), key=lambda each: each.name):
        text = Template(template.read_text(encoding="utf-8")).substitute(values)
        yield template.name.removesuffix(".txt"), text


def _data(folder: Traversable, path: str, words: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the files in a folder of data, and in the folders in it."""
    for entry in sorted(folder.iterdir(), key=lambda each: each.name) if folder.is_dir() else ():
        place = f"{path}/{_replaced(entry.name, words)}"
        if entry.is_dir():
            yield from _data(entry, place, words)
        else:
            yield place, _replaced(entry.read_text(encoding="utf-8"), words)


def _replaced(text: str, words: Mapping[str, str]) -> str:
    for word, name in words.items():
        text = text.replace(word, name)
    return text


def _use(kind: str, names: Names) -> str:
    return Template(KINDS[kind].use).substitute(object=names.object)
