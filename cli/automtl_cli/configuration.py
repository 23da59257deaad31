"""Conversion of options to a configuration and its dataset."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os.path import abspath
from pathlib import Path
from typing import Any

from automtl_core.dataset.dataset import Dataset
from automtl_core.disk.strict_yaml import read_places, read_yaml
from automtl_core.errors import UsageError, together
from automtl_core.registry.kinds import DATASETS, PRESETS
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.config import (
    Layer,
    assignments,
    default,
    load_common,
    load_config,
    merge,
    seconds_of,
    split,
)
from automtl_core.run_dir.folders import raw_folder
from automtl_core.run_dir.origins import Source, named
from automtl_core.workflow.components import parsed, unknown_names
from automtl_core.workflow.model_names import check_model, parts, run_of

WRITTEN = "prepared_dir"
"""The setting of a folder to write to."""


@dataclass(frozen=True)
class Chosen:
    """A dataset with its settings and folders."""

    name: str
    dataset: Dataset
    folder: Path | None
    """Absolute folder of the raw files; None if the dataset needs none."""
    prepared_dir: Path


def layers(
    preset_name: str | None, file: Path | None, flags: Mapping[str, Any], settings: Sequence[str] | None
) -> list[Layer]:
    """Return options as layers of a configuration, in increasing precedence."""
    return [source.layer for source in sources(preset_name, file, flags, settings)]


def sources(
    preset_name: str | None, file: Path | None, flags: Mapping[str, Any], settings: Sequence[str] | None
) -> list[Source]:
    """Return the layers of options with their origins, in increasing precedence.

    Raises:
        UsageError: a file or an option is not as expected, or a file names a folder to write to outside of
            the working directory.

    """
    given, of_file = assignments(settings or ()), Source({}, named("")) if file is None else _of_file(file)
    if WRITTEN not in given:
        _check_within(of_file)
    return [
        Source(preset(preset_name), named(f"preset {preset_name}")),
        of_file,
        Source(
            {key: value for key, value in flags.items() if value is not None},
            lambda path: f"--{path[0].replace('_', '-')}",
        ),
        Source(given, named("--set")),
    ]


def _check_within(source: Source) -> None:
    """Refuse a folder to write to outside of the working directory; a file may come from someone else."""
    folder = source.layer.get(WRITTEN)
    if isinstance(folder, str) and not Path(abspath(folder)).is_relative_to(Path.cwd()):
        raise UsageError(
            f"{source.origin((WRITTEN,))}: {WRITTEN}: {folder!r} is outside of the working directory",
            f"name a folder in it, or give it yourself: --set {WRITTEN}={shlex.quote(folder)}",
        )


def _of_file(file: Path) -> Source:
    """Return the layer of a file; the origin of a value is its line."""
    places = read_places(file)
    return Source(read_yaml(file), lambda path: f"{file}:{places.of(path)}")


def preset(name: str | None) -> Layer:
    """Return the settings of a preset; empty without a name."""
    return load_registry().get(PRESETS, name) if name is not None else {}


def seconds(time_budget: str | None) -> float | None:
    """Return the seconds of a time budget; None without one.

    Raises:
        UsageError: the text is not a duration.

    """
    return None if time_budget is None else seconds_of(time_budget)


def check(layers: Sequence[Layer], *models: str) -> None:
    """Check what can be checked without torch, whose import takes seconds: all but settings of its users.

    Args:
        layers: The layers of the options.
        *models: Names of the models to train; none for a search.

    Raises:
        UnknownNameError: no plugin registers a name.
        UsageError: a shared setting or one of the dataset does not exist or has a wrong value.

    """
    registry = load_registry()
    for model in models:
        check_model(model, registry)
    lowest = split(default(registry))[0] if models else default(registry)
    layer = merge(lowest, *layers)
    faults = unknown_names(layer, registry)
    if not any(run_of(parts(model)[0]) for model in models):  # which would be layers below
        try:
            (load_common if models else load_config)(layer)
        except UsageError as error:
            faults.insert(0, error)
        faults += parsed(layer, registry, [DATASETS.name])[1]
    if faults:
        raise together(faults)


def chosen(
    name: str,
    data_dir: Path | None,
    file: Path | None,
    settings: Sequence[str] | None,
    bad_rows: str | None = None,
    max_bad_rows: int | None = None,
) -> Chosen:
    """Return the dataset of the options, with its settings.

    Raises:
        UnknownNameError: no plugin registers the name.
        UsageError: a setting does not exist or has a wrong value.

    """
    rows = {"bad_rows": bad_rows, "max_bad_rows": max_bad_rows}
    flags = {"dataset": {key: value for key, value in rows.items() if value is not None}}
    config, _ = load_common(*layers(None, file, {"dataset": name, "data_dir": data_dir}, settings), flags)
    registry = load_registry()
    dataset_class = registry.get(DATASETS, config.dataset.name)
    chosen = dataset_class.settings_class.parse(config.dataset.settings, "dataset", name)
    if max_bad_rows is not None and chosen.bad_rows != "skip":
        raise UsageError("--max-bad-rows has no effect without skip", "add --bad-rows skip, or leave it out")
    dataset = dataset_class(chosen, registry.field_kind)
    folder = raw_folder(dataset, config.dataset.name, config.data_dir)
    return Chosen(config.dataset.name, dataset, folder, config.prepared_dir)
