"""The catalogue of datasets: names, descriptions, raw files and settings."""

import inspect
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from automtl_cli import options
from automtl_cli.configuration import chosen
from automtl_cli.output import Json, entry
from automtl_cli.settings import written
from automtl_core.dataset.dataset import NOT_NEGATIVE, RawFile, stated
from automtl_core.errors import PluginError
from automtl_core.registry.kinds import DATASETS
from automtl_core.registry.plugins import load_registry
from automtl_core.registry.registry import Registry
from automtl_core.settings.settings import explain
from automtl_core.views.values import Section, lines, table


def datasets() -> dict[str, Json]:
    """Return the datasets by name, with description, tasks and plugin."""
    registry = load_registry()
    return {name: _listed(registry, name) for name in registry.names(DATASETS)}


def view_datasets(described: Mapping[str, Json]) -> Section:
    """Return a table of datasets."""
    rows = [(name, d["description"], d["tasks"] or None, d["plugin"]) for name, d in described.items()]
    return table(["name", "description", "tasks", "plugin"], rows)


def dataset(name: str) -> Json:
    """Return everything about a dataset that is known before its preparation; raises as `chosen` does."""
    which = chosen(options.Dataset(name))
    result, folder = which.dataset, which.folder
    values = result.settings.model_dump(mode="json")
    settings = [setting for setting in explain(type(result).settings_class) if setting.name in values]
    return {
        "name": name,
        "description": inspect.cleandoc(type(result).__doc__ or ""),
        **{key: getattr(result, key) for key in ("source", "licence", "preparation")},
        "folder": str(folder) if folder else None,
        "files": {table: _file(file, folder) for table, file in result.files().items()},
        "fields": [{"name": field.name, "kind": field.words} for field in result.fields],
        "tasks": [{key: getattr(label, key) for key in ("name", "kind", "after")} for label in result.labels],
        "splits": ["random", *(split for split in ("user", "time") if getattr(result, split))],
        "published_parts": result.part is not None,
        "settings": {
            s.name: {"value": values[s.name], "takes": s.takes, "description": s.description}
            for s in settings
        },
    }


def view_dataset(result: Json) -> Iterator[Section]:
    """Yield the sections of a dataset."""
    yield Section(result["name"], [])
    yield lines(result["description"])
    about = {key: result[key] for key in ("source", "licence", "preparation") if result[key]}
    if result["folder"]:
        about["raw files in"] = result["folder"]
    parts = "; with published parts" if result["published_parts"] else ""
    about["split by"] = ", ".join(result["splits"]) + parts
    yield table(["about", ""], about.items())
    for file in result["files"].values():
        yield table(["column", "values"], file["columns"].items(), title=_title(file))
    kinds: dict[str, list[str]] = {}
    for field in result["fields"]:
        kinds.setdefault(field["kind"], []).append(field["name"])
    if kinds:
        yield table(["fields", ""], kinds.items())
    if result["tasks"]:
        yield table(["task", "kind", "comes after"], ([*task.values()] for task in result["tasks"]))
    rows = [(k, written(s["value"]), s["takes"], s["description"]) for k, s in result["settings"].items()]
    yield table(["setting", "value", "takes", "description"], rows)


def _listed(registry: Registry, name: str) -> Json:
    about = entry(registry, DATASETS, name)
    try:
        result = registry.get(DATASETS, name)
    except PluginError:  # the description contains this error
        return {**about, "tasks": []}
    labels = stated(result, "labels")
    if labels is None:  # they depend on settings
        with suppress(Exception):  # such as for settings without defaults
            labels = result(result.settings_class()).labels
    return {**about, "tasks": [label.name for label in labels or ()]}


def _file(file: RawFile, folder: Path | None) -> Json:
    present = sum(path.is_file() for path in folder.glob(file.path)) if folder else 0
    columns = {}
    for name, column in file.columns.items():
        like = f" like {column.matching}" if column.matching else ""
        like = " from 0 on" if column.matching == NOT_NEGATIVE else like
        kind = "not read" if column.kind == "unused" else column.kind
        columns[name] = " or ".join(column.among) or f"{kind}{like}"
    about = {key: getattr(file, key) for key in ("rows", "header", "separator")}
    return {"path": file.path, "found": present, **about, "columns": columns}


def _title(file: Json) -> str:
    rows = f", {file['rows']:,} rows" if file["rows"] else ""
    header = "" if file["header"] else ", no header"
    there = {0: "missing", 1: "present"}.get(file["found"], f"{file['found']} files present")
    return f"{file['path']} ({there}){rows}{header}"
