"""A job: a resolved configuration together with the plugins that it names."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel
from torch import Tensor, nn

from automtl_core import seeds
from automtl_core.choices import Architecture
from automtl_core.data.encoder import Encoder
from automtl_core.data.prepare.prepare import Accept, anything, prepare
from automtl_core.data.progress import Progress, silent
from automtl_core.data.store import Prepared
from automtl_core.dataset.dataset import Dataset, DatasetSettings
from automtl_core.dataset.encodings import Encodings, plain
from automtl_core.disk.signed import canonical
from automtl_core.errors import UsageError, listing, together
from automtl_core.modules.cost import ROWS, blank_features
from automtl_core.registry.kinds import BALANCERS, DATASETS, SPACES, STRATEGIES
from automtl_core.registry.registry import Registry
from automtl_core.run_dir.config import Layer, RunConfig, load_config, merge
from automtl_core.search.encoding.rows import Rows, held_out_rows
from automtl_core.search.encoding.search import EncodingSearchResult
from automtl_core.search.problem import Problem
from automtl_core.search.strategy import Retrain, SearchStrategy
from automtl_core.settings.settings import Settings
from automtl_core.space import SearchSpace
from automtl_core.training.balancer import Balancer, balancer_of
from automtl_core.training.compute import Compute
from automtl_core.training.fit import TrainingData
from automtl_core.training.losses import task_losses
from automtl_core.training.recipe import Recipe
from automtl_core.workflow.components import parsed, written

EMBEDDING_DECAY = "training.embedding_decay"
SEARCH_ROWS = 1_000_000
"""Maximum number of training rows that a search with held-out rows reads; trainings from scratch read all."""


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
    encoding_search: EncodingSearchResult | None = None
    """How answers to what was left open were found, where any was; see `workflow.resolve_auto`."""

    @classmethod
    def load(cls, registry: Registry, *layers: Layer) -> "Job":
        """Return the job that layers of a configuration describe, the strongest last.

        Raises:
            UnknownNameError: a name that no plugin registers.
            UsageError: lists every setting that does not exist or is wrong; or names one that is ignored.

        """
        layer = merge(*layers)
        found, faults = parsed(layer, registry)
        try:
            config = load_config(layer)
        except UsageError as error:
            raise together([error, *faults]) from None
        job = cls._of(config, registry, found, faults)
        check_read(layers, [job])
        return job

    @classmethod
    def resolve(cls, config: RunConfig, registry: Registry) -> "Job":
        """Validate every component's settings and write their defaults out; raises as `load` does."""
        return cls._of(config, registry, *parsed(config.model_dump(), registry))

    @classmethod
    def _of(
        cls, config: RunConfig, registry: Registry, found: Mapping[str, Any], faults: Sequence[UsageError]
    ) -> "Job":
        if faults:
            raise together(faults)
        return cls(written(config, found), registry, found["space"], found.get("strategy"), found["dataset"])

    @property
    def settings(self) -> dict[str, Settings]:
        """The settings of space, strategy and recipe, by their keys in a configuration."""
        found = {"space": self.space_settings, "strategy": self.strategy_settings}
        return {**{k: s for k, s in found.items() if s is not None}, "training": self.config.training}

    @property
    def ignores(self) -> frozenset[str]:
        """The settings that change nothing in this job, such as `training.learning_rate`, or whole parts."""
        space = self.registry.get(SPACES, self.config.space.name)
        decided = () if self.config.strategy is None else ("decisions",)
        asked = space.takes_encodings and self.config.features.auto
        unasked = () if asked or self.searches_decay() else ("encoding_search",)
        return frozenset((*space.ignores, *decided, *unasked))

    def searches_decay(self) -> bool:
        """Return whether the decay of embeddings is left open, and read."""
        space = self.registry.get(SPACES, self.config.space.name)
        return self.config.training.embedding_decay == "auto" and EMBEDDING_DECAY not in space.ignores

    def having(self, **values: object) -> "Job":
        """Return the job with other values of its configuration, such as `seed`; not of its components."""
        return replace(self, config=self.config.model_copy(update=values))

    def in_time(self, spent: float) -> "Job":
        """Return the job with what is left of its time budget, if it has one, after so many seconds."""
        budget = self.config.time_budget
        return self if budget is None else self.having(time_budget=max(budget - spent, 1.0))

    def dataset(self) -> Dataset:
        """Return the adapter with its settings."""
        dataset_class = self.registry.get(DATASETS, self.config.dataset.name)
        return dataset_class(self.dataset_settings, self.registry.field_kind)

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
            raise UsageError(f"features: {name} reads the fields as they are", "use --set features=ids")
        space = space_class(data.schema.encoded(encodings), self.space_settings, self.registry.op)
        space.ops()  # which names those that nobody registers
        return space

    def encodings(self) -> Encodings:
        """Return what networks are given of fields: as they are, while it is not looked up."""
        return plain() if self.config.features.auto else self.config.features

    def of(self, config: RunConfig) -> "Job":
        """Return the job with the settings of a run that was made by it, where the run has found them."""
        found = {key: getattr(config, key) for key in ("features", "training", "space")}
        job = Job.resolve(self.config.model_copy(update=found), self.registry)
        return replace(job, encoding_search=self.encoding_search)

    @classmethod
    def of_json(cls, config: Mapping[str, Any], registry: Registry) -> "Job":
        """Return the job whose `to_json` is given as a mapping; raises as `load` does."""
        return cls.resolve(RunConfig.parse(dict(config)), registry)

    def to_json(self) -> str:
        """Return the configuration as text, for a `TrialSpec`."""
        return canonical(self.config.model_dump(mode="json")).decode()

    def problem(self, prepared: Prepared, rows: Rows | None = None) -> Problem:
        """Return what to search and train, without the test part. Raises as `checked` and `given` do.

        Args:
            prepared: The data of the job.
            rows: Training rows, some of them held out, in place of the training and validation parts.

        """
        space = self.checked(prepared)
        if self.strategy_settings is None:
            self.fixed_architecture(space)
        folds, space.fitted = (rows or prepared).fitted(space.schema)
        train, validation = (
            (rows.learn, rows.look) if rows else (prepared.part("train"), prepared.part("validation"))
        )
        data = TrainingData(replace(train, folds=folds), validation, space.schema.tasks)
        return Problem(space, data, self.recipe(), self.config.seed, self.compute())

    def search_problem(self, prepared: Prepared) -> Problem:
        """Return the problem of the search, whose training rows lack those that the strategy holds out."""
        if self.strategy_settings is None:
            return self.problem(prepared)
        strategy_class, settings = self._searching()
        if not (share := strategy_class.held_out(settings)):
            return self.problem(prepared)
        random = seeds.generator(self.config.seed, "decisions")
        rows = held_out_rows(prepared, SEARCH_ROWS, share, random)
        problem = self.problem(prepared, rows)
        data = replace(problem.data, validation=prepared.part("validation"), held_out=rows.look)
        return replace(problem, data=data)

    def checked(self, data: Prepared | Encoder) -> SearchSpace:
        """Return the space, once everything is checked that can be without a row of data or a weight.

        Raises:
            UsageError: the recipe or the space names what does not exist, or what is not installed; or nobody
                decides what is open.
            PluginError: what the space builds is no network for the tasks.

        """
        space = self.space(data)
        if problem := _network_problem(space):
            raise self.registry.broken(SPACES, self.config.space.name, problem)
        task_losses(self.recipe(), space.schema.tasks, self.compute().device)
        balancer_of(self.recipe(), space.schema.tasks)
        name, choices = self.config.space.name, space.choices()
        if self.strategy_settings is None and choices and not self.config.decisions:
            raise UsageError(
                f"{name} leaves {len(choices)} choices open, and there is no strategy to decide them",
                f"search it with one of {listing(self.registry.names(STRATEGIES))}, or name a run that has",
            )
        if self.strategy_settings is not None and not choices:
            raise UsageError(f"{name} leaves nothing to search", f"train it: automtl train --model {name}")
        return space

    def fixed_architecture(self, space: SearchSpace) -> Architecture:
        """Return the architecture of a job without a strategy.

        Raises:
            ArtifactError: the decisions are of other questions.

        """
        architecture = Architecture(self.config.decisions)
        architecture.check(space.choices())
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

    def recipe(self) -> Recipe:
        """Return the recipe, with the class of its balancer."""
        return self.config.training.knowing(self.balancer())

    def balancer(self) -> type[Balancer]:
        """Return the class of the balancer."""
        return self.registry.get(BALANCERS, self.config.training.balancer.name)

    def _searching(self) -> tuple[type[SearchStrategy], Settings]:
        """Return the strategy and its settings."""
        if self.config.strategy is None or self.strategy_settings is None:
            raise UsageError("no strategy is named", "name one by --strategy")
        return self.registry.get(STRATEGIES, self.config.strategy.name), self.strategy_settings

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


