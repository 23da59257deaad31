"""The workers of a command, from its options."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from automtl_core.registry.kinds import ENGINES
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.config import assignments

if TYPE_CHECKING:
    from automtl_core.workflow.workflow import Workflow

PREFIX = f"{ENGINES.name}."
"""Beginning of the settings of an engine in `--set`."""


@dataclass(frozen=True)
class Workers:
    """The workers of a command, which change no result, and so are no part of a configuration."""

    number: int | None
    engine: Mapping[str, Any] | None
    """Name and settings of the engine; None without any."""

    @contextmanager
    def workflow(self) -> "Iterator[Workflow]":
        """Yield the workflow whose trials these workers run; raises as `executor_of` does."""
        from automtl_cli.runs import actions  # which imports torch
        from automtl_core.workflow.engines import executor_of

        flow = actions.workflow()
        with executor_of(flow.registry, self.number, self.engine) as executor:
            yield replace(flow, executor=executor)


def chosen(
    number: int | None, engine: str | None, address: str | None, settings: Sequence[str] | None
) -> tuple[Workers, list[str]]:
    """Return the workers of options, and the settings that remain for the configuration.

    Raises:
        UnknownNameError: no plugin registers the engine.

    """
    own = [text for text in settings or () if text.strip().startswith(PREFIX)]
    flags = {"name": engine, "address": address}
    given = {key: value for key, value in flags.items() if value is not None}
    given |= assignments(own).get(ENGINES.name, {})
    if isinstance(name := given.get("name"), str):
        load_registry().supplier(ENGINES, name)
    return Workers(number, given or None), [text for text in settings or () if text not in own]
