"""Conversion of options to a configuration and its dataset; new configuration files."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from os.path import abspath
from pathlib import Path
from typing import Any

from automtl_cli import options
from automtl_core.dataset.dataset import Dataset
from automtl_core.errors import UsageError, is_table, together
from automtl_core.registry.kinds import DATASETS, ENGINES, PRESETS
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.config import (
    Layer,
    Shared,
    assignments,
    default,
    load_common,
    load_config,
    merge,
    split,
)
from automtl_core.run_dir.folders import raw_folder
from automtl_core.system.strict_yaml import read_yaml
from automtl_core.workflow.components import check_model, is_file, parsed, parts, run_of, unknown_names


@dataclass(frozen=True)
class Chosen:
    """A dataset with its settings and folders."""

    name: str
    dataset: Dataset
    folder: Path | None
    """Absolute folder of the raw files; None if the dataset needs none."""
    prepared_dir: Path


@dataclass(frozen=True)
class Layers:
    """Options as layers of a configuration."""

    all: Sequence[Layer]
    """The preset, the file, the options and `--set`, in increasing precedence."""
    engine: Any
    """Name of the engine of workers, or name and settings, which are no part of a configuration."""


def layers(
    configuration: options.Configuration, flags: Mapping[str, Any], execution: options.Execution | None = None
) -> Layers:
    """Return the layers of options.

    Args:
        configuration: The options of the configuration.
        flags: Values of other options by their keys in a configuration; None is left out.
        execution: The options of trainings, which take the settings of an engine.

    Raises:
        UsageError: a file or an option is not as expected, or a file names a folder to write to outside of
            the working directory.
        UnknownNameError: no plugin registers the preset or the engine.

    """
    settings = assignments(configuration.settings or ())
    engine: Any = None
    if execution is not None:
        engine = settings.pop(ENGINES.name, None)
        if isinstance(name := engine.get("name") if isinstance(engine, Mapping) else engine, str):
            load_registry().supplier(ENGINES, name)
    flags = {"dataset": configuration.dataset, "data_dir": configuration.data_dir, **flags}
    preset, file = configuration.preset, configuration.file
    of_file = {} if file is None else read_yaml(file)
    if file is not None and "prepared_dir" not in settings:
        _check_within(file, of_file.get("prepared_dir"))
    of_flags = {key: value for key, value in flags.items() if value is not None}
    of_preset = load_registry().get(PRESETS, preset) if preset is not None else {}
    return Layers([Shared(of_preset), Shared(of_file), of_flags, settings], engine)


def _check_within(file: Path, folder: object) -> None:
    """Refuse a folder to write to outside of the working directory; a file may come from someone else."""
    if isinstance(folder, str) and not Path(abspath(folder)).is_relative_to(Path.cwd()):
        raise UsageError(
            f"{file}: prepared_dir: {folder!r} is outside of the working directory",
            f"name a folder in it, or give it yourself: --set prepared_dir={shlex.quote(folder)}",
        )


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


def chosen(which: options.Dataset) -> Chosen:
    """Return the dataset of the options, with its settings.

    Raises:
        UnknownNameError: no plugin registers the name.
        UsageError: a setting does not exist or has a wrong value.

    """
    registry, given = load_registry(), options.Configuration(data_dir=which.data_dir, settings=which.settings)
    name, is_path = str(which.data), which.data.suffix or which.data.is_file()
    if name in registry.names(DATASETS) or not is_path:
        given = replace(given, dataset=name)
    else:
        given = with_file(replace(given, file=which.data))
    config, _ = load_common(*layers(given, {}).all)
    name = config.dataset.name
    dataset_class = registry.get(DATASETS, name)
    settings = dataset_class.settings_class.parse(config.dataset.settings, "dataset", name)
    dataset = dataset_class(settings, registry.field_kind)
    return Chosen(name, dataset, raw_folder(dataset, name, config.data_dir), config.prepared_dir)


def with_file(given: options.Configuration) -> options.Configuration:
    """Return the options with settings as FILE; those of a table are written if there are none yet.

    Raises:
        UsageError: there is no such file, or other options do not belong to it.

    """
    file = given.file
    if file is None or is_file(str(file)):
        if given.labels:
            fix = "name it, such as feed.csv --labels click,like"
            raise UsageError("--labels are columns of a table", fix)
        return given
    if given.dataset:
        raise UsageError(f"{file} is in place of --dataset", "leave one of them out")
    if not is_table(str(file)) and not file.exists():
        raise UsageError(f"{file}: no such file", "name a table; a model by --model, settings by --set")
    from automtl_cli.init import settings_of  # which imports pandas

    return replace(given, file=settings_of(str(file), given.labels))