def check_read(layers: Sequence[Layer], jobs: Collection[Job]) -> None:
    """Check that each setting of some layers changes something in one of the jobs.

    Default values change nothing, so that the `config.yaml` of a run can be used again.

    Raises:
        UsageError: names those that none of them reads.

    """
    unread = frozenset.intersection(*(job.ignores for job in jobs))
    ignored = dict.fromkeys(
        path
        for layer in layers
        for key, value in layer.items()
        for path in ([f"{key}.{name}" for name in value] if isinstance(value, Mapping) else [key])
        if value is not None and unread & {key, path} and not _is_default(key, path, value)
    )
    if ignored:
        names = listing(dict.fromkeys(job.config.space.name for job in jobs))
        raise UsageError(f"{listing(ignored)} would be ignored by {names} as configured", "leave it out")


def _is_default(key: str, path: str, value: Any) -> bool:
    """Return whether the value of a path below a key of the configuration is the default."""
    default = RunConfig.model_fields[key].get_default(call_default_factory=True)
    if key == path:
        return bool(value == default)
    name = path.removeprefix(f"{key}.")
    known = default.model_dump(mode="json") if isinstance(default, BaseModel) else {}
    return name in known and bool(known[name] == value[name])


def _network_problem(space: SearchSpace) -> str | None:
    """Return why what a space builds is no network for its tasks, as far as that shows without a weight."""
    with torch.device("meta"), torch.no_grad():
        supernet = space.supernet()
        if not isinstance(supernet.network, nn.Module):
            return f"build returns {type(supernet.network).__name__}, expected a torch.nn.Module"
        try:
            out: object = supernet.eval()(blank_features(space.schema, torch.device("meta")))
        except Exception:
            return None  # which may be for want of numbers; if not, training tells
    got = list(out.shape) if isinstance(out, Tensor) else type(out).__name__
    wanted = [ROWS, len(space.schema.tasks)]
    return None if got == wanted else f"the network returns {got} for {ROWS} rows, expected {wanted}"
