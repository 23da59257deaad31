"""The datasets that there are: which ones, and what each of them is and needs."""

import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from automtl_cli import listings
from automtl_cli.configuration import Chosen
from automtl_cli.output import Json
from automtl_cli.settings import written
from automtl_cli.tables import safe, table
from automtl_core.dataset import Column, Dataset, Dense, RawFile, Sparse, stated
from automtl_core.errors import PluginError
from automtl_core.kinds import DATASETS
from automtl_core.plugins import load_registry
from automtl_core.registry import Registry
from automtl_core.settings import explain


def datasets() -> dict[str, dict[str, Any]]:
    """Return the datasets by name: what `automtl list` tells, the tasks, and whether it can be simulated."""
    registry, known = load_registry(), listings.names(DATASETS.plural)
    return {name: {**about, **_in_short(registry, name)} for name, about in known.items()}


def render_datasets(described: Mapping[str, Json]) -> Iterator[RenderableType]:
    """Render the names of datasets, and what each of them is."""
    rows = [
        (name, about["description"], about["tasks"] or None, about["simulated"], about["plugin"])
        for name, about in described.items()
    ]
    yield table(["name", "what it is", "tasks", "can be simulated", "plugin"], rows)


def dataset(chosen: Chosen) -> dict[str, Any]:
    """Return what there is to know of a dataset before it is prepared."""
    found = chosen.dataset
    return {
        "name": chosen.name,
        "description": inspect.cleandoc(type(found).__doc__ or ""),
        "source": found.source,
        "licence": found.licence,
        "preparation": found.preparation,
        "folder": str(chosen.folder) if chosen.folder else None,
        "files": {table: _file(file, chosen.folder) for table, file in found.files().items()},
        "fields": [{"name": field.name, "kind": _field(field)} for field in found.fields],
        "tasks": [{"name": label.name, "kind": label.kind, "after": label.after} for label in found.labels],
        "splits": _splits(found),
        "given_parts": found.part is not None,
        "simulated": can_be_simulated(type(found)),
        "settings": _settings(found),
    }


def render_dataset(found: Json) -> Iterator[RenderableType]:
    """Render what there is to know of a dataset."""
    yield safe(f"{found['name']}\n\n{found['description']}")
    yield Text()
    yield table(["about", ""], _about(found))
    for file in found["files"].values():
        yield Text()
        yield safe(_title(file))
        yield table(["column", "values"], file["columns"].items())
    if found["fields"]:
        yield Text()
        kinds = {field["kind"]: "" for field in found["fields"]}
        names = {kind: [f["name"] for f in found["fields"] if f["kind"] == kind] for kind in kinds}
        yield table(["fields", ""], ((kind, ", ".join(of_kind)) for kind, of_kind in names.items()))
    if found["tasks"]:
        yield Text()
        rows = [(task["name"], task["kind"], task["after"]) for task in found["tasks"]]
        yield table(["task", "kind", "comes after"], rows)
    yield Text()
    settings = ((name, written(about["value"]), about["takes"], about["description"])
                for name, about in found["settings"].items())  # fmt: skip
    yield table(["setting", "value", "takes", "what it is"], settings)


def can_be_simulated(dataset_class: type[Dataset]) -> bool:
    """Return whether the dataset can write generated raw files."""
    return dataset_class.simulate is not Dataset.simulate


def _in_short(registry: Registry, name: str) -> dict[str, Any]:
    try:
        found = registry.get(DATASETS, name)
    except PluginError:  # which the description says
        return {"tasks": [], "simulated": False}
    labels = stated(found, "labels") or ()
    return {"tasks": [label.name for label in labels], "simulated": can_be_simulated(found)}


def _file(file: RawFile, folder: Path | None) -> dict[str, Any]:
    return {
        "path": file.path,
        "found": sum(path.is_file() for path in folder.glob(file.path)) if folder else 0,
        "rows": file.rows,
        "header": file.header,
        "separator": file.separator,
        "columns": {name: _values(column) for name, column in file.columns.items()},
    }


def _values(column: Column) -> str:
    if column.kind == "unused":
        return "not read"
    return " or ".join(column.among) or column.kind + (f" like {column.matching}" if column.matching else "")


def _field(field: Sparse | Dense) -> str:
    if isinstance(field, Dense):
        return "numeric"
    if field.buckets:
        return "numeric, in buckets"
    return {"single": "categorical", "bag": "multi-valued", "sequence": "sequence"}[field.kind]


def _splits(found: Dataset) -> list[str]:
    """Return how the dataset can be split."""
    named = {"user": found.user, "time": found.time}
    return ["random", *(split for split, column in named.items() if column)]


def _settings(found: Dataset) -> dict[str, Json]:
    """Return the settings by name, with their values, and what `automtl settings` tells of them."""
    values = found.settings.model_dump(mode="json")
    return {
        each.name: {"value": values[each.name], "takes": each.takes, "description": each.description}
        for each in explain(type(found).settings_class)
        if each.name in values
    }


def _about(found: Json) -> Iterator[tuple[str, object]]:
    told = {"where to get it": "source", "licence": "licence", "preparation": "preparation"}
    yield from ((what, found[key]) for what, key in told.items() if found[key])
    if found["folder"]:
        yield "raw files in", found["folder"]
    if found["simulated"]:
        yield "no raw files?", f"automtl data simulate {found['name']}"
    yield "split by", ", ".join(found["splits"]) + ("; some parts are given" if found["given_parts"] else "")


def _title(file: Json) -> str:
    rows = f", {file['rows']:,} rows" if file["rows"] else ""
    header = "" if file["header"] else ", no header"
    there = {0: "not there", 1: "there"}.get(file["found"], f"{file['found']} files there")
    return f"{file['path']} ({there}){rows}{header}"
