"""The record of a run: its architecture with all that was measured. Views are functions of it."""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from automtl_core.choices import AnyOf, Architecture, Origin, of_member, split_name
from automtl_core.dataset.schema import Schema
from automtl_core.errors import ArtifactError, AutoMTLError, InputMissingError, listing
from automtl_core.modules.cost import Cost
from automtl_core.modules.sharing import Sharing
from automtl_core.registry.registry import Registry
from automtl_core.run_dir.config import RunConfig
from automtl_core.run_dir.facts import Budget, Data, EncodingSearch, Fact, Refreshed, Result, Search, Updated
from automtl_core.run_dir.run import Run
from automtl_core.settings.settings import Component
from automtl_core.space import SearchSpace
from automtl_core.system.documents import Value, plain
from automtl_core.training.events import EpochEnded
from automtl_inspection.baselines import Baseline, Baselines
from automtl_inspection.behaviour import Behaviour
from automtl_inspection.importance import Importance
from automtl_report.numbers import some

F = TypeVar("F", bound=Fact)


@dataclass(frozen=True)
class Price(Value):
    """The cost of a network, and the part of each decision in it."""

    network: Cost
    answers: Mapping[str, Cost]
    """Choice -> cost of its decision, see `SearchSpace.costs_of`."""


@dataclass(frozen=True)
class RunRecord:
    """A run, or the file of an architecture. Sections of views and of reports are functions of it."""

    path: Path
    """Folder of the run, or the file."""
    architecture: Architecture
    sharing: Sharing
    space: SearchSpace[Any] | None = None
    """None where it is not available; sharing is then derived from the decisions alone."""
    unasked: str | None = None
    """Reason why the search space is not available."""
    facts: dict[type[Fact], Fact | None] = field(default_factory=dict)
    """Facts that were read before, see `get`."""
    min_positives: int = 1
    """Rows of either class that a task needs to count in the mean over tasks."""

    def get(self, kind: type[F]) -> F | None:
        """Return a fact, such as `Behaviour`; None where it was not recorded.

        Raises:
            ArtifactError: its file is damaged.

        """
        if kind not in self.facts:
            self.facts[kind] = Run(self.path).get(kind)
        return self.facts[kind]  # type: ignore[return-value]

    def read(self, kind: type[F]) -> F:
        """Return a fact; raises as `Run.read` does where it was not recorded."""
        return self.get(kind) or Run(self.path).read(kind)

    @cached_property
    def config(self) -> RunConfig:
        """The settings of the run; raises as `Run.open` does for a file."""
        return Run.open(self.path).config()

    @cached_property
    def epochs(self) -> Sequence[EpochEnded]:
        """All epochs of the run; raises as `Run.open` does for a file."""
        return [EpochEnded.from_json(line) for line in Run.open(self.path).reports()]

    @cached_property
    def schema(self) -> Schema | None:
        """Fields, tasks and encodings, as the network reads them; None where the file does not tell."""
        origin, data = self.architecture.origin, self.get(Data)
        known = origin or data
        return None if known is None else Schema.from_json(known.schema)

    @property
    def result(self) -> Result:
        """Size and metrics of the trained network; raises as `read` does."""
        return self.read(Result)

    @property
    def search(self) -> Search:
        """Evidence and Pareto front; empty without a search."""
        return self.get(Search) or Search()

    @cached_property
    def price(self) -> Price | None:
        """The cost of the network and of its decisions; None where the space is not available."""
        if self.space is None:
            return None
        try:
            answers = self.space.costs_of(self.architecture)
            return Price(self.space.cost(self.architecture), answers)
        except AutoMTLError:
            return None

    @cached_property
    def baselines(self) -> Mapping[str, Baseline] | None:
        """Task -> comparison with a constant and with the best single field; None before the test."""
        return None if (found := self.get(Baselines)) is None else found.tasks

    @property
    def in_vain(self) -> bool:
        """Whether no task is beyond chance better than a constant prediction on the test rows."""
        return bool(self.baselines) and not any(b.beats_constant for b in (self.baselines or {}).values())

    @property
    def trained_again(self) -> str:
        """The end of a title for scores of a network that was trained again after the choice; else empty."""
        return ", refit" * self.result.refitted

    @property
    def refit(self) -> str | None:
        """The rows and epochs of a refit, in words; None without one."""
        result = self.get(Result)
        if result is None or not result.refitted:
            return None
        data = self.read(Data)
        rows = data.rows["train"] + data.rows["validation"]
        most = "at most " if data.settings.get("weights") else ""  # without validation rows of weight 0
        epochs = result.best_epochs or (result.best_epoch,)
        words = f"training and validation rows for {', '.join(map(str, epochs))} epoch"
        return f"refit: trained again on {most}{rows:,} {words}{'s' * (epochs != (1,))}"

    @property
    def unread(self) -> list[str]:
        """The columns of raw files that no field or label reads, in words."""
        names = data.unread if (data := self.get(Data)) else []
        return [f"columns that are not read: {some(names)}; the file of settings says why"] * bool(names)

    @property
    def remarks(self) -> list[str]:
        """Remarks on early ends, in words."""
        budget, result = self.get(Budget), self.get(Result)
        remarks = list[str]()
        if budget:
            remarks += [f"time budget: time ended phase {p!r} in epoch {e}" for p, e in budget.ended.items()]
            remarks += [f"time budget: {sentence}" for sentence in budget.warned]
        if result is not None and result.cut_short:
            epochs = self.config.training.epochs
            more = f"more epochs may be better, such as --set training.epochs={2 * epochs}"
            remarks.append(f"validation scores still improved in the last of {epochs} epochs: {more}")
        return remarks

    @cached_property
    def members(self) -> Mapping[str, str]:
        """Name of each member of an ensemble, such as `member 1` -> its model, such as `mmoe`."""
        origin, names = self.architecture.origin, self.space.members() if self.space else {}
        models = origin.settings["models"] if origin and names else ()
        return {name: model["name"] for name, model in zip(names, models, strict=True)}

    def networks(self) -> Iterator[tuple[str, "RunRecord"]]:
        """Yield the name and the record of each member of an ensemble; the empty name for one network."""
        if self.space is None or not (members := self.space.members()):
            yield "", self
            return
        for name, space in members.items():
            own = replace(self.architecture, decisions=of_member(name, self.architecture.decisions))
            yield name, replace(self, architecture=own, sharing=space.sharing(own), space=space)

    def to_json(self) -> dict[str, Any]:
        """Return what was measured of the run or of the architecture, as commands print it."""
        sharing, searched, behaviour = self.sharing, self.get(EncodingSearch), self.get(Behaviour)
        result, architecture = self.get(Result), json.loads(self.architecture.to_json())
        whole = {
            "sharing": {**sharing.to_json(), "closed": sharing.closed(), "unread": sharing.unread()},
            "unasked": self.unasked,
            "evidence": self.search.evidence,
            "front": self.search.front,
            "overrides": self.search.overrides,
            "encoding_search": searched.encoding_search if searched else None,
            "importance": self.get(Importance),
            "refreshes": behaviour.refreshes if behaviour else {},
            "refreshed": self.get(Refreshed),
            **architecture,
            "cost": self.price,
            "test": result.test if result else None,
            "path": str(self.path),
            "run": str(self.path),
            "result": result and {**result.to_json(), "baselines": self.baselines},
            "architecture": architecture,
            "updated": self.get(Updated),
            "min_positives": self.min_positives,
            "refit": self.refit,
            "remarks": self.remarks,
        }
        return {key: plain(value) for key, value in whole.items()}


