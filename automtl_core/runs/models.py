"""What can be compared, by name: each is a layer of a configuration.

mmoe                 a space that asks no question
desan:pd-darts       a space and the strategy that searches it
random-architecture  a preset
runs/first           the architecture of a run, trained anew
mine.yaml            a file with `space` and `strategy`
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from automtl_core.data.store import Prepared
from automtl_core.disk.strict_yaml import read_yaml
from automtl_core.errors import ArtifactError, UsageError
from automtl_core.kinds import PRESETS, SPACES, STRATEGIES
from automtl_core.registry import Registry
from automtl_core.runs.config import GIVEN, Layer, RunConfig, merge
from automtl_core.runs.job import Job
from automtl_core.runs.run import Run
from automtl_core.wording import listing

SHARED = ("dataset", "training", "seed", "device", "precision", "data_dir", "prepared_dir")
"""Parts of a configuration that all models of a comparison have in common."""


def models(names: Sequence[str], common: RunConfig, registry: Registry) -> dict[str, Job]:
    """Return the job of each model by its name; all agree in what is `SHARED`.

    Raises:
        UsageError: a name twice, or one that stands for no model.
        ArtifactError: a run without an architecture.

    """
    jobs: dict[str, Job] = {}
    for given in names:
        name = Path(given).name if _is_path(given) else given
        if name in jobs:
            raise UsageError(f"two models are called {name!r}", "name each model once")
        jobs[name] = model(given, common, registry)
    return jobs


def model(name: str, common: RunConfig, registry: Registry) -> Job:
    """Return the job that trains one model."""
    config = merge(common.model_dump(mode="json"), layer(name, registry))
    return Job.resolve(RunConfig.parse(config), registry)


def layer(name: str, registry: Registry) -> Layer:
    """Return what a model adds to a configuration.

    Raises:
        UnknownNameError: nothing is called so.
        UsageError: a preset or a file sets what all models share.
        InputMissingError: there is no such file.
        ArtifactError: a run without an architecture.

    """
    if _is_path(name):
        path = Path(name)
        return _architecture_of(path) if path.is_dir() else _checked(name, read_yaml(path))
    if name in registry.names(PRESETS):
        return _checked(name, registry.get(PRESETS, name))
    space, colon, strategy = name.partition(":")
    registry.get(SPACES, space)
    if colon:
        registry.get(STRATEGIES, strategy)
    return {"space": {"name": space}, "strategy": {"name": strategy if colon else GIVEN}}


def check_answered(job: Job, prepared: Prepared) -> None:
    """Check that a model without a strategy leaves nothing to search.

    Raises:
        UsageError: its space asks questions that nobody answers.

    """
    strategy = job.config.strategy
    choices = job.space(prepared).choices()
    if strategy.name == GIVEN and choices and not strategy.settings["decisions"]:
        space = job.config.space.name
        raise UsageError(
            f"{space} leaves {len(choices)} choices open, and there is no strategy to decide them",
            f"search it, such as with {space}:pd-darts, or name a run that has",
        )


def _is_path(name: str) -> bool:
    return name.endswith((".yaml", ".yml")) or Path(name).is_dir()


def _architecture_of(path: Path) -> dict[str, Any]:
    found = Run.open(path).architecture()
    if found.origin is None:
        raise ArtifactError(f"{path}: the architecture does not say which space it is of", "use another run")
    decisions = dict(found.decisions)
    return {
        "space": {"name": found.origin.space, **found.origin.settings},
        "strategy": {"name": GIVEN, "decisions": decisions},
    }


def _checked(name: str, found: Layer) -> Layer:
    if shared := [key for key in SHARED if key in found]:
        raise UsageError(
            f"{name} sets {listing(shared)}, which all models of a comparison share",
            "leave it out there, and set it for all by --set or --config",
        )
    return found
