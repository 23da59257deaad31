"""A job: a resolved configuration together with the plugins that it names; and the problems of trainings."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel
from torch import Tensor, nn

from automtl_core.choices import Architecture
from automtl_core.data.encoder import Encoder
from automtl_core.data.frames import NewExamples
from automtl_core.data.part import some_rows
from automtl_core.data.store import REFIT, Prepared
from automtl_core.dataset.dataset import Dataset
from automtl_core.dataset.encodings import PLAIN, Encodings
from automtl_core.dataset.schema import Schema
from automtl_core.errors import UsageError, listing, together
from automtl_core.modules.cost import ROWS, blank_features
from automtl_core.modules.network import fault_of_outputs, outputs_of
from automtl_core.prepare.grow import grow
from automtl_core.prepare.prepare import Accept, anything, prepare
from automtl_core.registry.kinds import BALANCERS, DATASETS, LISTENERS, LOSSES, METRICS, SPACES, STRATEGIES
from automtl_core.registry.registry import Registry
from automtl_core.run_dir.config import COMPONENTS, Layer, RunConfig, Shared, load_config, merge
from automtl_core.run_dir.facts import Data, Result
from automtl_core.run_dir.identity import check_data
from automtl_core.run_dir.run import Run
from automtl_core.search.encoding.rows import Rows, divided, held_out_rows
from automtl_core.search.encoding.search import EncodingSearchResult
from automtl_core.search.strategy import Retrain, SearchStrategy
from automtl_core.search.trial import Problem, Training
from automtl_core.settings.settings import Component, Settings
from automtl_core.space import SearchSpace
from automtl_core.system import seeds
from automtl_core.system.progress import Progress, silent
from automtl_core.tasks.kinds import judged_by
from automtl_core.training.balancer import balancer_of, check_groups, task_losses
from automtl_core.training.compute import Compute
from automtl_core.training.judged import GAUC
from automtl_core.training.learner import TrainingData
from automtl_core.training.metric import Metric, check_monitored
from automtl_core.training.recipe import Recipe, key_of_loss
from automtl_core.workflow.budget import with_rows
from automtl_core.workflow.components import parsed

PROBLEMS = 8
"""Maximum number of problems that are kept."""
AUC = "auc"
"""Value of `training.monitor_metric` for the score of the kind of task, in data with lists too."""


@dataclass(frozen=True)
class Job:
    """A resolved configuration with the plugins that it names, and their settings."""

    config: RunConfig
    """The configuration, with all settings written out."""
    registry: Registry
    components: Mapping[str, Any]
    """The settings of each component by its key, such as `space` or `training.losses.TASK`."""
    encoding_search: EncodingSearchResult | None = None
    """Record of the encoding search; None without one, see `workflow.resolve_auto`."""
    encoding_seconds: float = 0.0
    """Duration of the encoding search; 0 if its result was known from an earlier command."""

    @classmethod
    def load(cls, registry: Registry, *layers: Layer) -> "Job":
        """Return the job of some configuration layers, the strongest last.

        Raises:
            UnknownNameError: no plugin registers one of the names.
            UsageError: settings do not exist, are wrong or have no effect; the message lists them.

        """
        layer = merge(*layers)
        try:
            config = load_config(layer)
        except UsageError as error:
            raise together([error, *parsed(layer, registry)[1]]) from None
        job = cls.resolve(config, registry)
        check_read(layers, [job])
        return job

    @classmethod
    def resolve(cls, config: RunConfig, registry: Registry, keys: Collection[str] = COMPONENTS) -> "Job":
        """Validate the settings of components and write their defaults out; raises as `load` does.

        Args:
            config: The configuration.
            registry: Registry of the components.
            keys: Keys of the components that the job needs: `space` for predictions. The others, and metrics
                and listeners, may be missing, and are not available in the job.

        """
        components, faults = parsed(config.model_dump(), registry, keys)
        if faults:
            raise together(faults)
        if "space" in components:
            space_class = registry.get(SPACES, config.space.name)
            components["space"] = space_class.resolved(components["space"], partial(_written_out, registry))

        def full(named: Component, key: str) -> Component:
            settings = components[key].model_dump(mode="json") if key in components else named.settings
            return Component.model_validate({"name": named.name, **settings})

        parts = {key: full(getattr(config, key), key) for key in RunConfig.model_fields if key in components}
        losses = {task: full(loss, key_of_loss(task)) for task, loss in config.training.losses.items()}
        of_recipe = {"balancer": full(config.training.balancer, "training.balancer"), "losses": losses}
        training = config.training.having(**of_recipe)
        return cls(config.having(**parts, training=training), registry, components)

    @property
    def settings(self) -> dict[str, Settings]:
        """The settings of space, strategy and recipe, by their keys in a configuration."""
        components = {key: self.components[key] for key in ("space", "strategy") if key in self.components}
        return {**components, "training": self.config.training}

    @property
    def ignores(self) -> frozenset[str]:
        """Settings without effect on this job, such as `training.learning_rate` or all `decisions`."""
        space = self.registry.get(SPACES, self.config.space.name)
        searches = (space.takes_encodings and self.config.features.auto) or self.searches_decay()
        others = {"encoding_search": not searches, "decisions": self.config.strategy is not None}
        return frozenset((*space.ignores, *(name for name, ignored in others.items() if ignored)))

    def searches_decay(self) -> bool:
        """Return whether the decay of embeddings is `auto`, and has an effect."""
        ignores = self.registry.get(SPACES, self.config.space.name).ignores
        return self.config.training.embedding_decay == "auto" and "training.embedding_decay" not in ignores

    def having(self, **values: object) -> "Job":
        """Return the job with other values in its configuration, such as `seed`; components stay."""
        return replace(self, config=self.config.having(**values))

    def dataset(self) -> Dataset:
        """Return the dataset adapter with its settings."""
        dataset_class = self.registry.get(DATASETS, self.config.dataset.name)
        return dataset_class(self.components["dataset"], self.registry.field_kind)

    def prepare(
        self,
        progress: Progress = silent,
        memory_limit: str | None = None,
        elsewhere: Path | None = None,
        accept: Accept = anything,
    ) -> Prepared:
        """Return the prepared dataset, from disk if it is there; see `prepare`."""
        return self.judged(self._prepared(progress, memory_limit, elsewhere, accept))

    def _prepared(
        self, progress: Progress, memory_limit: str | None, elsewhere: Path | None, accept: Accept
    ) -> Prepared:
        """Return the prepared dataset or, for an update, that of the run before with later rows."""
        c, dataset = self.config, self.dataset()
        if (update := c.update) is None:
            where = (dataset, c.dataset.name, c.data_dir, c.prepared_dir)
            return prepare(*where, progress, memory_limit, elsewhere, accept, self.refits())
        run, how = self.parent(), (progress, memory_limit)
        base, schema = self._before(run, *how), run.encoder(self.registry.field_encoders()).schema
        at = (dataset.time_column or dataset.time) if base.can_refresh else None
        more: dict[str, Any] = {"time": at, "rule": schema.lists, "weights": schema.weights}
        rows = (dataset, update.data, c.prepared_dir, memory_limit)
        log = (schema.histories, update.history, update.max_bad_rows)
        reading = NewExamples(*rows, *log, progress=progress, labelled=True, **more)
        return grow(base, reading, c.prepared_dir, elsewhere, accept)

    def _before(self, run: Run, progress: Progress, memory_limit: str | None) -> Prepared:
        """Return the data of the run before an update: its folder or, without one, from its raw files."""
        data, config, kinds = run.read(Data), run.config(), self.registry.field_encoders()
        name = f"{data.dataset}-{data.fingerprint[:12]}{REFIT if run.read(Result).refitted else ''}"
        for root in (self.config.prepared_dir, config.prepared_dir):
            if (root / name).exists():
                return Prepared.open(root / name, reused=True, kinds=kinds)
        job = Job.resolve(config.having(prepared_dir=self.config.prepared_dir), self.registry)
        return run.served(job._prepared(progress, memory_limit, None, partial(check_data, run)))

    @property
    def goes_on(self) -> bool:
        """Whether the network begins with the weights of the run before an update."""
        return self.config.update is not None and self.retrain() == "inherit"

    def parent(self) -> Run:
        """Return the run before an update."""
        assert self.config.warm_start is not None  # noqa: S101 - an update names it
        return Run.open(self.config.warm_start)

    def space(self, data: Prepared | Encoder | Schema) -> SearchSpace:
        """Return the search space for the fields and tasks of the data.

        Args:
            data: The data, or only its schema, such as that of `schema_of`, without vectors.

        Raises:
            UnknownNameError: no plugin registers one of its ops.
            UsageError: the configuration encodes fields, but the space reads plain fields; or the space or
                the encodings need histories, and the rows have none.

        """
        schema = data if isinstance(data, Schema) else data.schema
        name, encodings = self.config.space.name, self.encodings()
        space = self.registry.space(self.config.space, schema.encoded(encodings))
        parts = [space, *space.members().values()]
        if not encodings.plain and not all(part.takes_encodings for part in parts):
            raise UsageError(f"features: {name} reads the fields as they are", "use --set features=ids")
        needs = any(part.needs_histories for part in parts)
        if not schema.histories and (needs or encodings.of_histories):
            what = f"{name} reads" if needs else "features.history names inputs from"
            raise UsageError(
                f"{what} histories, and the rows have none",
                "use a dataset with histories and --set dataset.split=time, or "
                + ("another model" if needs else "leave the setting out"),
            )
        if not isinstance(data, Schema) and any(field.vectors for field in schema.sparse):
            encoder = data.encoder if isinstance(data, Prepared) else data
            space.vectors = encoder.vectors()
        space.ops()  # raises for an op that no plugin registers
        return space

    def encodings(self) -> Encodings:
        """Return the encodings of fields, with plain ones in place of `auto`."""
        features = self.config.features
        return features.with_answers(**{name: PLAIN[name] for name in features.unanswered()})

    def problem(self, prepared: Prepared, rows: Rows | None = None) -> Problem:
        """Return the problem, without the test part, of a job that `checked` has checked.

        Args:
            prepared: The data of the job.
            rows: Training rows, some of them held out, in place of the training and validation parts.

        """
        space = self.space(prepared)
        made = (rows or prepared).encoded(space.schema)
        recent = recent_rows(self, prepared) if rows is None else None
        passes = self.config.update.epochs if self.config.update else 1
        data = TrainingData(made.train, made.validation, space.schema.tasks, recent=recent, passes=passes)
        how = (self.recipe(), self.config.seed, self.compute())
        return Problem(space.with_edges(made.edges), data, *how)

    def search_problem(self, prepared: Prepared, problem: Problem) -> Problem:
        """Return the problem of the search, whose training rows lack those that the strategy holds out.

        Args:
            prepared: The data of the job.
            problem: The problem with all rows.

        """
        if self.config.strategy is None:
            return problem
        strategy_class, settings = self._searching()
        if not (share := strategy_class.held_out_share(settings)):
            return problem
        random = seeds.generator(self.config.seed, "decisions")
        # Trainings from scratch read all rows.
        rows = held_out_rows(prepared, 1_000_000, share, random, self.config.features.refresh)
        divided = self.problem(prepared, rows)
        data = replace(divided.data, validation=problem.data.validation, held_out=divided.data.validation)
        return replace(divided, data=data)

    def checked(self, data: Prepared | Encoder | Schema) -> SearchSpace:
        """Check the job as far as possible without rows of data and weights, and return the space.

        Encodings that are `auto` are plain here.

        Raises:
            UsageError: recipe, space, metrics or strategy use an unknown name, or a library that is not
                installed; or choices are open without a strategy, or a strategy has no choices.
            PluginError: the space does not build a network for the tasks.
            ArtifactError: decisions do not fit the choices of the space.

        """
        if self.config.warm_start is not None and self.config.update is None:
            raise UsageError("a search begins with no other run", "leave out warm_start, or use automtl 0.3")
        space = self.space(data)
        if problem := _network_problem(space):
            raise self.registry.broken(SPACES, self.config.space.name, problem)
        task_losses(self.recipe(), space.schema.tasks, self.compute().device)
        dataset = self.dataset()
        groups = dataset.user is not None or dataset.settings.list is not None
        check_groups(self.recipe(), space.schema.tasks, groups)
        balancer_of(self.recipe(), space.schema.tasks)
        check_monitored(self.monitor(), space.schema.tasks, self.dataset())
        self.metrics()
        for name in self.config.listeners:
            self.registry.get(LISTENERS, name).check()
        features = self.config.features
        timed = features.refresh != "never", any(one.half_life is not None for one in features.keys)
        if any(timed) and self.dataset().settings.split != "time":
            what = f"features.refresh is {features.refresh}" if timed[0] else "an aggregate has a half-life"
            raise UsageError(
                f"{what}, but rows are not split by time", "leave it out, or use --set dataset.split=time"
            )
        if (chosen := self.config.strategy) is not None:
            strategy_class, settings = self._searching()
            strategy_class.check()
            for rival in getattr(settings, "rivals", ()):
                self.registry.supplier(SPACES, rival)
        name, choices = self.config.space.name, space.choices()
        if chosen is not None and space.members():
            what = f"{name} is not searched, but is the mean of models that are"
            raise UsageError(what, "search one of its models; the result may be an average")
        if chosen is None and choices and not self.config.decisions:
            raise UsageError(
                f"{name} leaves {len(choices)} choices open, and there is no strategy to decide them",
                f"search it with one of {listing(self.registry.names(STRATEGIES))}, or name a run",
            )
        if chosen is not None and not choices:
            raise UsageError(f"{name} leaves nothing to search", f"train it: automtl train --model {name}")
        if chosen is None and not (features.auto and type(space).takes_encodings):
            self.fixed_architecture(space)  # else the choices may depend on the encodings
        return space

    def fixed_architecture(self, space: SearchSpace) -> Architecture:
        """Return the architecture of a job without a strategy.

        Raises:
            ArtifactError: the decisions do not fit the choices of the space.

        """
        architecture = Architecture(self.config.decisions)
        architecture.check(space.choices())
        return architecture

    def strategy(self, problem: Problem) -> SearchStrategy:
        """Return the search strategy of the job for a problem; the job must have one."""
        strategy_class, settings = self._searching()
        return strategy_class(settings, problem)

    def search_epochs(self, epochs: int) -> int | None:
        """Return the search epochs if each training takes some; None if unknown, 0 without a strategy."""
        if self.config.strategy is None:
            return 0
        strategy_class, settings = self._searching()
        return strategy_class.epochs(settings, self.config.training.having(epochs=epochs))

    def trains(self) -> bool | None:
        """Return whether the search also trains the network of its result; None without a strategy."""
        return None if self.config.strategy is None else self._searching()[0].trains

    def refits(self) -> bool:
        """Return whether a network is trained again on validation rows too, see `Common.refit`."""
        refit = self.config.refit
        wanted = self.dataset().settings.split == "time" if refit == "auto" else refit
        return bool(wanted) and (self.retrain() == "scratch" or bool(self.trains()))

    def retrain(self) -> Retrain:
        """Return the training of the derived network: as configured, else the default of the strategy."""
        if self.config.strategy is None:
            return (self.config.retrain or "inherit") if self.config.update else "scratch"
        return self.config.retrain or self._searching()[0].retrain

    def recipe(self) -> Recipe:
        """Return the recipe, with the classes of its balancer and its losses."""
        recipe = self.config.training
        losses = {one.name: self.registry.get(LOSSES, one.name) for one in recipe.losses.values()}
        return recipe.knowing(self.registry.get(BALANCERS, recipe.balancer.name), losses)

    def monitor(self) -> dict[str, Metric]:
        """Return the metric that decides in place of AUC or RMSE, by its name; none without one.

        Raises:
            UnknownNameError: no plugin registers it.
            PluginError: it cannot be used.

        """
        name = self.config.training.monitor_metric or (GAUC if self.dataset().settings.list else AUC)
        return {} if name == AUC else {name: self.registry.get(METRICS, name)}

    def judged(self, prepared: Prepared) -> Prepared:
        """Return prepared data whose tasks are judged by the metric of `monitor`."""
        return replace(
            prepared,
            judged={
                task.kind: judged_by(task.kind, name)
                for name, metric in self.monitor().items()
                for task in prepared.schema.tasks
                if metric.applies_to(task)
            },
        )

    def metrics(self) -> dict[str, Metric]:
        """Return the registered metrics of the test, by name.

        Raises:
            UnknownNameError: no plugin registers one of them.
            PluginError: one cannot be used.

        """
        return {name: self.registry.get(METRICS, name) for name in self.config.metrics}

    def _searching(self) -> tuple[type[SearchStrategy], Settings]:
        """Return the strategy and its settings."""
        assert self.config.strategy is not None  # noqa: S101 - callers ask for it
        return self.registry.get(STRATEGIES, self.config.strategy.name), self.components["strategy"]

    def compute(self) -> Compute:
        """Return device and precision.

        Raises:
            UsageError: the configuration requires a GPU, and there is none.

        """
        available = torch.cuda.is_available()
        if self.config.device == "cuda" and not available:
            raise UsageError(
                "device: cuda, but torch finds no GPU", "use --set device=cpu, or a CUDA build of torch"
            )
        device = torch.device("cuda" if available and self.config.device != "cpu" else "cpu")
        return Compute(device, self.config.precision)


class Problems:
    """Makes the problems of trainings; what trainings share is made once.

    Args:
        registry: The plugins.
        prepared: Data that is already open.

    """

    def __init__(self, registry: Registry, *prepared: Prepared) -> None:
        self.registry = registry
        self._prepared = {str(each.path): each for each in prepared}
        self._rows = lru_cache(1)(lambda data, *how: divided(self._prepared[data], *how))
        self._kept = lru_cache(PROBLEMS)(self._made)

    def __call__(self, training: Training) -> Problem:
        """Return the problem of a training, which those with this configuration, data and rows share."""
        own: dict[str, Any] = {"epochs": None, "loss_rows": 0, "until": (), "folder": ""}
        return self._kept(replace(training, architecture=Architecture({}), **own))

    def job(self, training: Training) -> tuple[Job, Prepared]:
        """Return the job and the data of a training."""
        assert isinstance(training.config, RunConfig)  # noqa: S101 - of a job
        job = Job.resolve(training.config, self.registry)
        if training.data not in self._prepared:
            opened = Prepared.open(Path(training.data), kinds=self.registry.field_encoders())
            self._prepared[training.data] = job.judged(opened)
        return replace(job, encoding_search=training.encoding_search), self._prepared[training.data]

    def _made(self, training: Training) -> Problem:
        """Return a problem that was not made before."""
        job, prepared = self.job(training)
        how = (training.data, job.config.encoding_search, job.config.features.refresh)
        problem = job.problem(prepared, self._rows(*how) if training.held_out else None)
        return with_rows(problem, training.train_rows or len(problem.data.train))


def recent_rows(job: Job, prepared: Prepared) -> NDArray[np.int64] | None:
    """Return the training rows of an update; None for another training, which reads all of them.

    These are the rows that no network before was trained on, and a sample of older ones.
    """
    if (update := job.config.update) is None or not job.goes_on:
        return None
    older, rows = prepared.manifest["fresh"], prepared.manifest["rows"]["train"]
    random, lists = seeds.generator(job.config.seed, "replay"), prepared.part("train").lists
    count = round(update.replay * (rows - older))
    some = some_rows(older, count, random, None if lists is None else lists[:older])
    return np.concatenate([some, np.arange(older, rows)])


def _written_out(registry: Registry, chosen: Component) -> Component:
    """Return the name of a space with all its settings."""
    settings_class = registry.get(SPACES, chosen.name).settings_class
    settings = settings_class.parse(chosen.settings, f"space.models, {chosen.name}", chosen.name)
    return Component.model_validate({"name": chosen.name, **settings.model_dump(mode="json")})


def check_read(layers: Sequence[Layer], jobs: Collection[Job]) -> None:
    """Check that each setting of some layers, but shared ones, has an effect on at least one of the jobs.

    Default values are always allowed.

    Raises:
        UsageError: settings have no effect on any job; the message lists them.

    """
    unread = frozenset.intersection(*(job.ignores for job in jobs))
    ignored = dict.fromkeys(
        path
        for layer in layers
        if not isinstance(layer, Shared)
        for key, value in layer.items()
        for path in ([f"{key}.{name}" for name in value] if isinstance(value, Mapping) else [key])
        if value is not None and unread & {key, path} and not _is_default(key, path, value)
    )
    if ignored:
        names = listing(dict.fromkeys(job.config.space.name for job in jobs))
        fix = "leave it out" if len(ignored) == 1 else "leave them out"
        raise UsageError(f"{listing(ignored)} would be ignored by {names} as configured", fix)


def _is_default(key: str, path: str, value: Any) -> bool:
    """Return whether the value of a path below a key of the configuration is the default.

    Plain encodings are those of each model that reads no others, so that `features=ids` fits every model.
    """
    default = RunConfig.model_fields[key].get_default(call_default_factory=True)
    if key == path:
        return bool(value == default)
    name = path.removeprefix(f"{key}.")
    known = default.model_dump(mode="json") if isinstance(default, BaseModel) else {}
    plain = PLAIN if key == "features" else {}
    return name in known and value[name] in (known[name], plain.get(name, known[name]))


def _network_problem(space: SearchSpace) -> str | None:
    """Return the fault of the network that a space builds, or None; the check needs no weights."""
    network: object = space.outline.network
    if not isinstance(network, nn.Module):
        return f"build returns {type(network).__name__}, expected a torch.nn.Module"
    try:
        with torch.no_grad():
            supernet, blank = space.hollow_supernet(), blank_features(space.schema, torch.device("cpu"))
            out: object = supernet(blank)
            others = outputs_of(supernet.network, blank)
    except Exception:
        return None  # perhaps only because its weights have no values; training shows other errors
    got = list(out.shape) if isinstance(out, Tensor) else type(out).__name__
    wanted = [ROWS, len(space.schema.tasks)]
    if got != wanted:
        return f"the network returns {got} for {ROWS} rows, expected {wanted}"
    return fault_of_outputs(others, ROWS)
