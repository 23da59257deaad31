"""Facts: records of a run as signed JSON, one typed value per file."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal, Self

from typing_extensions import TypedDict

from automtl_core.data.store import Prepared
from automtl_core.dataset.recorded import RowFormat
from automtl_core.run_dir.config import RunConfig
from automtl_core.search.encoding.search import EncodingSearchResult
from automtl_core.search.evidence import Evidence, Point
from automtl_core.system.documents import Value
from automtl_core.training.calibration import Platt
from automtl_core.training.metrics import Metrics


@dataclass(frozen=True)
class Fact(Value):
    """A value that a run records in the file `<file>.json`."""

    file: ClassVar[str]
    """By default the name of the class."""

    def __init_subclass__(cls) -> None:
        cls.file = vars(cls).get("file", cls.__name__.lower())


@dataclass(frozen=True)
class Status(Fact):
    """The state of a run."""

    state: Literal["running", "stopped", "failed", "done"]
    """`running` only while a process holds the run; see `Run.status`."""
    error: str | None = None
    """Error that interrupted the run or made it fail."""
    exit_code: int | None = None
    """Exit code of the error."""


@dataclass(frozen=True)
class Environment(Fact):
    """Versions and machine properties that byte-identical results depend on."""

    automtl: str
    plugins: dict[str, str]
    """Plugin in use -> its version."""
    python: str
    torch: str
    numpy: str
    device: str
    threads: int
    libraries: dict[str, str] = field(default_factory=dict)
    """Other library of the space -> its version."""
    earlier: tuple["Environment", ...] = ()
    """Earlier environments of a run that continued in this one, the first one first."""


@dataclass(frozen=True)
class Identity(Fact):
    """Everything that the result depends on, besides the environment."""

    settings: dict[str, Any]
    """The resolved configuration, see `without_places`."""
    data: str
    """Fingerprint of the prepared data."""

    @classmethod
    def of(cls, config: RunConfig, prepared: Prepared) -> Self:
        """Return the identity of a run on prepared data."""
        return cls(without_places(config.model_dump(mode="json")), prepared.manifest["fingerprint"])


def without_places(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration without the settings that no weight depends on.

    These are places of files, the device, metrics of the test, and listeners.
    """
    left_out = ("data_dir", "prepared_dir", "device", "metrics", "listeners")
    return {key: value for key, value in config.items() if key not in left_out}


@dataclass(frozen=True)
class Decided(Fact):
    """The digest of the architecture, so that a change of architecture.json is detected before the result."""

    digest: str


@dataclass(frozen=True)
class EncodingSearch(Fact):
    """Record of the encoding search."""

    file = "answers"

    encoding_search: EncodingSearchResult


SEEN = ("train", "validation")
"""Parts from which a run learns, and by which it chooses."""


class RawOrigin(TypedDict):
    """The size of a raw file in bytes, and its SHA-256."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Data(Fact):
    """The prepared data of a run, and its origin."""

    dataset: str
    version: int
    """Version of the adapter."""
    settings: dict[str, Any]
    raw: dict[str, RawOrigin]
    fingerprint: str
    """Digest of everything that the data depends on."""
    schema: dict[str, Any]
    rows: dict[str, int]
    """Part -> number of rows."""
    times: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Part -> the times of its first and its last row, those of dates in seconds since 1970; empty without a
    split by time."""
    seen: Mapping[str, str] = field(default_factory=dict)
    """Part -> SHA-256 of the digests of its rows, see `Run.rows`; empty in runs of earlier versions."""
    unread: list[str] = field(default_factory=list)
    """Columns of the raw files that no field or label reads."""

    @classmethod
    def of(cls, prepared: Prepared) -> Self:
        """Return the data of a manifest."""
        known = {one.name: of for one in fields(cls) if (of := prepared.manifest.get(one.name)) is not None}
        sums = prepared.manifest["files"]
        seen = {part: sums[f"{part}/rows.npy"] for part in SEEN if f"{part}/rows.npy" in sums}
        return cls(**known, times=prepared.times_of_parts, seen=seen)


@dataclass(frozen=True)
class NewRows(Fact):
    """The format of new examples; absent if the dataset itself has to convert them."""

    file = "rows"

    recorded: RowFormat


