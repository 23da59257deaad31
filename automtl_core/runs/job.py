"""A job: a resolved configuration together with the plugins that it names."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

import automtl_core
from automtl_core.choices import Origin
from automtl_core.data.prepare.prepare import prepare
from automtl_core.data.progress import Progress, silent
from automtl_core.data.store import Prepared
from automtl_core.dataset import Dataset
from automtl_core.errors import UsageError
from automtl_core.kinds import DATASETS, OPS, SPACES, STRATEGIES, Kind
from automtl_core.registry import Registry
from automtl_core.runs.config import RunConfig
from automtl_core.space import SearchSpace
from automtl_core.strategy import Problem, Retrain, SearchStrategy
from automtl_core.training.compute import Compute
from automtl_core.training.fit import TrainingData
from automtl_core.training.losses import task_losses


@dataclass(frozen=True)
class Job:
    """A resolved configuration with the plugins that it names."""

    config: RunConfig
    registry: Registry

    @classmethod
    def resolve(cls, config: RunConfig, registry: Registry) -> "Job":
        """Validate every component's settings and write their defaults out.

        Raises:
            UnknownNameError: a name that no plugin registers.
            UsageError: settings that do not exist or are wrong.

        """
        found = {
            "space": registry.get(SPACES, config.space.name).settings_class,
            "strategy": registry.get(STRATEGIES, config.strategy.name).settings_class,
            "dataset": registry.get(DATASETS, config.dataset.name).settings_class,
        }
        full = config.model_dump()
        for key, settings in found.items():
            component = getattr(config, key)
            values = settings.parse(component.settings, key, component.name).model_dump(mode="json")
            full[key] = {"name": component.name, **values}
        return cls(RunConfig.parse(full), registry)

    def dataset(self) -> Dataset:
        """Return the adapter with its settings."""
        dataset_class = self.registry.get(DATASETS, self.config.dataset.name)
        return dataset_class(dataset_class.settings_class.parse(self.config.dataset.settings, "dataset"))

    def prepare(self, progress: Progress = silent, memory_limit: str | None = None) -> Prepared:
        """Return the prepared dataset, from disk if it is there; see `data.prepare`."""
        c = self.config
        return prepare(self.dataset(), c.dataset.name, c.data_dir, c.prepared_dir, progress, memory_limit)

    def space(self, prepared: Prepared) -> SearchSpace:
        """Return the search space for the fields and tasks of the data.

        Raises:
            UnknownNameError: no plugin registers one of its ops.

        """
        space_class = self.registry.get(SPACES, self.config.space.name)
        settings = space_class.settings_class.parse(self.config.space.settings, "space")
        space = space_class(prepared.schema, settings, self.registry.op)
        space.ops()  # which names those that nobody registers
        return space

    def problem(self, prepared: Prepared) -> Problem:
        """Return what to search and train, without the test part.

        Raises:
            UsageError: the recipe or the space names what does not exist.

        """
        space = self.space(prepared)
        tasks = space.schema.tasks
        task_losses(self.config.training, tasks, self.compute().device)
        data = TrainingData(prepared.part("train"), prepared.part("validation"), tasks)
        return Problem(space, data, self.config.training, self.config.seed, self.compute())

    def strategy(self, problem: Problem) -> SearchStrategy:
        """Return the search strategy for a problem."""
        strategy_class = self.registry.get(STRATEGIES, self.config.strategy.name)
        return strategy_class(
            strategy_class.settings_class.parse(self.config.strategy.settings, "strategy"), problem
        )

    def search_epochs(self) -> int | None:
        """Return the epochs that the search takes at most, as far as its strategy says."""
        strategy_class = self.registry.get(STRATEGIES, self.config.strategy.name)
        settings = strategy_class.settings_class.parse(self.config.strategy.settings, "strategy")
        return strategy_class.epochs(settings)

    def retrain(self) -> Retrain:
        """Return how the found network is trained: as configured, or else as the strategy does it."""
        return self.config.retrain or self.registry.get(STRATEGIES, self.config.strategy.name).retrain

    def origin(self, space: SearchSpace) -> Origin:
        """Return where an architecture of the space comes from."""
        c = self.config.space
        versions = self._versions([(SPACES, c.name), *((OPS, op) for op in space.ops())])
        return Origin(c.name, c.settings, space.schema.to_json(), versions)

    def versions(self, space: SearchSpace) -> dict[str, str]:
        """Return the versions of what the outcome depends on: automtl, torch, and the plugins in use."""
        parts: list[tuple[Kind[Any], str]] = [
            (STRATEGIES, self.config.strategy.name),
            (DATASETS, self.config.dataset.name),
        ]
        plugins = {**self.origin(space).plugins, **self._versions(parts)}
        core = {"automtl": automtl_core.__version__, "torch": torch.__version__}
        return {**core, **{f"plugin {name}": version for name, version in plugins.items()}}

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


def environment(job: Job) -> dict[str, Any]:
    """Return the versions on which equal bytes depend."""
    return {
        "automtl": automtl_core.__version__,
        "plugins": {
            row.name: f"{row.distribution} {row.version}" for row in job.registry.rows if not row.problem
        },
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "device": str(job.compute().device),
        "threads": torch.get_num_threads(),
    }
