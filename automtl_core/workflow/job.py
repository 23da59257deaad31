"""A job: a resolved configuration together with the plugins that it names."""

import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import automtl_core
from automtl_core.choices import Architecture, Origin
from automtl_core.config.config import COMPONENTS, Component, Layer, RunConfig, load_config, merge, named
from automtl_core.data.encoder import Encoder
from automtl_core.data.prepare.prepare import Accept, anything, prepare
from automtl_core.data.progress import Progress, silent
from automtl_core.data.store import Prepared
from automtl_core.dataset.dataset import Dataset, DatasetSettings
from automtl_core.dataset.encodings import Encodings, plain
from automtl_core.errors import PluginError, UsageError, listing, together
from automtl_core.fields.kinds import FIELDS
from automtl_core.modules.cost import ROWS, blank_inputs
from automtl_core.registry.kinds import DATASETS, FIELD_KINDS, OPS, SPACES, STRATEGIES, Kind
from automtl_core.registry.registry import Registry
from automtl_core.run_dir.facts import Environment
from automtl_core.search.encoding.search import Looked
from automtl_core.search.strategy import Problem, Retrain, SearchStrategy
from automtl_core.settings.settings import Settings
from automtl_core.space import SearchSpace
from automtl_core.training.compute import Compute
from automtl_core.training.fit import TrainingData
from automtl_core.training.losses import task_losses


