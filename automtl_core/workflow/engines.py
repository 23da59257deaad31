"""The executor of a command, from the name of an engine and the number of workers."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from automtl_core import distributed
from automtl_core.errors import UsageError
from automtl_core.registry.kinds import ENGINES
from automtl_core.registry.registry import Registry
from automtl_core.search.trial import Engine, Executor
from automtl_core.settings.component import Component
from automtl_core.workflow.run_trial import run_trial


def engine_of(
    registry: Registry, workers: int | None, engine: str | Mapping[str, Any] | None
) -> Engine | None:
    """Return an engine; None where one worker of the default engine is enough, which is this process.

    Args:
        registry: The plugins.
        workers: Maximum number of trials that run at once; None for that of the engine.
        engine: Name of the engine, or its name and settings; None for the default engine.

    Raises:
        UsageError: the number of workers or a setting of the engine is wrong.
        UnknownNameError: no plugin registers the engine.

    """
    if workers is not None and workers < 1:
        raise UsageError(f"{workers} workers cannot run a trial", "use a number from 1")
    if engine is None and (workers or 1) == 1:
        return None
    if distributed.processes() > 1:
        raise UsageError(
            "the processes of torchrun train one network together, and cannot have workers of their own",
            "leave out --workers and --engine, or start the command without torchrun",
        )
    chosen = Component.model_validate(
        {"name": "processes", **engine} if isinstance(engine, Mapping) else engine or "processes"
    )
    engine_class = registry.get(ENGINES, chosen.name)
    settings = engine_class.settings_class.parse(chosen.settings, ENGINES.name, chosen.name)
    return engine_class(settings, workers)


@contextmanager
def executor_of(
    registry: Registry, workers: int | None, engine: str | Mapping[str, Any] | None
) -> Iterator[Executor | None]:
    """Yield the executor of an engine; None for this process. Arguments and errors as for `engine_of`."""
    made = engine_of(registry, workers, engine)
    if made is None:
        yield None
        return
    with made.executor(run_trial) as executor:
        yield executor
