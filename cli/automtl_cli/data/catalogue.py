"""The datasets that there are: which ones, and what each of them is and needs."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from rich.console import RenderableType
from rich.text import Text

from automtl_cli import listings
from automtl_cli.configuration import Chosen
from automtl_cli.settings import written
from automtl_cli.tables import safe, table
from automtl_core.dataset.dataset import Column, Dataset, RawFile, stated
from automtl_core.errors import PluginError
from automtl_core.registry.kinds import DATASETS
from automtl_core.registry.plugins import load_registry
from automtl_core.registry.registry import Registry
from automtl_core.settings.settings import explain


@dataclass(frozen=True)
class Listed(listings.Entry):
    """A dataset in short."""

    tasks: Sequence[str]
    simulated: bool
    """Whether it can be."""


@dataclass(frozen=True)
class File:
    """A raw file of a dataset."""

    path: str
    found: int
    """Files that are there."""
    rows: int | None
    header: bool
    separator: str
    columns: Mapping[str, str]
    """Name -> what values it holds."""


@dataclass(frozen=True)
class Field:
    """A field of a dataset."""

    name: str
    kind: str


@dataclass(frozen=True)
class Task:
    """A label of a dataset."""

    name: str
    kind: str
    after: str | None


@dataclass(frozen=True)
class Valued:
    """A setting of a dataset with its value."""

    value: object
    takes: str
    description: str


@dataclass(frozen=True)
class Sheet:
    """What there is to know of a dataset before it is prepared."""

    name: str
    description: str
    source: str
    licence: str
    preparation: str
    folder: str | None
    files: Mapping[str, File]
    fields: Sequence[Field]
    tasks: Sequence[Task]
    splits: Sequence[str]
    """How it can be split."""
    given_parts: bool
    simulated: bool
    """Whether it can be."""
    settings: Mapping[str, Valued]


def datasets() -> dict[str, Listed]:
    """Return the datasets by name."""
    registry = load_registry()
    return {name: _listed(registry, name) for name in registry.names(DATASETS)}


def render_datasets(described: Mapping[str, Listed]) -> Iterator[RenderableType]:
    """Render the names of datasets, and what each of them is."""
    rows = [
        (name, about.description, about.tasks or None, about.simulated, about.plugin)
        for name, about in described.items()
    ]
    yield table(["name", "what it is", "tasks", "can be simulated", "plugin"], rows)


def dataset(chosen: Chosen) -> Sheet:
    """Return what there is to know of a dataset before it is prepared."""
    found = chosen.dataset
    return Sheet(
        name=chosen.name,
        description=inspect.cleandoc(type(found).__doc__ or ""),
        source=found.source,
        licence=found.licence,
        preparation=found.preparation,
        folder=str(chosen.folder) if chosen.folder else None,
        files={table: _file(file, chosen.folder) for table, file in found.files().items()},
        fields=[Field(field.name, field.words) for field in found.fields],
        tasks=[Task(label.name, label.kind, label.after) for label in found.labels],
        splits=_splits(found),
        given_parts=found.part is not None,
        simulated=can_be_simulated(type(found)),
        settings=_settings(found),
    )


def render_dataset(found: Sheet) -> Iterator[RenderableType]:
    """Render what there is to know of a dataset."""
    yield safe(f"{found.name}\n\n{found.description}")
    yield Text()
    yield table(["about", ""], _about(found))
    for file in found.files.values():
        yield Text()
        yield safe(_title(file))
        yield table(["column", "values"], file.columns.items())
    if found.fields:
        yield Text()
        kinds = dict.fromkeys(field.kind for field in found.fields)
        names = {kind: [field.name for field in found.fields if field.kind == kind] for kind in kinds}
        yield table(["fields", ""], ((kind, ", ".join(of_kind)) for kind, of_kind in names.items()))
    if found.tasks:
        yield Text()
        yield table(["task", "kind", "comes after"], map(astuple, found.tasks))
    yield Text()
    settings = ((name, written(s.value), s.takes, s.description) for name, s in found.settings.items())
    yield table(["setting", "value", "takes", "what it is"], settings)


def can_be_simulated(dataset_class: type[Dataset]) -> bool:
    """Return whether the dataset can write generated raw files."""
    return dataset_class.simulate is not Dataset.simulate


def _listed(registry: Registry, name: str) -> Listed:
    entry = listings.entry(registry, DATASETS, name)
    try:
        found = registry.get(DATASETS, name)
    except PluginError:  # which the description says
        return Listed(entry.description, entry.plugin, [], simulated=False)
    tasks = [label.name for label in stated(found, "labels") or ()]
    return Listed(entry.description, entry.plugin, tasks, can_be_simulated(found))


def _file(file: RawFile, folder: Path | None) -> File:
    found = sum(path.is_file() for path in folder.glob(file.path)) if folder else 0
    columns = {name: _values(column) for name, column in file.columns.items()}
    return File(file.path, found, file.rows, file.header, file.separator, columns)


def _values(column: Column) -> str:
    if column.kind == "unused":
        return "not read"
    return " or ".join(column.among) or column.kind + (f" like {column.matching}" if column.matching else "")


def _splits(found: Dataset) -> list[str]:
    """Return how the dataset can be split."""
    named = {"user": found.user, "time": found.time}
    return ["random", *(split for split, column in named.items() if column)]


def _settings(found: Dataset) -> dict[str, Valued]:
    """Return the settings by name, with their values, and what `automtl settings` tells of them."""
    values = found.settings.model_dump(mode="json")
    return {
        each.name: Valued(values[each.name], each.takes, each.description)
        for each in explain(type(found).settings_class)
        if each.name in values
    }


def _about(found: Sheet) -> Iterator[tuple[str, object]]:
    told = {"where to get it": found.source, "licence": found.licence, "preparation": found.preparation}
    yield from ((what, said) for what, said in told.items() if said)
    if found.folder:
        yield "raw files in", found.folder
    if found.simulated:
        yield "no raw files?", f"automtl data simulate {found.name}"
    yield "split by", ", ".join(found.splits) + ("; some parts are given" if found.given_parts else "")


def _title(file: File) -> str:
    rows = f", {file.rows:,} rows" if file.rows else ""
    header = "" if file.header else ", no header"
    there = {0: "not there", 1: "there"}.get(file.found, f"{file.found} files there")
    return f"{file.path} ({there}){rows}{header}"
