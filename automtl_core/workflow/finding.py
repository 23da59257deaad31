"""What was found: an architecture, who reads what in it, and why the search decided so."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from automtl_core.choices import AnyOf, Architecture, Origin
from automtl_core.dataset.schema import Schema
from automtl_core.disk.value import Value
from automtl_core.errors import AutoMTLError, InputMissingError
from automtl_core.modules.cost import Cost
from automtl_core.modules.sharing import Sharing
from automtl_core.registry.kinds import SPACES
from automtl_core.registry.registry import Registry
from automtl_core.run_dir.facts import Data, EncodingSearch, Search
from automtl_core.run_dir.run import Run
from automtl_core.search.encoding.search import Looked
from automtl_core.space import SearchSpace


@dataclass(frozen=True)
class Truth(Value):
    """What was found, against what is known of how the data came about."""

    noise: tuple[str, ...]
    """Fields that act on nothing."""
    seen: tuple[str, ...]
    """Those of them that the network sees."""
    missed: Mapping[str, tuple[str, ...]]
    """Task -> the fields that act on it and that it does not see."""


@dataclass(frozen=True)
class Price(Value):
    """What a network costs, and which part of it each answer does."""

    network: Cost
    answers: Mapping[str, Cost]
    """By choice, see `SearchSpace.costs_of`."""


@dataclass(frozen=True)
class Finding:
    """An architecture, and what is known of how it came about."""

    architecture: Architecture
    sharing: Sharing
    unasked: str | None = None
    """Why the search space could not be asked who reads what: the decisions alone had to tell."""
    search: Search = field(default_factory=Search)
    truth: Truth | None = None
    """None where nothing is known."""
    looked: Looked | None = None
    """How the encodings of fields were looked up; None where they were given."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "architecture": json.loads(self.architecture.to_json()),
            "sharing": {**self.sharing.to_json(), "closed": list(self.sharing.closed())},
            "unasked": self.unasked,
            **self.search.to_json(),
            "truth": self.truth and self.truth.to_json(),
            "looked": self.looked and self.looked.to_json(),
        }


def finding(path: Path, registry: Registry) -> Finding:
    """Return what a run found, or what a file `architecture.json` says.

    Raises:
        InputMissingError: there is neither.
        ArtifactError: the search has not ended, or a file is damaged.

    """
    if not (path / "config.yaml").exists():
        found = _of_file(path)
        return Finding(found, *_sharing(found, registry))
    run = Run.open(path)
    found = run.architecture()
    sharing, unasked = _sharing(found, registry)
    search = run.read(Search) if run.has(Search) else Search()
    data = run.read(Data)
    looked = run.read(EncodingSearch).looked if run.has(EncodingSearch) else None
    return Finding(found, sharing, unasked, search, truth(data.truth, sharing), looked)


def price(found: Architecture, registry: Registry) -> Price | None:
    """Return what an architecture and its answers cost; None where its search space cannot be asked."""
    if found.origin is None:
        return None
    try:
        space = _space(found.origin, registry)
        return Price(space.cost(found), space.costs_of(found))
    except AutoMTLError:
        return None


def truth(told: Mapping[str, Any], sharing: Sharing) -> Truth | None:
    """Return what was found against what a dataset tells, see `Dataset.truth`."""
    if "noise" not in told and "tasks" not in told:
        return None
    noise, closed = tuple(told.get("noise", ())), sharing.closed()
    needs = {
        task: {*about.get("fields", ()), *chain(*about.get("pairs", ()))}
        for task, about in told.get("tasks", {}).items()
    }
    return Truth(noise, tuple(name for name in noise if name not in closed), sharing.missed(needs))


def _of_file(path: Path) -> Architecture:
    file = path / "architecture.json" if path.is_dir() else path
    try:
        return Architecture.from_json(file.read_text(encoding="utf-8", errors="replace"))
    except OSError as error:
        raise InputMissingError(
            f"{file}: cannot be read: {error.strerror}", "give a run whose search has ended"
        ) from None


def _sharing(found: Architecture, registry: Registry) -> tuple[Sharing, str | None]:
    """Return who reads what and, where the decisions alone had to tell, why."""
    if found.origin is None:
        return _told(found, ()), "the architecture does not say which space it is of"
    try:
        return _space(found.origin, registry).sharing(found), None
    except AutoMTLError as error:
        return _told(found, Schema.from_json(found.origin.schema).fields()), str(error)


def _space(origin: Origin, registry: Registry) -> SearchSpace:
    """Return the space that an architecture is of; raises where it is no more what it was."""
    with registry.expecting(origin.plugins):
        space_class = registry.get(SPACES, origin.space)
    settings = space_class.settings_class.parse(dict(origin.settings), "space", origin.space)
    return space_class(Schema.from_json(origin.schema), settings, registry.op)


def _told(found: Architecture, fields: Sequence[str]) -> Sharing:
    """Return who reads what as the decisions tell, which do not know of what else could be read."""
    gates = {name: d for name, d in found.decisions.items() if not isinstance(d, str)}
    return Sharing.of(gates, {name: AnyOf(name, d) for name, d in gates.items()}, fields)