@dataclass(frozen=True)
class Job:
    """A resolved configuration with the plugins that it names, and their settings."""

    config: RunConfig
    """With all settings written out."""
    registry: Registry
    space_settings: Settings
    strategy_settings: Settings | None
    """None where nothing is searched."""
    dataset_settings: DatasetSettings
    looked: Looked | None = None
    """How answers to what was left open were found, where any was; see `runs.answers`."""

    @classmethod
    def load(cls, registry: Registry, *layers: Layer) -> "Job":
        """Return the job that layers of a configuration describe, the strongest last.

        Raises:
            UnknownNameError: a name that no plugin registers.
            UsageError: lists every setting that does not exist or is wrong.

        """
        layer = merge(*layers)
        found, faults = _parsed(layer, registry)
        try:
            config = load_config(layer)
        except UsageError as error:
            raise together([error, *faults]) from None
        return cls._of(config, registry, found, faults)

    @classmethod
    def resolve(cls, config: RunConfig, registry: Registry) -> "Job":
        """Validate every component's settings and write their defaults out; raises as `load` does."""
        return cls._of(config, registry, *_parsed(config.model_dump(include=set(COMPONENTS)), registry))

    @classmethod
    def _of(
        cls, config: RunConfig, registry: Registry, found: Mapping[str, Any], faults: Sequence[UsageError]
    ) -> "Job":
        if faults:
            raise together(faults)
        full = {key: _written(getattr(config, key), settings) for key, settings in found.items()}
        settings = (found["space"], found.get("strategy"), found["dataset"])
        return cls(config.model_copy(update=full), registry, *settings)

    def having(self, **values: object) -> "Job":
        """Return the job with other values of its configuration, such as `seed`; not of its components."""
        return replace(self, config=self.config.model_copy(update=values))

    def in_time(self, spent: float) -> "Job":
        """Return the job with what is left of its time budget, if it has one, after so many seconds."""
        budget = self.config.time_budget
        return self if budget is None else self.having(time_budget=max(budget - spent, 1.0))

    def dataset(self) -> Dataset:
        """Return the adapter with its settings."""
        return self.registry.get(DATASETS, self.config.dataset.name)(self.dataset_settings)

    def prepare(
        self,
        progress: Progress = silent,
        memory_limit: str | None = None,
        elsewhere: Path | None = None,
        accept: Accept = anything,
    ) -> Prepared:
        """Return the prepared dataset, from disk if it is there; see `data.prepare`."""
        c = self.config
        where = (self.dataset(), c.dataset.name, c.data_dir, c.prepared_dir)
        return prepare(*where, progress, memory_limit, elsewhere, accept)

    def space(self, data: Prepared | Encoder) -> SearchSpace:
        """Return the search space for the fields and tasks of the data.

        Raises:
            UnknownNameError: no plugin registers one of its ops.
            UsageError: fields are to be encoded, which it does not take.

        """
        space_class, encodings = self.registry.get(SPACES, self.config.space.name), self.encodings()
        if not space_class.takes_encodings and not encodings.plain:
            name = self.config.space.name
            raise UsageError(f"inputs: {name} reads the fields as they are", "use --set inputs=ids")
        space = space_class(data.schema.encoded(encodings), self.space_settings, self.registry.op)
        space.ops()  # which names those that nobody registers
        return space

    def encodings(self) -> Encodings:
        """Return what networks are given of fields: as they are, while it is not looked up."""
        return plain() if self.config.inputs.auto else self.config.inputs

    def of(self, config: RunConfig) -> "Job":
        """Return the job with the answers of a run that was made by it, where it leaves them open."""
        return self.having(inputs=config.inputs, training=config.training)

    def problem(self, prepared: Prepared) -> Problem:
        """Return what to search and train, without the test part.

        Raises:
            UsageError: the recipe or the space names what does not exist; or nobody decides what is open.
            PluginError: what the space builds is no network for the tasks.

        """
        space = self.space(prepared)
        if problem := _network_problem(space):
            raise self.registry.broken(SPACES, self.config.space.name, problem)
        tasks = space.schema.tasks
        task_losses(self.config.training, tasks, self.compute().device)
        if self.strategy_settings is None:
            self.given(space)
        elif not space.choices():
            name = self.config.space.name
            raise UsageError(f"{name} leaves nothing to search", f"train it: automtl train --model {name}")
        folds, space.fitted = prepared.fitted(space.schema)
        train = replace(prepared.part("train"), folds=folds)
        data = TrainingData(train, prepared.part("validation"), tasks)
        return Problem(space, data, self.config.training, self.config.seed, self.compute())

    def given(self, space: SearchSpace) -> Architecture:
        """Return the architecture of a job without a strategy.

        Raises:
            UsageError: the space asks questions that nobody answers.
            ArtifactError: the decisions are of other questions.

        """
        choices, decisions = space.choices(), self.config.decisions
        if choices and not decisions:
            name = self.config.space.name
            raise UsageError(
                f"{name} leaves {len(choices)} choices open, and there is no strategy to decide them",
                f"search it with one of {listing(self.registry.names(STRATEGIES))}, or name a run that has",
            )
        architecture = Architecture(decisions)
        architecture.check(choices)
        return architecture

    def strategy(self, problem: Problem) -> SearchStrategy:
        """Return the search strategy for a problem; of a job that has one."""
        strategy_class, settings = self._searching()
        return strategy_class(settings, problem)

    def search_epochs(self) -> int | None:
        """Return the epochs that the search takes at most, as far as its strategy says; 0 without one."""
        if self.strategy_settings is None:
            return 0
        strategy_class, settings = self._searching()
        return strategy_class.epochs(settings, self.config.training)

    def retrain(self) -> Retrain:
        """Return how the found network is trained: as configured, or else as the strategy does it."""
        if self.strategy_settings is None:
            return "scratch"
        return self.config.retrain or self._searching()[0].retrain

    def origin(self, space: SearchSpace) -> Origin:
        """Return where an architecture of the space comes from."""
        c = self.config.space
        versions = self._versions([(SPACES, c.name), *((OPS, op) for op in space.ops())])
        return Origin(c.name, c.settings, space.schema.to_json(), versions)

    def plugins(self, space: SearchSpace) -> dict[str, str]:
        """Return the version of each plugin in use, by its name."""
        c = self.config
        parts: list[tuple[Kind[Any], str]] = [(DATASETS, c.dataset.name), *self._field_kinds()]
        if c.strategy is not None:
            parts.append((STRATEGIES, c.strategy.name))
        return {**self.origin(space).plugins, **self._versions(parts)}

    def versions(self, space: SearchSpace) -> dict[str, str]:
        """Return the versions of what the outcome depends on: automtl, torch, plugins and libraries."""
        core = {"automtl": automtl_core.__version__, "torch": torch.__version__}
        plugins = {f"plugin {name}": version for name, version in self.plugins(space).items()}
        return {**core, **plugins, **libraries(space)}

    def _searching(self) -> tuple[type[SearchStrategy], Settings]:
        """Return the strategy and its settings."""
        if self.config.strategy is None or self.strategy_settings is None:
            raise UsageError("no strategy is named", "name one by --strategy")
        return self.registry.get(STRATEGIES, self.config.strategy.name), self.strategy_settings

    def _field_kinds(self) -> Iterator[tuple[Kind[Any], str]]:
        """Yield the kinds of fields that plugins supply.

        Raises:
            PluginError: none supplies the kind of a field: what is made of it could not be read again.

        """
        for kind in {type(field) for field in self.dataset().fields} - {*FIELDS.values()}:
            name = self.registry.name_of(FIELD_KINDS, kind)
            if name is None:
                raise PluginError(
                    f"no plugin registers the kind of field {kind.__name__}",
                    "let the hook automtl_register_field_kinds return it",
                )
            yield FIELD_KINDS, name

    def _versions(self, parts: Sequence[tuple[Kind[Any], str]]) -> dict[str, str]:
        rows = [self.registry.supplier(kind, name) for kind, name in parts]
        return {row.name: row.version for row in rows}

    def compute(self) -> Compute:
        """Return how to compute.

        Raises:
            UsageError: a GPU is asked for and there is none.

        """
        available = torch.cuda.is_available()
        if self.config.device == "cuda" and not available:
            raise UsageError(
                "device: cuda, but torch finds no GPU", "use --set device=cpu, or a CUDA build of torch"
            )
        device = torch.device("cuda" if available and self.config.device != "cpu" else "cpu")
        return Compute(device, self.config.precision)


