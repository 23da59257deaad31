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
from typing import Any, NamedTuple

import automtl_core
from automtl_cli.output import Json
from automtl_core.commands import Output, argument, option
from automtl_core.disk.files import publish_folder
from automtl_core.errors import PluginError, UsageError, did_you_mean, listing
from automtl_core.registry import kinds
from automtl_core.registry.plugins import load_registry
from automtl_core.registry.registry import Registry
from automtl_core.views.values import Section, lines, next_commands, table

PREFIX = "automtl-"
"""Prefix of names of distributions that names of objects lack."""
SMALL = "--preset quick --set dataset.rows=20000"
"""Options for a search or a training of about a minute, on generated data."""


class Kind(NamedTuple):
    """A kind of plugin that the command can write."""

    registered: kinds.Kind[Any]
    example: str
    """Name of the object in the module of the template."""
    use: str
    """Template of a command that uses the object."""


KINDS: Mapping[str, Kind] = {
    "op": Kind(kinds.OPS, "GatedLinear", f"automtl search --set 'space.ops=[identity, $object]' {SMALL}"),
    "space": Kind(kinds.SPACES, "ChosenTowers", f"automtl search --space $object --strategy darts {SMALL}"),
    "strategy": Kind(kinds.STRATEGIES, "JointSearch", f"automtl search --strategy $object {SMALL}"),
    "scheduler": Kind(
        kinds.SCHEDULERS,
        "Screening",
        f"automtl search --strategy random --set strategy.scheduler=$object {SMALL}",
    ),
    "dataset": Kind(
        kinds.DATASETS,
        "Shop",
        "automtl train --model mmoe --dataset $object --set training.batch_size=64",
    ),
    "balancer": Kind(
        kinds.BALANCERS,
        "HardestFirst",
        f"automtl train --model mmoe --set training.balancer=$object {SMALL}",
    ),
    "history-encoder": Kind(
        kinds.HISTORY_ENCODERS,
        "Largest",
        "automtl train --model mmoe --set dataset.kind=history --set dataset.split=time "
        f"--set 'features.history=[matches, $object]' {SMALL}",
    ),
    "field": Kind(kinds.FIELD_KINDS, "HourOfDay", "automtl train --model mmoe --config data/visits.yaml"),
    "task-kind": Kind(kinds.TASK_KINDS, "Median", "automtl train --model mmoe --config data/orders.yaml"),
    "metric": Kind(kinds.METRICS, "BRIER", f"automtl train --model mmoe --set 'metrics=[$object]' {SMALL}"),
    "listener": Kind(
        kinds.LISTENERS, "LearningCurves", f"automtl train --model mmoe --set 'listeners=[$object]' {SMALL}"
    ),
    "exporter": Kind(kinds.EXPORTERS, "TorchScript", "automtl export runs/NAME --format $object"),
    "command": Kind(kinds.COMMANDS, "scores", "automtl $object runs/NAME"),
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


def new_plugin(
    name: str = argument(
        "NAME", "Name of the project, such as automtl-swish; its object is called `swish`.", default=...
    ),
    *,
    kind: str = option("|".join(KINDS), "Kind of the object that the plugin adds.", default=...),
    out: Path = option("FOLDER", "Folder in which the folder NAME is created.", default=Path()),
) -> Output:
    """Write a plugin project with a working example, tests and a README."""
    return Output(new(name, kind, out), _view)


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
    names = _checked(name, KINDS[kind].registered, load_registry())
    path = out / name
    use = Template(KINDS[kind].use).substitute(object=names.object)
    contents = dict(_files(kind, names, use))
    with publish_folder(path) as draft:
        for place, text in contents.items():
            (draft / place).parent.mkdir(parents=True, exist_ok=True)
            (draft / place).write_text(text, encoding="utf-8")
    test = ["pip install -e '.[dev]'", "pytest", f"automtl plugins check {names.object}"]
    return {
        "path": str(path),
        "module": names.module,
        "kind": kind,
        "object": names.object,
        "files": sorted(contents),
        "next": [f"cd {shlex.quote(str(path))}", *test, use],
    }


def _view(written: Json) -> Iterator[Section]:
    yield table(["written"], [[f"{written['path']}/{file}"] for file in written["files"]])
    yield lines(*next_commands(written["next"]))


def _checked(name: str, kind: kinds.Kind[Any], registry: Registry) -> Names:
    """Return the names in a project.

    Raises:
        UsageError: a name is not allowed, or in use.

    """
    if not re.fullmatch("[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", name):  # PEP 508
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


def _files(kind: str, names: Names, use: str) -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each file of a project."""
    templates = resources.files("automtl_cli.plugins") / "templates"
    registered, example, _ = KINDS[kind]
    file = kind.replace("-", "_")
    values = {
        "project": names.project,
        "module": names.module,
        "object": names.object,
        "kind": registered.name,
        "plural": registered.plural,
        "hook": registered.hook.__name__,
        "example": example,
        "file": file,
        "use": use,
        "version": automtl_core.__version__,
    }
    words = {f"example_{file}": names.module, f"example-{kind}": names.object}
    yield from _texts(templates / "project", "", values)
    for path, text in _texts(templates / f"example_{file}", "", None):
        folder = "" if "/" in path else "tests/" if path.startswith("test_") else f"{names.module}/"
        yield f"{folder}{_replaced(path, words)}", _replaced(text, words)


def _texts(folder: Traversable, path: str, values: Mapping[str, str] | None) -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each file in a folder and below, with values in place of names."""
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        place = f"{path}{entry.name}"
        if entry.is_dir() and entry.name != "__pycache__":
            yield from _texts(entry, f"{place}/", values)
        elif entry.is_file() and not entry.name.endswith(".pyc"):
            text = entry.read_text(encoding="utf-8")
            if values is None:
                yield place, text
            else:
                place = Template(place.removesuffix(".txt")).substitute(values)
                yield place, Template(text).substitute(values)


def _replaced(text: str, words: Mapping[str, str]) -> str:
    for word, name in words.items():
        text = text.replace(word, name)
    return text
