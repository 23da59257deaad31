"""Facts: what a run keeps as signed JSON, one typed value a file."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal, Self

from automtl_core.data.store import Prepared
from automtl_core.disk.value import Value
from automtl_core.search.encoding.search import Looked
from automtl_core.search.evidence import Evidence, Point
from automtl_core.training.metrics import TaskMetrics


@dataclass(frozen=True)
class Fact(Value):
    """A value that a run keeps in the file `<file>.json`."""

    file: ClassVar[str]


@dataclass(frozen=True)
class Status(Fact):
    """How far a run is."""

    file = "status"

    state: Literal["running", "stopped", "failed", "done"]
    """`running` holds only while a process holds the run; see `Run.status`."""
    error: str | None = None
    """What stopped it, or made it fail."""
    exit_code: int | None = None
    """Of the error that made it fail."""


@dataclass(frozen=True)
class Environment(Fact):
    """The versions and the machine on which equal bytes depend."""

    file = "environment"

    automtl: str
    plugins: dict[str, str]
    """Version of each plugin in use, by its name."""
    python: str
    torch: str
    numpy: str
    device: str
    threads: int
    libraries: dict[str, str] = field(default_factory=dict)
    """Version of what else the space depends on."""
    earlier: tuple["Environment", ...] = ()
    """Those in which the run began before it went on in this one, the first one first."""


@dataclass(frozen=True)
class EncodingSearch(Fact):
    """How answers to what the settings left open were found."""

    file = "answers"

    looked: Looked


@dataclass(frozen=True)
class Data(Fact):
    """The prepared data of a run, and what it comes from."""

    file = "data"

    dataset: str
    version: int
    """Of the adapter."""
    settings: dict[str, Any]
    raw: dict[str, dict[str, Any]]
    """Raw file -> its size and SHA-256."""
    fingerprint: str
    """Of all that the data depends on."""
    schema: dict[str, Any]
    rows: dict[str, int]
    """Of each part."""
    truth: dict[str, Any] = field(default_factory=dict)
    """What the dataset knows of how the data came about."""

    @classmethod
    def of(cls, prepared: Prepared) -> Self:
        """Return what a manifest says."""
        return cls(**{one.name: prepared.manifest[one.name] for one in fields(cls)})


@dataclass(frozen=True)
class Search(Fact):
    """Why a search decided as it did, and what else could be taken; a run without a search has none."""

    file = "search"

    evidence: tuple[Evidence, ...] = ()
    """In the order of the decisions."""
    front: tuple[Point, ...] = ()
    """By rising cost. People number its points from 1."""
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Settings that the search found, by part: the network was trained with them, not as config.yaml says."""


@dataclass(frozen=True)
class Costs(Fact):
    """What differs between equal runs."""

    file = "costs"

    seconds: dict[str, float]
    """Of `search` and of `train`."""
    rows_per_second: float | None
    """Training rows of the last stage; None where it took no epoch."""


@dataclass(frozen=True)
class Result(Fact):
    """The network of a run: how large it is and how good."""

    file = "result"

    best_epoch: int
    parameters: int
    parameters_beside_embeddings: int
    flops_per_row: int
    validation: Mapping[str, TaskMetrics]
    files: dict[str, str]
    """SHA-256 of architecture.json and of weights.safetensors."""
    test: Mapping[str, TaskMetrics] | None = None
    """None until the network is tested."""
    reachable: dict[str, float | None] | None = None
    """Test AUC of the probabilities that labels were drawn with, for tasks where they are known."""
    cut_short: bool = False
    """Whether its epochs ended before patience did, so that more of them may do better."""