def _parsed(layer: Layer, registry: Registry) -> tuple[dict[str, Any], list[UsageError]]:
    """Return the settings of what a layer names by key, and what is wrong with them."""
    found: dict[str, Any] = {}
    faults: list[UsageError] = []
    for key, kind in COMPONENTS.items():
        match named(layer.get(key)):
            case {"name": str() as name, **values}:
                try:
                    found[key] = registry.get(kind, name).settings_class.parse(values, key, name)
                except UsageError as error:
                    faults.append(error)
    return found, faults


def _written(component: Component, settings: Settings) -> Component:
    """Return a component with all its settings, as they are written down."""
    return Component.model_validate({"name": component.name, **settings.model_dump(mode="json")})


def _network_problem(space: SearchSpace) -> str | None:
    """Return why what a space builds is no network for its tasks, as far as that shows without a weight."""
    with torch.device("meta"), torch.no_grad():
        supernet = space.supernet()
        if not isinstance(supernet.network, nn.Module):
            return f"build returns {type(supernet.network).__name__}, expected a torch.nn.Module"
        try:
            out: object = supernet.eval()(*blank_inputs(space.schema, torch.device("meta")))
        except Exception:
            return None  # which may be for want of numbers; if not, training tells
    got = list(out.shape) if isinstance(out, Tensor) else type(out).__name__
    wanted = [ROWS, len(space.schema.tasks)]
    return None if got == wanted else f"the network returns {got} for {ROWS} rows, expected {wanted}"


def libraries(space: SearchSpace) -> dict[str, str]:
    """Return the versions of what a space depends on beside torch and numpy, as far as it is there."""
    found = {}
    for name in space.libraries:
        with suppress(PackageNotFoundError):  # building a network says so, with what to do
            found[name] = version(name)
    return found


def environment(job: Job, space: SearchSpace) -> Environment:
    """Return what equal bytes depend on: versions of all that is in use, device and threads."""
    return Environment(
        automtl=automtl_core.__version__,
        plugins=job.plugins(space),
        python=platform.python_version(),
        torch=torch.__version__,
        numpy=np.__version__,
        libraries=libraries(space),
        device=str(job.compute().device),
        threads=torch.get_num_threads(),
    )
