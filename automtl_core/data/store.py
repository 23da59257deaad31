"""Prepared data on disk: memory-mapped arrays and a manifest.

    <dataset>-<fingerprint>/
        manifest.json
        rejected.csv                     skipped rows of raw files, if any
        encoder/                         encoders of the fields, see encoder.py
        bags/<field>.starts.npy          [bags + 1] int64, for a multi-valued field: the values of bag b are
        bags/<field>.values.npy          values[starts[b]:starts[b + 1]], int32; bag 0 is empty
        events/<history>/ids.npy         [E, F] int32, values of shared fields, sorted by owner and time
        events/<history>/numbers.npy     [E, A] outcomes, then other numbers, NaN where missing; uint8, or
                                         float32 if there are others
        events/<history>/times.npy       [E] float64; for lists -age
        train/ids.npy                    [R, N] int32, numbers of bags where the field is multi-valued
        train/dense.npy                  [R, M] float32, NaN where missing
        train/labels.npy                 [R, T] float32, NaN where a row lacks the label
        train/weights.npy                [R, T] float32, if the settings name columns of weights
        train/users.npy                  [R, 1] int32, if the dataset has a user field: numbers above 0
        train/seconds.npy                [R, 1] float64, under a split by time: the time, seconds if a date
        train/lists.npy                  [R, 1] int32, with lists: numbers above 0, 0 for none; the rows of a
                                         list are neighbours
        train/begin.npy                  [R, 1] float64, with lists and times: the time at which the list
                                         begins
        train/rows.npy                   [R, 1] uint64, digests by which rows are known, see `known`
        train/<field>.codes.npy          [R, 1] int32, of a field with a vocabulary: all values, 0 for none
        hashes/<field>.npy               [codes] uint64, hashes of the texts of the values
        train/<history>.spans.npy        [R, 2] int32 or int64: the events of a row, events[start:end]
        train/<history>.times.npy        [R, 1] float64, the time of the row, or at which its list
                                         begins; 0 for lists of events
        train/<history>.values.npy       [R, F] int32: values of shared fields, as in `ids` of events
        validation/... test/...
        sample/rows.csv or .parquet      raw rows, most of them test rows, in the format of new rows
        sample/events.csv or .parquet    the events of their owners, in the format of a log

The manifest holds the SHA-256 of each of these files and of itself.

Letters: R rows of a part, N sparse fields, M dense fields, T tasks, E events, F shared fields, A
numbers of an event.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from automtl_core.data.aggregates import numbers_as_of
from automtl_core.data.earlier import Earlier, rule_of
from automtl_core.data.encoder import Encoder, Value
from automtl_core.data.fitting import Encoded, encoded
from automtl_core.data.known import Hashes
from automtl_core.data.part import Bags, Coded, Events, Histories, Part, joined
from automtl_core.dataset.encodings import Refresh
from automtl_core.dataset.schema import Schema
from automtl_core.errors import ArtifactError, StorageError
from automtl_core.fields.encode import Kinds, file_name
from automtl_core.fields.field import Codes, Floats
from automtl_core.fields.kinds import BUILT_IN
from automtl_core.fields.sparse import vocabulary_of
from automtl_core.system.documents import canonical, read_signed, sha256, write_signed

FORMAT = 15
PARTS = ("train", "validation", "test")
MANIFEST = "manifest.json"
REJECTED = "rejected.csv"
REFIT = "-refit"
"""End of the name of a folder with the same data, whose training rows include the validation rows."""
ENCODER = "encoder"
"""Folder of a sample of raw rows, and the names of its files."""


@dataclass(frozen=True)
class Prepared:
    """A prepared dataset: its folder and the content of its manifest."""

    path: Path
    manifest: Mapping[str, Any]
    reused: bool = field(default=False, compare=False)
    """Whether the folder existed before the call of `prepare`."""
    kinds: Kinds = field(default_factory=lambda: BUILT_IN, compare=False)
    """The known encoders of fields."""
    judged: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Kind of tasks -> the kind whose metric decides in its place, see `tasks.kinds.judged_by`."""
    _parts: dict[str, Part] = field(default_factory=dict, init=False, repr=False, compare=False)
    _encoded: dict[bytes, Encoded] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def of_refit(self) -> bool:
        """Whether the training rows include the validation rows, see `refit`."""
        return self.path.name.endswith(REFIT)

    @cached_property
    def refit(self) -> "Prepared":
        """The same data for a refit: validation rows are training rows, and there is no validation part.

        Raises:
            ArtifactError: it was not prepared, or is damaged.

        """
        made = Prepared.open(self.path.with_name(self.path.name + REFIT), kinds=self.kinds)
        return replace(made, judged=self.judged)

    @cached_property
    def schema(self) -> Schema:
        """Fields and tasks, with the sizes of the vocabularies."""
        return self._judged(Schema.from_json(self.manifest["schema"]))

    def _judged(self, schema: Schema) -> Schema:
        tasks = (replace(task, kind=self.judged.get(task.kind, task.kind)) for task in schema.tasks)
        return replace(schema, tasks=tuple(tasks))

    def part(self, name: str) -> Part:
        """Return the memory-mapped rows of `train`, `validation` or `test`."""
        if name in self._parts:
            return self._parts[name]
        ids, dense, labels = (_mapped(self.path / name / f"{of}.npy") for of in ("ids", "dense", "labels"))
        folder = self.path / "bags"
        bags = {
            place: Bags(*(_mapped(folder / f"{file_name(one.name)}.{array}.npy") for array in Bags._fields))
            for place, one in enumerate(self.schema.sparse)
            if one.kind == "bag"
        }
        histories = tuple(self._history(name, history.name) for history in self.schema.histories)
        coded = {
            place: Coded(_mapped(self.path / name / f"{file_name(one.name)}.codes.npy")[:, 0], hashes)
            for place, one in enumerate(self.schema.sparse)
            if (hashes := self.hashes.get(one.name)) is not None
        }
        lists, path = self._column(name, "lists"), self.path / name / "weights.npy"
        weights = _mapped(path) if path.exists() else None
        users = self._column(name, "users")
        made = Part(ids, dense, labels, bags, users, histories, coded, lists=lists, weights=weights)
        return self._parts.setdefault(name, made)

    def _history(self, part: str, history: str) -> Histories:
        folder = events_folder(self.path, history)
        events = Events(*(_mapped(folder / f"{array}.npy") for array in Events._fields))
        stem = self.path / part / file_name(history)
        names = (f"{stem.name}.{array}.npy" for array in ("spans", "times", "values"))
        spans, times, values = (_mapped(stem.with_name(name)) for name in names)
        return Histories(events, spans, times[:, 0], values)

    @cached_property
    def hashes(self) -> dict[str, NDArray[np.uint64]]:
        """Field with a vocabulary -> hash of the value of each code, 0 for none; see `Coded`."""
        paths = {one.name: self.path / "hashes" / f"{file_name(one.name)}.npy" for one in self.schema.sparse}
        return {name: _mapped(path) for name, path in paths.items() if path.exists()}

    @cached_property
    def encoder(self) -> Encoder:
        """The encoder of new examples.

        Raises:
            ArtifactError: it is damaged.

        """
        made = Encoder.load(self.path / ENCODER, self.kinds)
        return replace(made, schema=self._judged(made.schema))

    def times(self, name: str) -> Floats | None:
        """Return the time at which the list of each row of a part begins, or else its own, [R].

        None without a split by time.
        """
        seconds, begin = self.seconds(name), self._column(name, "begin")
        return seconds if seconds is None or begin is None else begin

    def rows(self, *names: str) -> Hashes:
        """Return the digests of the rows of parts, see `data.known`."""
        return np.concatenate([_mapped(self.path / name / "rows.npy")[:, 0] for name in names])

    def _column(self, part: str, name: str) -> NDArray[Any] | None:
        path = self.path / part / f"{name}.npy"
        return _mapped(path)[:, 0] if path.exists() else None

    def seconds(self, name: str) -> Floats | None:
        """Return the time of each row of a part, seconds if a date, [R]; None without a split by time."""
        return self._column(name, "seconds")

    @property
    def drawn_together(self) -> Codes | None:
        """Numbers of the training rows that random draws keep together, [R]: users or lists; else None."""
        return self._column("train", "users" if self.manifest["settings"]["split"] == "user" else "lists")

    def rule(self, refresh: Refresh, names: Sequence[str] = ("train",)) -> Earlier:
        """Return the rows that a row of some parts sees in aggregates that are refreshed at some times."""
        settings, lists = self.manifest["settings"], self.schema.lists

        def joined_column(array: str) -> NDArray[Any] | None:
            found = [of for name in names if (of := self._column(name, array)) is not None]
            return np.concatenate(found) if found else None

        return rule_of(
            sum(self.manifest["rows"][name] for name in names),
            joined_column("seconds"),
            settings["label_delay"],
            self.drawn_together,
            refresh,
            joined_column("begin") if lists else None,
            lists is not None and not lists.of_periods,
            self.manifest["time_unit"],
        )

    def encoded(self, schema: Schema) -> Encoded:
        """Return the rows for networks of a schema, and what its encodings learned from training rows."""
        key, refresh = canonical(schema.encodings.model_dump(mode="json")), schema.encodings.refresh
        if key not in self._encoded:
            made = self._fitted(schema)
            if refresh != "never" and schema.encodings.keys:
                dense = self.refreshed("validation", schema, refresh).dense
                made = replace(made, validation=replace(made.validation, dense=dense))
            self._encoded[key] = made
        return self._encoded[key]

    def _fitted(self, schema: Schema) -> Encoded:
        parts = self.part("train"), self.part("validation")
        return encoded(*parts, schema, self.rule(schema.encodings.refresh), self.path)

    def warnings(self) -> Iterator[str]:
        """Yield the warnings of the preparation."""
        if rows := self.manifest["rejected"]:
            yield f"skipped faulty rows of the raw files: {rows}, see {self.path / REJECTED}"
        yield from self.manifest["warnings"]

    @property
    def can_refresh(self) -> bool:
        """Whether aggregates can take in later rows: whether rows are split by time."""
        return self.seconds("train") is not None

    @property
    def times_of_parts(self) -> dict[str, tuple[float, float]]:
        """The times of the first and the last row of each part; empty without a split by time."""
        parts = ((part, self.seconds(part)) for part in PARTS)
        return {part: (float(of.min()), float(of.max())) for part, of in parts if of is not None and len(of)}

    def refreshed(self, name: str, schema: Schema, refresh: Refresh) -> Part:
        """Return the rows of a part, with the numbers of aggregates as of the last refresh before each row.

        Args:
            name: The part.
            schema: Schema of networks, with the keys of aggregates.
            refresh: When aggregates are brought up to date.

        """
        part, aggregates = self.part(name), self._fitted(schema).aggregates
        if refresh == "never" or not self.can_refresh or not aggregates.states:
            return aggregates.of_part(part, schema)
        names = PARTS[: PARTS.index(name) + 1]
        rule, every = self.rule(refresh, names), joined([self.part(one) for one in names])
        rows = np.arange(len(every) - len(part), len(every))
        return part.with_numbers(numbers_as_of(every, schema, rule, aggregates, rows))

    def encoder_of(self, schema: Schema) -> Encoder:
        """Return the encoder of runs whose networks have a schema."""
        return self.encoder.of_run(schema.histories, self.encoded(schema).aggregates)

    def decoded(self, count: int) -> list[dict[str, Value]]:
        """Return the first training rows, with the values of each field and label as of `Encoder.decode`.

        Numbers are rounded, since they are stored in single precision.
        """
        columns = self.encoder.decode(self.part("train").some(slice(count)))
        rounded = [
            [float(f"{value:.6g}") if isinstance(value, float) else value for value in values]
            for values in columns.values()
        ]
        return [dict(zip(columns, row, strict=True)) for row in zip(*rounded, strict=True)]

    def vocabulary(self, name: str) -> list[str]:
        """Return the values of a sparse field; the value at index k has id k + 1.

        The list is empty for a field with hashed ids or buckets of a number.
        """
        found = vocabulary_of(self.encoder.fields[name])
        return found.values if found else []

    @classmethod
    def open(cls, path: Path, reused: bool = False, kinds: Kinds = BUILT_IN) -> "Prepared":
        """Read a prepared dataset.

        Raises:
            ArtifactError: the manifest is missing or of another format, or a file was changed.

        """
        fix = "delete the folder and prepare again"
        manifest = read_signed(path / MANIFEST, FORMAT, fix)
        for name, digest in manifest["files"].items():
            if sha256(path / name) != digest:
                raise ArtifactError(f"{path / name}: missing or damaged", fix)
        return cls(path, manifest, reused, kinds)


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Write the manifest of the files in `folder`, as the last file; return its content as in `Prepared`."""
    names = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    files = {name: sha256(folder / name) for name in names}
    return write_signed(folder / MANIFEST, FORMAT, {**manifest, "files": files})


def events_folder(path: Path, history: str) -> Path:
    """Return the folder of the events of a history."""
    return path / "events" / file_name(history)


def write_header(file: IO[bytes], dtype: DTypeLike, shape: tuple[int, ...]) -> None:
    """Begin a `.npy` file; rows follow as plain bytes, so that a full disk raises an error, not a signal."""
    header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def write_array(path: Path, dtype: DTypeLike, shape: tuple[int, ...], blocks: Iterable[NDArray[Any]]) -> None:
    """Write an array whose rows come in blocks."""
    with path.open("wb") as file:
        write_header(file, dtype, shape)
        for block in blocks:
            file.write(block.astype(dtype, copy=False).tobytes())


def _mapped(path: Path) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.load(str(path), mmap_mode="r")  # of a `Path`, numpy resolves links
    except OSError as error:
        what = f"{path}: prepared data cannot be read: {error.strerror}"
        raise StorageError(what, "repeat the command, which prepares the data again") from error
    except (ValueError, EOFError):
        fix = "delete the folder, and repeat the command, which prepares the data again"
        raise ArtifactError(f"{path}: the file was cut, or is damaged", fix) from None
    return array
