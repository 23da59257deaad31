"""The commands `automtl plugins check` and `automtl plugins new`: contract tests, projects from templates.

Python templates are packages that work: `example_op` becomes the package of the project, and the name
`example-op` that of its object. Texts are `string.Template`s.
"""

import importlib.util
import keyword
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any, NamedTuple

import automtl_core
from automtl_core.commands import Output, argument, option
from automtl_core.errors import PluginError, UsageError, did_you_mean, listing
from automtl_core.registry import kinds
from automtl_core.registry.plugins import load_registry
from automtl_core.registry.registry import Registry
from automtl_core.system.files import publish_folder
from automtl_core.views.values import Section, lines, next_commands, table

if TYPE_CHECKING:
    from automtl_testing.contracts import Outcome


def check_plugin(
    name: str = argument(
        "NAME", "Name of a plugin, a distribution, or an object such as mlp-64 or mmoe.", default=...
    ),
    *,
    data_dir: Path | None = option("FOLDER", "Folder of the raw files of a dataset.", "--data-dir"),
    settings: list[str] | None = option(
        "A.B=VALUE", "Setting of the tested objects, such as strategy.epochs=2; repeatable.", "--set"
    ),
) -> Output:
    """Run the contract tests of an installed plugin, or of one of its objects.

    If a test fails, the exit code is 69.
    """
    from automtl_core.run_dir.config import assignments
    from automtl_testing.contracts import check_installed

    by_kind = _by_kind(assignments(settings or ()))
    outcomes = list(check_installed(load_registry(), name, by_kind, data_dir))
    failed = [outcome for outcome in outcomes if outcome.state == "failed"]
    objects = dict.fromkeys(f"{outcome.kind} {outcome.name!r}" for outcome in failed)
    error = PluginError(
        f"{len(failed)} of {len(outcomes)} tests of {name} failed: {', '.join(objects)}",
        "satisfy the requirements in the table, and repeat; docs/hooks.md describes each contract",
    )
    return Output(outcomes, _view_outcomes, error if failed else None)


def _view_outcomes(outcomes: "Sequence[Outcome]") -> Section:
    rows = [
        (t.plugin, f"{t.kind} {t.name}", t.test, ": ".join(filter(None, (t.state, t.reason))))
        for t in outcomes
    ]
    counts = Counter(test.state for test in outcomes)
    total = ", ".join(f"{counts[state]} {state}" for state in ("passed", "failed", "skipped"))
    return table(["plugin", "object", "test", "outcome"], rows, notes=[f"{len(rows)} tests: {total}"])


