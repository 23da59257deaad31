"""The description of a dataset: source, raw files, fields and tasks."""

import inspect
from collections.abc import Iterator
from pathlib import Path

from automtl_cli import options
from automtl_cli.configuration import chosen
from automtl_cli.output import Json
from automtl_cli.settings import explained, view
from automtl_core.dataset.dataset import NOT_NEGATIVE, RawFile
from automtl_core.registry.kinds import DATASETS
from automtl_core.registry.plugins import load_registry
from automtl_inspection.sections import Section, lines, table
from automtl_report.commands import Output


def dataset(name: str) -> Output:
    """Return all that is known about a dataset before its preparation; raises as `chosen` does."""
    which = chosen(options.Dataset(Path(name)))
    result, folder = which.dataset, which.folder
    settings = explained(load_registry(), DATASETS.name, name)
    about = {
        "name": name,
        "description": inspect.cleandoc(type(result).__doc__ or ""),
        **{key: getattr(result, key) for key in ("source", "licence", "preparation")},
        "folder": str(folder) if folder else None,
        "files": {table: _file(file, folder) for table, file in result.files().items()},
        "fields": [{"name": field.name, "kind": field.words} for field in result.fields],
        "tasks": [{key: getattr(label, key) for key in ("name", "kind", "after")} for label in result.labels],
        "splits": ["random", *(split for split in ("user", "time") if getattr(result, split))],
        "published_parts": result.part is not None,
        "settings": settings.settings,
    }
    return Output(about, lambda about: [*_view(about), *list(view(settings))[1:]])


def _view(result: Json) -> Iterator[Section]:
    yield Section(result["name"], [])
    yield lines(*(" ".join(paragraph.split()) for paragraph in result["description"].split("\n\n")))
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
