"""The result of a search: the architecture, its sharing, and the evidence for its decisions."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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
from automtl_core.run_dir.facts import Data, EncodingSearch, Importance, Result, Search
from automtl_core.run_dir.run import Run
from automtl_core.search.encoding.search import EncodingSearchResult
from automtl_core.space import SearchSpace
from automtl_core.training.baselines import Baseline
from automtl_core.training.optimism import Optimism, optimism


@dataclass(frozen=True)
class Truth(Value):
    """The result in comparison with the true structure of generated data."""

    noise: tuple[str, ...]
    """Fields without effect."""
    seen: tuple[str, ...]
    """Noise fields that the network reads."""
    missed: Mapping[str, tuple[str, ...]]
    """Task -> the fields that affect it, but that it does not read."""


@dataclass(frozen=True)
class Price(Value):
    """The cost of a network, and the part of each decision in it."""

    network: Cost
    answers: Mapping[str, Cost]
    """Choice -> cost of its decision, see `SearchSpace.costs_of`."""

    def of_member(self, member: str) -> "Price":
        """Return the price with the decisions of one member of an ensemble, such as `member 1`."""
        start = f"{member}/"
        answers = {n.removeprefix(start): cost for n, cost in self.answers.items() if n.startswith(start)}
        return replace(self, answers=answers)


@dataclass(frozen=True)
class Finding:
    """An architecture, with the record of its search."""

    architecture: Architecture
    sharing: Sharing
    unasked: str | None = None
    """Reason why the search space is not available; sharing is then derived from the decisions alone."""
    search: Search = field(default_factory=Search)
    truth: Truth | None = None
    """None for real data."""
    encoding_search: EncodingSearchResult | None = None
    """Result of the encoding search; None without one."""
    importance: Importance | None = None
    """Effects of the fields on test rows; None where they were not computed."""
    result: Result | None = None
    """Metrics of the network; None before the end of the training."""
    min_positives: int = 1
    """Rows of either class that a task needs to count in the mean over tasks; from the recipe."""

    @property
    def baselines(self) -> Mapping[str, Baseline] | None:
        """Task -> comparison of the network with trivial predictions; None before the test."""
        return None if self.result is None else self.result.baselines

    @property
    def optimism(self) -> Optimism | None:
        """Validation score of a searched network minus its test score; None without a search or test."""
        result = self.result
        if result is None or result.test is None or not self.search.front:
            return None
        return optimism(result.validation, result.test, self.baselines or {}, self.min_positives)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "architecture": json.loads(self.architecture.to_json()),
            "sharing": {
                **self.sharing.to_json(),
                "closed": list(self.sharing.closed()),
                "unread": list(self.sharing.unread()),
            },
            "unasked": self.unasked,
            **self.search.to_json(),
            "truth": self.truth and self.truth.to_json(),
            "looked": self.encoding_search and self.encoding_search.to_json(),
            "importance": self.importance and self.importance.to_json(),
            "optimism": self.optimism and self.optimism.to_json(),
        }


def finding(path: Path, registry: Registry, space: SearchSpace | None = None) -> Finding:
    """Return the result of a run, or of a file `architecture.json`.

    Args:
        path: The run or file.
        registry: Registry with its plugins.
        space: The space of the architecture; None to make it.

    Raises:
        InputMissingError: there is neither a run nor a file.
        ArtifactError: the search has not ended, or a file is damaged.

    """
    if not (path / "config.yaml").exists():
        architecture = _of_file(path)
        return Finding(architecture, *_sharing(architecture, registry))
    run = Run.open(path)
    architecture = run.architecture()
    sharing, unasked = (space.sharing(architecture), None) if space else _sharing(architecture, registry)
    encodings = run.get(EncodingSearch)
    return Finding(
        architecture,
        sharing,
        unasked,
        run.get(Search) or Search(),
        truth(run.read(Data).truth, sharing),
        encodings.encoding_search if encodings else None,
        run.get(Importance),
        run.get(Result),
        run.config().training.min_positives,
    )


def price(derived: Architecture, registry: Registry) -> Price | None:
    """Return the cost of an architecture and its decisions; None where its search space is not available."""
    if derived.origin is None:
        return None
    try:
        space = space_of(derived.origin, registry)
        return Price(space.cost(derived), space.costs_of(derived))
    except AutoMTLError:
        return None


def truth(planted: Mapping[str, Any], sharing: Sharing) -> Truth | None:
    """Return the result in comparison with the true structure, see `Dataset.truth`."""
    if "noise" not in planted and "tasks" not in planted:
        return None
    noise, closed = tuple(planted.get("noise", ())), sharing.closed()
    needs = {
        task: {*about.get("fields", ()), *chain(*about.get("pairs", ()))}
        for task, about in planted.get("tasks", {}).items()
    }
    return Truth(noise, tuple(name for name in noise if name not in closed), sharing.missed(needs))


def _of_file(path: Path) -> Architecture:
    file = path / "architecture.json" if path.is_dir() else path
    try:
        return Architecture.read(file)
    except OSError as error:
        raise InputMissingError(
            f"{file}: cannot be read: {error.strerror}",
            "give the folder of a run whose search has ended; `automtl runs list` shows all",
        ) from None


def _sharing(derived: Architecture, registry: Registry) -> tuple[Sharing, str | None]:
    """Return the sharing and, where it is derived from the decisions alone, the reason."""
    if derived.origin is None:
        return _scored(derived, ()), "the architecture does not name its search space"
    try:
        return space_of(derived.origin, registry).sharing(derived), None
    except AutoMTLError as error:
        return _scored(derived, Schema.from_json(derived.origin.schema).fields()), str(error)


def space_of(origin: Origin, registry: Registry) -> SearchSpace:
    """Return the search space of an architecture; raises if a plugin of it has changed."""
    with registry.expecting(origin.plugins):
        space_class = registry.get(SPACES, origin.space)
    settings = space_class.settings_class.parse(dict(origin.settings), "space", origin.space)
    return space_class(Schema.from_json(origin.schema), settings, registry.op, registry.history_encoder)


def _scored(derived: Architecture, fields: Sequence[str]) -> Sharing:
    """Return the sharing according to the decisions alone, without knowledge of unread fields."""
    if members := derived.members:
        return Sharing.together({name: _scored(member, fields) for name, member in members.items()})
    gates = {name: d for name, d in derived.decisions.items() if not isinstance(d, str)}
    return Sharing.of(gates, {name: AnyOf(name, d) for name, d in gates.items()}, fields)