def seen_by_aggregates(refreshed: Refreshed) -> str:
    """Return what the aggregates of a run have seen, in words."""
    until = f", up to {refreshed.until}" if refreshed.until else ""
    seen = f"the aggregates have seen {refreshed.rows:,} rows since training{until}"
    return f"Refreshed from {refreshed.parent}: {seen}"


def after_refresh(refreshed: Refreshed, run: Path) -> Iterator[str]:
    """Yield what the aggregates of a run have seen, and to which aggregates its metrics belong."""
    yield seen_by_aggregates(refreshed)
    command = f"automtl evaluate {shlex.quote(str(run))} FILE"
    yield f"All metrics of this run are those before the refresh; for new rows: {command}"


def after_update(updated: Updated) -> Iterator[str]:
    """Yield the rows and values that the network has learned, and the gains by it."""
    older = f" and {updated.older:,} older ones" if updated.older else ""
    weights = ", with new weights at first" if updated.from_scratch else ""
    new = [f"{count:,} of {name}" for name, count in updated.values.items() if count]
    values = f"; new values: {listing(new)}" if new else ""
    before, rows = Path(updated.parent).name, f"{updated.rows:,} new rows{older}{weights}{values}"
    yield f"Update of {before}: trained on {rows}"
    gains = [
        f"{task} {one.measure} {one.before:.4f} before, {one.now:.4f} now "
        f"({one.now - one.before:+.4f}, 95 % interval {one.low:+.4f} to {one.high:+.4f})"
        for task, one in updated.gains.items()
    ]
    if gains:
        yield f"On the newest rows, which neither network was trained on: {'; '.join(gains)}"
    if worse := [task for task, one in updated.gains.items() if one.high < 0]:
        yield f"warning: worse than {before} beyond chance: {listing(worse)}"


def read_record(path: Path, registry: Registry, space: SearchSpace[Any] | None = None) -> RunRecord:
    """Return the record of a run, or of a file `architecture.json`.

    Args:
        path: The run or file.
        registry: Registry with its plugins.
        space: The space of the architecture; None to make it.

    Raises:
        InputMissingError: there is neither a run nor a file.
        ArtifactError: the search has not ended, or a file is damaged.

    """
    least = 1
    if (path / "config.yaml").exists():
        run = Run.open(path)
        least, architecture = run.config().training.min_positives, run.architecture()
    else:
        file = path / "architecture.json" if path.is_dir() else path
        try:
            architecture = Architecture.read(file)
        except OSError as error:
            raise InputMissingError(
                f"{file}: cannot be read: {error.strerror}",
                "give the folder of a run whose search has ended; `automtl list runs` shows all",
            ) from None
    try:
        space = space or _space(architecture.origin, registry)
        return RunRecord(path, architecture, space.sharing(architecture), space, min_positives=least)
    except AutoMTLError as error:
        return RunRecord(path, architecture, _scored(architecture), space, str(error), min_positives=least)


def _space(origin: Origin | None, registry: Registry) -> SearchSpace[Any]:
    """Return the search space of an architecture; raises if it is unknown, or a plugin has changed."""
    if origin is None:
        raise ArtifactError("the architecture does not name its search space")
    with registry.expecting(origin.plugins):
        chosen = Component.model_validate({"name": origin.space, **origin.settings})
        return registry.space(chosen, Schema.from_json(origin.schema))


def _scored(derived: Architecture) -> Sharing:
    """Return the sharing according to the decisions alone, without knowledge of unread fields."""
    fields = Schema.from_json(derived.origin.schema).fields() if derived.origin else ()
    gates = {name: d for name, d in derived.decisions.items() if not isinstance(d, str)}
    members = list(dict.fromkeys(split_name(name)[0] for name in derived.decisions))
    return Sharing.of(gates, {name: AnyOf(name, d) for name, d in gates.items()}, fields, members=members)