def _by_kind(layer: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return settings by the plural of their kind.

    Raises:
        UsageError: a key is not one of `CONFIGURABLE`, or has no mapping.

    """
    from automtl_testing.contracts import CONFIGURABLE

    plurals = {key: plural for plural, key in CONFIGURABLE.items()}
    for key, values in layer.items():
        if key not in plurals or not isinstance(values, Mapping):
            raise UsageError(
                f"--set {key}: tests of a plugin have no such setting",
                f"begin with {listing(f'{known}.' for known in plurals)}: such as --set strategy.epochs=2",
            )
    return {plurals[key]: values for key, values in layer.items()}


SMALL = "--preset quick --set dataset.rows=20000"
"""Options for a search or a training of about a minute, on generated data."""
TRAIN = "automtl train --model mmoe"


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
    "dataset": Kind(kinds.DATASETS, "Shop", f"{TRAIN} --dataset $object --set training.batch_size=64"),
    "loss": Kind(kinds.LOSSES, "Smoothed", f"{TRAIN} --set training.losses=$object {SMALL}"),
    "balancer": Kind(kinds.BALANCERS, "HardestFirst", f"{TRAIN} --set training.balancer=$object {SMALL}"),
    "history-encoder": Kind(
        kinds.HISTORY_ENCODERS,
        "Largest",
        f"{TRAIN} --set dataset.kind=history --set dataset.split=time "
        f"--set 'features.history=[matches, $object]' {SMALL}",
    ),
    "field": Kind(kinds.FIELD_KINDS, "HourOfDay", f"{TRAIN} --config data/visits.yaml"),
    "task-kind": Kind(kinds.TASK_KINDS, "Median", f"{TRAIN} --config data/orders.yaml"),
    "metric": Kind(kinds.METRICS, "BRIER", f"{TRAIN} --set 'metrics=[$object]' {SMALL}"),
    "listener": Kind(kinds.LISTENERS, "LearningCurves", f"{TRAIN} --set 'listeners=[$object]' {SMALL}"),
    "exporter": Kind(kinds.EXPORTERS, "TorchScript", "automtl export runs/NAME --format $object"),
    "command": Kind(kinds.COMMANDS, "scores", "automtl $object runs/NAME"),
}
"""Kinds by the values of `--kind`."""


def new_plugin(
    name: str = argument(
        "NAME", "Name of the project, such as automtl-swish; its object is called `swish`.", default=...
    ),
    *,
    kind: str = option("|".join(KINDS), "Kind of the object that the plugin adds.", default=...),
    out: Path = option("FOLDER", "Folder in which the folder NAME is created.", default=Path()),
) -> Output:
    """Write a plugin project with a working example, tests and a README."""
    return Output(new(name, kind, out), _view_new)


def new(name: str, kind: str, out: Path) -> Mapping[str, Any]:
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
    module, plugin = _names(name, KINDS[kind].registered, load_registry())
    path = out / name
    use = Template(KINDS[kind].use).substitute(object=plugin)
    values = {"project": name, "module": module, "object": plugin, "use": use}
    contents = dict(_files(kind, values))
    with publish_folder(path) as draft:
        for place, text in contents.items():
            (draft / place).parent.mkdir(parents=True, exist_ok=True)
            (draft / place).write_text(text, encoding="utf-8")
    test = ["pip install -e '.[dev]'", "pytest", f"automtl plugins check {plugin}"]
    commands = [f"cd {shlex.quote(str(path))}", *test, use]
    about = {"path": str(path), "module": module, "kind": kind, "object": plugin}
    return {**about, "files": sorted(contents), "next": commands}


def _view_new(written: Mapping[str, Any]) -> Iterator[Section]:
    yield table(["written"], [[f"{written['path']}/{file}"] for file in written["files"]])
    yield lines(*next_commands(written["next"]))


def _names(name: str, kind: kinds.Kind[Any], registry: Registry) -> tuple[str, str]:
    """Return the name of the package of a project, and that of its plugin and of the object.

    Raises:
        UsageError: a name is not allowed, or in use.

    """
    normal = re.sub(r"[-_.]+", "-", name).lower()
    module, plugin = normal.replace("-", "_"), normal.removeprefix("automtl-")
    if not re.fullmatch("[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", name):  # PEP 508
        problem = " is not the name of a distribution"
        fix = "use letters, digits and dashes, such as automtl-swish; begin and end with a letter or a digit"
    elif not module.isidentifier() or keyword.iskeyword(module):
        problem = f": {module!r} cannot be the name of a Python package"
        fix = f"use another name, such as automtl-{plugin}"
    elif module == "tests" or importlib.util.find_spec(module) is not None:
        problem = f": a Python package {module!r} is installed already"
        fix = "use another name, such as automtl-NAME"
    elif plugin in registry.names(kind):
        row = registry.supplier(kind, plugin)
        problem = f": plugin {row.name!r} of {row.distribution} registers the {kind.name} {plugin!r} already"
        fix = f"use another name; `automtl list {kind.plural}` lists the names in use"
    elif plugin in [row.name for row in registry.rows]:
        problem = f": a plugin {plugin!r} is installed already"
        fix = "use another name; `automtl plugins` lists the names in use"
    else:
        try:
            kind.check(plugin, f"{module}:Object")
        except PluginError as error:
            raise UsageError(str(error), "use another name") from None
        return module, plugin
    raise UsageError(f"{name!r}{problem}", fix)


def _files(kind: str, values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each file of a project; `values` are those of the templates."""
    registered, example, _ = KINDS[kind]
    file = kind.replace("-", "_")
    values = {
        **values,
        "kind": registered.name,
        "plural": registered.plural,
        "hook": registered.hook,
        "example": example,
        "file": file,
        "version": automtl_core.__version__,
    }

    def renamed(text: str) -> str:
        return text.replace(f"example_{file}", values["module"]).replace(f"example-{kind}", values["object"])

    for place, text in _texts("project"):
        yield Template(place.removesuffix(".txt")).substitute(values), Template(text).substitute(values)
    for place, text in _texts(f"example_{file}"):  # in place of files of the project with the same names
        folder = "" if "/" in place else "tests/" if place.startswith("test_") else f"{values['module']}/"
        yield folder + renamed(place), renamed(text)


def _texts(template: str) -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each file of a template."""
    folder = Path(__file__).with_name("templates") / template
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix != ".pyc":
            yield path.relative_to(folder).as_posix(), path.read_text(encoding="utf-8")
