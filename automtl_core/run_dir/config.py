"""The configuration of a run: layers merged into one frozen value.

Precedence: flags and `--set`, then the file, then the preset, then the preset `default`. Settings of a space,
strategy or dataset follow its name, see `merge`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import yaml
from pydantic import BeforeValidator, Field

from automtl_core.choices import Decision
from automtl_core.dataset.encodings import WORDS, Encodings, in_full
from automtl_core.errors import UsageError
from automtl_core.registry.kinds import (
    BALANCERS,
    DATASETS,
    ENGINES,
    LOSSES,
    PRESETS,
    SPACES,
    STRATEGIES,
    Kind,
)
from automtl_core.registry.registry import Registry
from automtl_core.run_dir.folders import prepared_folder
from automtl_core.search.encoding.rows import EncodingSearchSettings
from automtl_core.settings.settings import NAMED, Component, Settings, named
from automtl_core.settings.words import Takes
from automtl_core.system.strict_yaml import parse_yaml
from automtl_core.training.recipe import EVERY, Recipe, losses_by_task

Layer = Mapping[str, Any]
"""A nested mapping of some of the keys of `RunConfig`."""


class Shared(dict[str, Any]):
    """A layer for several models, of a file or a preset: no model needs to read all of it."""


COMPONENTS: Mapping[str, Kind[Any]] = {
    "space": SPACES,
    "strategy": STRATEGIES,
    "dataset": DATASETS,
    "training.balancer": BALANCERS,
    "training.losses": LOSSES,
}
"""Key of a configuration, with dots -> the kind of plugin object that it names, or names for tasks."""
OF_TASKS = "training.losses"
"""The key that names an object for each task."""
DEFAULT = "default"
"""Name of the preset that is the lowest configuration layer, and origin of a value that no layer has."""


class ImportanceSettings(Settings):
    """Permutation importance of fields, computed after the test of a run."""

    rows: int = Field(20_000, ge=0)
    """Maximum number of test rows on which fields are permuted; 0 for no permutation importance. More rows
    give smaller intervals and take longer: the network predicts all of them again for each field. The default
    in a comparison is 0, because its outcome is about models and shows no fields."""


class Common(Settings):
    """Settings that all models of a comparison share."""

    removed: ClassVar = {"large_tables": "memory"}

    dataset: Annotated[Component, NAMED]
    """Dataset adapter; see `automtl list dataset`."""
    training: Recipe = Recipe()
    """Training settings; see `automtl list training`."""
    seed: int = 0
    """Random seed of the run. The split of the data has a separate seed, a setting of the dataset."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Device of all computations. auto: a GPU if there is one, otherwise the CPU."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Compute precision: fp32, or bf16 mixed precision, which is faster where the processor supports it and
    slower elsewhere; weights and losses stay fp32."""
    features: Annotated[Encodings, BeforeValidator(in_full), Takes(f"{', '.join(WORDS)}, or a mapping")] = (
        Encodings()
    )
    """Feature encoding; see `automtl list features`."""
    encoding_search: EncodingSearchSettings = EncodingSearchSettings()
    """Encoding search, which replaces `auto` in `features` and `training.embedding_decay`; see `automtl
    list encoding_search`."""
    importance: ImportanceSettings = ImportanceSettings()
    """Permutation importance of fields on test rows; see `automtl list importance`."""
    metrics: tuple[str, ...] = ()
    """Metrics of the test and of the final validation, beside AUC, log loss, RMSE, MAE and R2: names of
    `automtl list metrics`; `ndcg-5` is NDCG@5. Metrics by user are left out if the dataset has no user
    field. See `training.monitor_metric` for early stopping."""
    calibrate: bool = True
    """Whether the probabilities of binary tasks are calibrated by Platt scaling: two numbers for each task,
    fitted to validation rows after the training. The order of rows stays, and so does each AUC. Tasks with
    fewer than `training.min_positives` validation rows of a class are not calibrated."""
    refit: Literal["auto"] | bool = "auto"
    """Whether the network is trained again on training and validation rows, once validation rows have chosen
    everything: settings, architecture, epochs and calibration. New vocabularies and aggregates include these
    rows too. auto: where rows are split by time, since the validation rows are the newest ones. A training
    from the weights of a search (`retrain: inherit`) is not repeated."""
    listeners: tuple[str, ...] = ()
    """Listeners that record the progress of a run elsewhere, such as `tensorboard`: names of `automtl list
    listeners`. They change no result."""
    time_budget: float | None = Field(None, gt=0)
    """Time limit for search, training and test of a model, in seconds; null for no limit. With a limit,
    results depend on the speed of the machine."""
    data_dir: Path | None = None
    """Folder of the raw files."""
    prepared_dir: Path = Field(default_factory=prepared_folder)
    """Folder of prepared datasets; by default $AUTOMTL_PREPARED, or `prepared` without this variable. A
    configuration file may only name a folder within the working directory."""


class UpdateSettings(Settings):
    """Update of a run with later rows, see `automtl update`."""

    data: Path
    """Labelled rows: a CSV, TSV or Parquet file, or a file pattern."""
    history: Path | None = None
    """The events up to now, one a row; null if the network reads no events, or rows hold lists of them."""
    replay: float = Field(0.25, ge=0)
    """Number of older training rows that are drawn for each row that the network was not trained on yet. A
    larger value forgets less, and takes longer."""
    epochs: int = Field(1, ge=1)
    """Maximum number of passes over these rows; of several, the best one on validation rows counts. More
    passes help where users and items have many rows a day, and overfit where they have few."""
    max_bad_rows: int | None = Field(None, ge=0)
    """Maximum number of faulty rows to leave out; null if a faulty row is an error."""


class RunConfig(Common):
    """Everything that a run depends on, except the code and the raw files."""

    space: Annotated[Component, NAMED]
    """Search space; see `automtl list space`."""
    strategy: Annotated[Component | None, Takes(f"{NAMED}, or null")] = None
    """Search strategy; see `automtl list strategy`. null: training without a search."""
    warm_start: Path | None = None
    """Folder of the run with whose weights an update begins. null: no update."""
    update: UpdateSettings | None = None
    """Update of the run that `warm_start` names; see `automtl update`. null: none."""
    decisions: dict[str, Decision] = Field(default_factory=dict)
    """Architecture to train without a strategy: choice -> decision. Empty for a space without choices."""
    retrain: Literal["inherit", "scratch"] | None = None
    """Initial weights of the final training. inherit: the weights of the search, or of the run before an
    update. scratch: new weights. null: the default of the strategy; for an update `inherit`. A network that
    the search has fully trained is not trained again."""

    def to_yaml(self) -> str:
        """Return the text of `config.yaml`."""
        text: str = yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)
        return text


def default(registry: Registry) -> Layer:
    """Return the lowest configuration layer: the preset `default`, if a plugin supplies it."""
    return registry.get(PRESETS, DEFAULT) if DEFAULT in registry.names(PRESETS) else {}


def merge(*layers: Layer) -> dict[str, Any]:
    """Merge layers, later ones over earlier ones, key by key.

    The last name of a component (space, strategy, dataset, balancer) replaces earlier ones. The settings in a
    layer belong to the component that the layer names, or to the last one if the layer names none. Settings
    of other components are dropped.
    """
    merged: dict[str, Any] = _merged(({}, *layers), "")
    return merged


def _merged(values: Sequence[Any], path: str) -> Any:
    """Merge the values that layers have at a path, the strongest last: mappings key by key."""
    if path == OF_TASKS:
        values = _for_tasks(values)
    elif path in (*COMPONENTS, ENGINES.name) or path.rpartition(".")[0] == OF_TASKS:
        values = _of_the_last(values)
    if path == "features":
        values = [in_full(value) for value in values]
    if not isinstance(values[-1], Mapping):
        return values[-1]
    others = [place for place, value in enumerate(values) if not isinstance(value, Mapping)]
    values = values[max(others, default=-1) + 1 :]
    return {
        key: _merged([value[key] for value in values if key in value], f"{path}.{key}" if path else key)
        for key in dict.fromkeys(key for value in values for key in value)
    }


def _of_the_last(values: Sequence[Any]) -> list[Any]:
    """Drop the settings of other components than the one that is named last."""
    parts, last = [named(value) for value in values], None
    for part in parts:
        last = _owner(part, last)
    return [part for part in parts if _owner(part, last) == last]


def _for_tasks(values: Sequence[Any]) -> list[Any]:
    """Return losses by task; a name for all tasks replaces the losses of earlier values."""
    by_task = [losses_by_task(value) for value in values]
    of_all = [named(value.get(EVERY)) if isinstance(value, Mapping) else None for value in by_task]
    return by_task[max((place for place, one in enumerate(of_all) if _owner(one, None)), default=0) :]


def _owner(part: Any, last: Any) -> Any:
    """Return the name of the component of some settings, which is `last` if they contain no name."""
    return part.get("name", last) if isinstance(part, Mapping) else last


def assignments(texts: Iterable[str]) -> dict[str, Any]:
    """Return the layer of `a.b=value` texts; values are YAML, such as `[identity, mlp-64]`.

    Raises:
        UsageError: a text is not of that form.

    """
    layers: list[dict[str, Any]] = []
    for text in texts:
        path, equals, value = text.partition("=")
        keys = path.strip().split(".")
        if not equals or not all(keys):
            raise UsageError(
                f"--set {text!r} is not of the form a.b=value", "such as --set training.epochs=5"
            )
        nested = parse_yaml(value, f"--set {path}")
        for key in reversed(keys):
            nested = {key: nested}
        layers.append(nested)
    return merge(*layers)


def load_config(*layers: Layer) -> RunConfig:
    """Merge the layers of a search and validate the outcome.

    Raises:
        UsageError: no space, strategy or dataset is named, or there are unknown keys or wrong values.

    """
    merged = merge(*layers)
    for kind in (SPACES, STRATEGIES, DATASETS):
        check_named(merged, kind)
    return RunConfig.parse(merged)


def load_common(*layers: Layer) -> tuple[Common, Layer]:
    """Merge layers; return the validated settings that all models share, and those of single models.

    Raises:
        UsageError: no dataset is named, or there are unknown keys or wrong values.

    """
    common, settings = split(merge(*layers))
    check_named(common, DATASETS)
    return Common.parse(dict(common)), settings


def split(layer: Layer) -> tuple[Layer, Layer]:
    """Return the settings in a layer that all models share, and those of single models."""
    own = RunConfig.model_fields.keys() - Common.model_fields.keys()
    return (
        {key: value for key, value in layer.items() if key not in own},
        {key: value for key, value in layer.items() if key in own},
    )


def check_named(layer: Layer, kind: Kind[Any]) -> None:
    """Check that a layer names its space, strategy or dataset.

    Raises:
        UsageError: it does not.

    """
    given = layer.get(kind.name)
    if given is None or (isinstance(given, Mapping) and "name" not in given):
        raise UsageError(
            f"no {kind.name} is named",
            f"give --{kind.name} NAME, or `{kind.name}: NAME` in a file; see `automtl list {kind.plural}`",
        )


def seconds_of(text: str | float) -> float:
    """Return the seconds of a duration such as `90s`, `30m`, `1h30m`, or of a number of seconds.

    Raises:
        UsageError: it is not a duration.

    """
    if isinstance(text, int | float):
        if not 0 < text < float("inf"):
            raise UsageError(f"a time limit of {text} seconds", "give a positive number, or one such as 30m")
        return float(text)
    number = r"(\d+(?:\.\d+)?)"
    match = re.fullmatch(rf"(?=.*[1-9])(?:{number}h)?(?:{number}m)?(?:{number}s)?", text.strip())
    if not match:
        raise UsageError(f"--time-budget {text!r} is not a duration", "give one such as 30s, 30m or 1h30m")
    return sum(float(part or 0) * unit for part, unit in zip(match.groups(), (3600, 60, 1), strict=True))