@dataclass(frozen=True)
class Search(Fact):
    """Evidence and Pareto front of a search; a run without a search has no such fact."""

    evidence: tuple[Evidence, ...] = ()
    """Evidence for the decisions, in their order."""
    front: tuple[Point, ...] = ()
    """Pareto front by rising cost; the command line numbers its points from 1."""
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Settings that the search chose, by part; the network was trained with them in place of those in
    config.yaml."""


@dataclass(frozen=True)
class Costs(Fact):
    """Measurements that differ between equal runs."""

    seconds: dict[str, float]
    """Seconds of `encoding_search`, `search`, `train` and, after one, `refit`."""
    rows_per_second: float | None
    """Training rows per second in the training; None without an epoch."""
    of_phases: Mapping[str, float] = field(default_factory=dict)
    """Phase of the search, such as the training of a model in its last round -> its seconds."""


@dataclass(frozen=True)
class Result(Fact):
    """The trained network of a run: size and metrics."""

    best_epoch: int
    parameters: int
    parameters_beside_embeddings: int
    flops_per_row: int
    validation: Metrics
    files: dict[str, str]
    """SHA-256 of the files that decide predictions, by name."""
    test: Metrics | None = None
    """Test metrics; None until the network is tested."""
    cut_short: bool = False
    """Whether the last epoch came before early stopping, so that more epochs may be better."""
    metrics: tuple[str, ...] = ()
    """Names of the registered metrics, on validation rows and, after the test, on test rows."""
    refitted: bool = False
    """Whether the network was trained again on training and validation rows. Validation metrics are those
    before this refit, and test metrics those after it."""
    best_epochs: tuple[int, ...] = ()
    """The best epoch of each member of an ensemble, or of each task of a network without shared weights, or
    that of the network; empty in runs of earlier versions."""


@dataclass(frozen=True)
class Refreshed(Fact):
    """The origin of a run whose aggregates were brought up to date, see `automtl update --refresh`."""

    parent: str
    """The run before."""
    rows: int
    """Number of rows that were added to the aggregates since training."""
    newest: float | None = None
    """Time of the last of these rows, as in `Data.times`; None without a split by time."""
    until: str | None = None
    """The same in words."""
    seen: str = ""
    """SHA-256 of the digests of these rows, see `Run.rows`."""


@dataclass(frozen=True)
class Gain(Value):
    """The score of an updated network on test rows, and that of the network before."""

    measure: str
    before: float
    now: float
    low: float
    """Lower end of the interval of the difference: 95 % for all tasks together."""
    high: float


@dataclass(frozen=True)
class Updated(Fact):
    """The origin of a run that goes on from another one with later rows, see `automtl update`."""

    parent: str
    """The run before."""
    weights: str
    """SHA-256 of its weights."""
    rows: int
    """Number of training rows that no network before was trained on."""
    older: int
    """Number of other training rows: a sample, or all of them if the network begins with new weights."""
    from_scratch: bool
    """Whether the network begins with new weights."""
    values: Mapping[str, int]
    """Field -> number of values that got ids."""
    gains: Mapping[str, Gain] = field(default_factory=dict)
    """Task with enough test rows -> the scores before and now."""


@dataclass(frozen=True)
class Calibration(Fact):
    """The calibration of the network on validation rows; absent without one."""

    scaling: Mapping[str, Platt] = field(default_factory=dict)
    """Binary task with enough validation rows of both classes -> its scaling."""


@dataclass(frozen=True)
class Budget(Fact):
    """The limits of a run under a time budget."""

    seconds: float
    """Seconds for search, training and test."""
    search: float
    """Share of the time after which the search ends."""
    train: float
    """Share of the time after which the training ends."""
    refit: float
    """Share of the time after which a refit would end; it is left out if it would take longer."""
    ended: Mapping[str, int] = field(default_factory=dict)
    """Phase that ended early -> its last epoch."""
    warned: tuple[str, ...] = ()
    """Warnings while the time ran, such as of models that were left untrained."""


def differences(then: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Return a phrase for each changed value, with its path."""
    found: list[str] = []
    for key in [*then, *(key for key in now if key not in then)]:
        old, new = then.get(key), now.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += differences(old, new, f"{prefix}{key}.")
        elif old != new:
            found.append(f"{prefix}{key} was {_shown(old)}, is {_shown(new)}")
    return found


def _shown(value: Any) -> str:
    return "not there" if value is None else f"{value}"
