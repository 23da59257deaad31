"""The command `automtl new`, which writes projects from examples, and contract tests of `automtl check`.

An example is a project that works, in `examples/KIND`: `automtl_example_op` becomes the module of the new
project, `automtl-example-op` its name, and `example-op` the name of its object.
"""

import importlib.util
import keyword
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automtl_core.errors import PluginError, UsageError, did_you_mean, listing
from automtl_core.registry import kinds
from automtl_core.registry.plugins import load_registry
from automtl_core.registry.registry import Registry
from automtl_core.system.files import publish_folder
from automtl_inspection.sections import Section, lines, next_commands, table
from automtl_report.commands import Output, argument, option

if TYPE_CHECKING:
    from automtl_testing.contracts import Outcome


def check_plugin(name: str, settings: Sequence[str], data_dir: Path | None) -> Output:
    """Run the contract tests of an installed plugin, or of one of its objects, for `automtl check`."""
    from automtl_core.run_dir.config import assignments
    from automtl_testing.contracts import check_installed

    outcomes = list(check_installed(load_registry(), name, assignments(settings), data_dir))
    failed = [outcome for outcome in outcomes if outcome.state == "failed"]
    objects = dict.fromkeys(f"{outcome.kind} {outcome.name!r}" for outcome in failed)
    error = PluginError(
        f"{len(failed)} of {len(outcomes)} objects of {name} failed: {', '.join(objects)}",
        "satisfy the requirements in the table, and repeat; docs/hooks.md describes each contract",
    )
    return Output(outcomes, _view_outcomes, error if failed else None)


def _view_outcomes(outcomes: "Sequence[Outcome]") -> Section:
    rows = [(t.plugin, f"{t.kind} {t.name}", ": ".join(filter(None, (t.state, t.reason)))) for t in outcomes]
    counts = Counter(test.state for test in outcomes)
    total = ", ".join(f"{counts[state]} {state}" for state in ("passed", "failed", "skipped"))
    return table(["plugin", "object", "outcome"], rows, notes=[f"{len(rows)} objects: {total}"])


EXAMPLES = Path(__file__).with_name("examples")
KINDS: Mapping[str, kinds.Kind[Any]] = {
    kind.name.replace(" ", "-"): kind
    for kind in kinds.KINDS.values()
    if (EXAMPLES / kind.name.replace(" ", "-")).is_dir()
}
"""Kinds by the values of `--kind`, and by the folders of their examples."""
COMMANDS = re.compile(r"^```bash\n(.*?)^```$", re.DOTALL | re.MULTILINE)
"""The commands in the README of an example."""


def new_plugin(
    name: str = argument(
        "NAME", "Name of the project, such as automtl-swish; its object is called `swish`.", default=...
    ),
    *,
    kind: str = option("|".join(KINDS), f"Kind of its object: {', '.join(KINDS)}.", default=...),
    out: Path = option("FOLDER", "Folder in which NAME is created [the current one].", default=Path()),
) -> Output:
    """Write a plugin project with an example, a test and a README."""
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
    module, plugin = _names(name, KINDS[kind], load_registry())
    path = out / name
    contents = dict(_files(kind, name, module, plugin))
    with publish_folder(path) as draft:
        for place, text in contents.items():
            (draft / place).parent.mkdir(parents=True, exist_ok=True)
            (draft / place).write_text(text, encoding="utf-8")
    commands = [f"cd {shlex.quote(str(path))}", *COMMANDS.findall(contents["README.md"])[0].splitlines()]
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


def _files(kind: str, name: str, module: str, plugin: str) -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each file of a project."""
    file = kind.replace("-", "_")
    names = {f"automtl-example-{kind}": name, f"automtl_example_{file}": module, f"example-{kind}": plugin}

    def renamed(text: str) -> str:
        for old, new in names.items():
            text = text.replace(old, new)
        return text

    for path in sorted((EXAMPLES / kind).rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            place = path.relative_to(EXAMPLES / kind).as_posix()
            yield renamed(place), renamed(path.read_text(encoding="utf-8"))
