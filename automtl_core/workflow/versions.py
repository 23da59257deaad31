"""Environment of a run: versions of the packages that it uses, device and number of threads."""

import platform
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import torch

import automtl_core
from automtl_core.choices import Origin
from automtl_core.errors import PluginError
from automtl_core.fields.kinds import ALL
from automtl_core.registry.kinds import (
    BALANCERS,
    DATASETS,
    FIELD_KINDS,
    LOSSES,
    METRICS,
    OPS,
    SPACES,
    STRATEGIES,
    TASK_KINDS,
    Kind,
)
from automtl_core.registry.registry import Registry
from automtl_core.run_dir.facts import Environment
from automtl_core.settings.settings import Component
from automtl_core.space import SearchSpace
from automtl_core.tasks.kinds import plain_kind, task_kind
from automtl_core.workflow.job import Job


def environment(job: Job, space: SearchSpace) -> Environment:
    """Return the environment of a job in this process."""
    metrics = _supplied(job.registry, [(METRICS, name) for name in job.config.metrics])
    return Environment(
        automtl=automtl_core.__version__,
        plugins={**plugins(job, space), **metrics},
        python=platform.python_version(),
        torch=torch.__version__,
        numpy=np.__version__,
        libraries=libraries(job, space),
        device=job.compute().device.type,
        threads=torch.get_num_threads(),
    )


def versions(job: Job, space: SearchSpace) -> dict[str, str]:
    """Return the versions of automtl, torch, plugins and libraries, which the results depend on."""
    core = {"automtl": automtl_core.__version__, "torch": torch.__version__}
    named = {f"plugin {name}": version for name, version in plugins(job, space).items()}
    return {**core, **named, **libraries(job, space)}


def origin(registry: Registry, named: Component, space: SearchSpace) -> Origin:
    """Return the origin of an architecture of the space, which a configuration names with its settings."""
    members = [registry.name_of(SPACES, type(member)) for member in space.members().values()]
    spaces: list[tuple[Kind[Any], str]] = [(SPACES, name) for name in (named.name, *members) if name]
    supplied = _supplied(registry, [*spaces, *((OPS, op) for op in space.ops())])
    return Origin(named.name, named.settings, space.schema.to_json(), supplied)


def plugins(job: Job, space: SearchSpace) -> dict[str, str]:
    """Return the version of each plugin that the weights depend on, by its name.

    Raises:
        PluginError: no plugin registers the kind of a field, so that a run could not be read again.

    """
    c, kinds = job.config, [task.type for task in space.schema.tasks]
    parts: list[tuple[Kind[Any], str]] = [(DATASETS, c.dataset.name), (BALANCERS, c.training.balancer.name)]
    for kind in {type(field) for field in job.dataset().fields} - {*ALL}:
        name = job.registry.name_of(FIELD_KINDS, kind)
        if name is None:
            raise PluginError(
                f"no plugin registers the kind of field {kind.__name__}",
                "let the hook automtl_register_field_kinds return it",
            )
        parts.append((FIELD_KINDS, name))
    plain = [task_kind(plain_kind(kind.name)) for kind in kinds]
    parts += [(TASK_KINDS, kind.name) for kind in plain if not kind.__module__.startswith("automtl_core.")]
    parts += [(LOSSES, loss.name) for loss in c.training.losses.values()]
    parts += [(METRICS, name) for name in job.monitor()]
    if c.strategy is not None:
        parts.append((STRATEGIES, c.strategy.name))
    return {**origin(job.registry, c.space, space).plugins, **_supplied(job.registry, parts)}


def libraries(job: Job, space: SearchSpace) -> dict[str, str]:
    """Return the versions of the libraries that space, balancer and strategy use, besides torch and numpy.

    A library that is not installed is left out.
    """
    installed = {}
    users: list[Any] = [space, *space.members().values()]
    users.append(job.registry.get(BALANCERS, job.config.training.balancer.name))
    users += [job.registry.get(STRATEGIES, job.config.strategy.name)] if job.config.strategy else []
    for name in (name for user in users for name in user.libraries):
        with suppress(PackageNotFoundError):  # the error comes with the network, and has a remedy
            installed[name] = version(name)
    return installed


def _supplied(registry: Registry, parts: Iterable[tuple[Kind[Any], str]]) -> dict[str, str]:
    """Return the plugins that supply objects, by kind and name: name -> version."""
    rows = [registry.supplier(kind, name) for kind, name in parts]
    return {row.name: row.version for row in rows}
