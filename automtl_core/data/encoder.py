"""The encoder: it converts raw examples to ids and numbers as in preparation, and back.

    encoder/
        encoder.json      schema, encoder of each field, SHA-256 of each vocabulary and of this file
        <field>.txt       a vocabulary: one JSON string per line; line k has id k, id 0 is the unseen value
        <field>.npy       pretrained vectors of the values of a vocabulary, [V, P] float32
        aggregates-*.npz  the cells of aggregates, in the encoder of a run

It is saved with the prepared data and with each run, so that prediction needs the run directory alone.

Letters: R rows, N sparse fields, M dense fields, T tasks, V values of bags.
"""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automtl_core.data.aggregates import NONE, Aggregates
from automtl_core.data.part import Bags, Coded, Events, Histories, Part, ranges
from automtl_core.dataset.declarations import History
from automtl_core.dataset.schema import Schema
from automtl_core.errors import ArtifactError, AutoMTLError, DataError, did_you_mean, printable
from automtl_core.fields.encode import (
    FieldEncoder,
    Kinds,
    WrongValueError,
    encode,
    event_columns,
    event_lists,
    file_name,
    number_encoders,
    numbers,
    read_encoder,
    texts_of,
)
from automtl_core.fields.field import Bools, Floats, Singles
from automtl_core.fields.kinds import BUILT_IN
from automtl_core.fields.lookup import hashes_of
from automtl_core.fields.vectors import VectorIds
from automtl_core.system.documents import read_signed, sha256, write_signed
from automtl_core.system.files import link_or_copy

FORMAT = 2
FILE = "encoder.json"
FIX = "restore the folder from a copy, or prepare the data again"

Column: TypeAlias = "Sequence[Any] | NDArray[Any] | pd.Series[Any]"
"""One value for each row."""
Value = str | float | int | list[str] | None


@dataclass(frozen=True)
class Encoder:
    """A converter of columns of examples, named as in `Dataset.rows`, to the rows of a `Part`.

        encoder = Encoder.load(Path("runs/NAME/encoder"))
        part = encoder.encode({"user": ["u1", None], "tags": [["a", "b"], []], "price": [3.5, 4]})

    The encoder of each field defines its ids or numbers: see `fields.encode`. The layer that embeds and
    scales them is in `modules.inputs`.
    """

    schema: Schema
    fields: Mapping[str, FieldEncoder]
    """Field -> its encoder. The scale of a regression label is part of its task. The number `price` of the
    events of the history `past` is the field `past:price`."""
    aggregates: Aggregates = NONE
    """The aggregates; none in the encoder of prepared data, where they depend on the run."""

    def __post_init__(self) -> None:
        sizes = {field.name: field.size for field in self.schema.sparse}
        numbers = [f"{of.name}:{number.name}" for of in self.schema.histories for number in of.numbers]
        sizes |= dict.fromkeys([*(field.name for field in self.schema.dense), *numbers], 0)
        ids = {name: encoder.gives != "numbers" for name, encoder in self.fields.items()}
        if {name: self.fields[name].size if ids[name] else 0 for name in ids} != sizes:
            raise ArtifactError("the fields of the encoder differ from those of its schema", FIX)

    @property
    def columns(self) -> list[str]:
        """The columns that fields and histories read."""
        reads = (self.fields[name].reads(name) for name in self.schema.fields())
        events = [name for history in self.schema.histories for name in event_columns(history.to_json())]
        return [*dict.fromkeys(column for one in reads for column in one), *events]

    def of_run(self, histories: tuple[History, ...], aggregates: Aggregates) -> "Encoder":
        """Return the encoder with these of its histories, and with aggregates."""
        names = [
            *self.schema.fields(),
            *(f"{of.name}:{number.name}" for of in histories for number in of.numbers),
        ]
        fields = {name: encoder for name, encoder in self.fields.items() if name in names}
        return Encoder(replace(self.schema, histories=histories), fields, aggregates)

    def with_numbers(self, part: Part) -> Part:
        """Return rows of prepared data with the numbers of the aggregates."""
        return self.aggregates.of_part(part, self.schema)

    def encode(self, columns: Mapping[str, Column] | pd.DataFrame, labelled: bool = True) -> Part:
        """Return new examples, encoded as in preparation.

        Args:
            columns: Column of a field, column of a history such as `past:item_id`, or task -> one value for
                each row; other columns are ignored. Columns of histories hold lists, see
                `fields.encode.event_lists`. Values of sparse fields are text or integers, those of
                multi-valued fields lists of them; values of dense fields and labels are numbers, or
                text that contains one. None, NaN and an empty text
                are missing values. Labels may be missing.
            labelled: Whether labels are read.

        Returns:
            Ids [R, N], 0 where a value is missing or not in the vocabulary; dense values [R, M] and labels
            [R, T], NaN where missing. Each row has a separate bag: the values of bags are those of
            preparation, the numbers of bags are not.

        Raises:
            DataError: a field has no column, columns differ in length, or a value does not fit its field.

        """
        labels_of = [task.name for task in self.schema.tasks if labelled and task.name in columns]
        known = [str(name) for name in columns]
        missing = [f"{name!r}{did_you_mean(name, known)}" for name in self.columns if name not in columns]
        if missing:
            raise DataError(f"the examples lack {', '.join(missing)}", "give each field a column")
        is_frame = isinstance(columns, pd.DataFrame)
        rows = len(columns) if is_frame else common_length(columns, [*self.columns, *labels_of])
        ids = np.zeros((rows, len(self.schema.sparse)), np.int32)
        dense = np.zeros((rows, len(self.schema.dense)), np.float32)
        labels = np.full((rows, len(self.schema.tasks)), np.nan, np.float32)
        bags = {}
        with named():
            found = {name: encode(name, self.fields[name], columns) for name in self.schema.fields()}
            histories = []
            for history in self.schema.histories:
                past = event_lists(history.to_json(), self.fields, columns)
                ends, now = past.counts.cumsum(), np.zeros(rows, np.float32)
                events = Events(past.ids, past.numbers, -past.ages)
                spans = np.stack([ends - past.counts, ends], axis=1)
                histories.append(Histories(events, spans, now, past.values))
            for place, task in enumerate(self.schema.tasks):
                if task.name in labels_of:
                    fix = f"allowed are {task.type.allowed}, and None"
                    given = _checked(task.name, columns[task.name], task.type.wrong, "label", fix)
                    labels[:, place] = (given - task.mean) / task.deviation
        for place, field in enumerate(self.schema.sparse):
            if field.kind == "bag":
                starts, values = found[field.name]
                bags[place] = Bags(np.concatenate([[0], starts]), values.astype(np.int32))
                ids[:, place] = np.arange(1, rows + 1)
            else:
                ids[:, place] = found[field.name]
        for place, number in enumerate(self.schema.dense):
            dense[:, place] = found[number.name]
        names = [field.name for field in self.schema.sparse]
        coded = {
            names.index(name): Coded(np.arange(rows), hashes_of(texts_of(name, columns, None)))
            for name in self.aggregates.fields
            if self.fields[name].kind == "vocabulary"
        }
        return self.with_numbers(Part(ids, dense, labels, bags, histories=tuple(histories), coded=coded))

    def weights(self, columns: pd.DataFrame) -> Singles:
        """Return the weights of examples by task, [R, T]; 1 for a task without a column of weights.

        Raises:
            DataError: a weight is missing, negative or no number.

        """
        found = np.ones((len(columns), len(self.schema.tasks)), np.float32)
        with named():
            for place, task in enumerate(self.schema.tasks):
                if task.weight is not None:
                    fix = "give a number from 0 on: dataset.weights names the column"
                    found[:, place] = _checked(
                        task.weight, columns[task.weight], lambda values: ~(values >= 0), "weight", fix
                    )
        return found

    def decode(self, part: Part) -> dict[str, list[Value]]:
        """Return the raw values of rows, by field and task: values of ids, unscaled numbers and labels.

        Ids of hashed fields and of buckets become `#1`, `#2` and so on. Missing and unseen values, which
        share one id, are None, and so are a missing number and a missing label.
        """
        found: dict[str, list[Value]] = {}
        for place, field in enumerate(self.schema.sparse):
            found[field.name] = _values(self.fields[field.name], part, place)
        for place, number in enumerate(self.schema.dense):
            found[number.name] = self.fields[number.name].decode(part.dense[:, place])
        for history, of_rows in zip(self.schema.histories, part.histories, strict=False):
            found |= _events(history, of_rows, self.fields)
        for place, task in enumerate(self.schema.tasks):
            whole, labels = task.type.whole, part.labels[:, place].tolist()
            unscaled = (int(v) if whole and v == v else v * task.deviation + task.mean for v in labels)
            found[task.name] = [None if v != v else v for v in unscaled]
        return found

    def save(
        self,
        folder: Path,
        vectors: bool = True,
        unread: Collection[str] = (),
        as_texts: Collection[str] | None = None,
    ) -> None:
        """Write the encoder to a folder, over another one that may be there.

        Files of fields are hard links if the file system supports them, since they are never modified.

        Args:
            folder: The folder.
            vectors: Whether pretrained vectors are written too, and the sums of aggregates; False for an
                export, whose graph contains the vectors, and which looks up numbers.
            unread: Columns that the network does not read, for the encoder of an export, which fills them.
            as_texts: Columns that are taken as they are, for the encoder of an export; in others "1.0" is
                the integer 1. None: texts are taken as they are in all columns.

        """
        folder.mkdir(parents=True, exist_ok=True)
        for name, ending, path, _ in self._files():
            copy = encoder_file(folder, name, ending)
            there = copy.exists() and os.path.samefile(path, copy)
            if not there and (vectors or ending != ".npy"):
                link_or_copy(path, copy)
        fields = {name: encoder.to_json() for name, encoder in self.fields.items()}
        content: dict[str, Any] = {"schema": self.schema.to_json(), "fields": fields}
        if unread:
            content["unread"] = list(unread)
        if as_texts is not None:
            content["as_texts"] = list(as_texts)
        if self.aggregates.states:
            content["aggregates"] = self.aggregates.save(folder, served=not vectors)
        write_signed(folder / FILE, FORMAT, content)

    @classmethod
    def load(cls, folder: Path, kinds: Kinds = BUILT_IN) -> "Encoder":
        """Read a saved encoder; its files hold names of classes and plain data, and no code to run.

        Args:
            folder: Folder of the saved encoder.
            kinds: The known encoders by name.

        Raises:
            ArtifactError: a file is missing, damaged or of another format, or a kind of field is unknown.

        """
        content = read_signed(folder / FILE, FORMAT, FIX)
        try:
            fields = {
                name: read_encoder(value, encoder_file(folder, name), kinds)
                for name, value in content["fields"].items()
            }
            schema = Schema.from_json(content["schema"])
            aggregates = Aggregates.load(content.get("aggregates", {}), folder, schema.tasks)
            encoder = cls(schema, fields, aggregates)
        except (KeyError, TypeError, ValueError, AttributeError, AutoMTLError) as error:
            raise ArtifactError(f"{folder / FILE}: not a valid encoder: {error}", FIX) from None
        for _, _, path, digest in encoder._files():
            if sha256(path) != digest:
                raise ArtifactError(f"{path}: missing or damaged", FIX)
        return encoder

    def vectors(self) -> dict[str, Singles]:
        """Return the pretrained vectors by field, memory-mapped, [V + 1, P] each."""
        return {name: one.vectors() for name, one in self.fields.items() if isinstance(one, VectorIds)}

    def _files(self) -> Iterator[tuple[str, str, Path, str]]:
        """Yield the files of each field's encoder: field, ending, path and SHA-256."""
        for name, encoder in self.fields.items():
            for part in encoder.parts():
                for ending, held in part.files().items():
                    yield name, ending, *held


def common_length(columns: Mapping[str, Column] | pd.DataFrame, names: Iterable[str]) -> int:
    """Return the number of rows of columns.

    Raises:
        DataError: one is not a list, or has another length.

    """
    first, rows = "", 0
    for name in names:
        if not pd.api.types.is_list_like(columns[name]):
            raise DataError(f"column {name!r} is one value", "give a list with one value for each row")
        length = len(columns[name])
        if first and length != rows:
            raise DataError(
                f"column {name!r} has {length} rows, and {first!r} has {rows}", "give columns of equal length"
            )
        first, rows = first or name, length
    return rows


@contextmanager
def named() -> Iterator[None]:
    """Raise errors in values as `DataError`."""
    try:
        yield
    except WrongValueError as wrong:
        value = wrong.value.item() if isinstance(wrong.value, np.generic) else wrong.value
        where = f"column {wrong.column!r}, row {wrong.row} (the first one is 0)"
        raise DataError(f"{where}: {printable(repr(value))} {wrong.problem}", wrong.fix) from None


def encoder_file(folder: Path, field: str, ending: str = ".txt") -> Path:
    """Return a file of the encoder of a field, by default its vocabulary."""
    return folder / f"{file_name(field)}{ending}"


def _checked(name: str, column: Column, wrong: Callable[[Floats], Bools], what: str, fix: str) -> Floats:
    """Return the numbers of a column, [R], none of which may be wrong."""
    try:
        found = numbers(column)
        if (faulty := wrong(found)).any():
            row = int(faulty.argmax())
            raise WrongValueError(row, float(found[row]), f"is not a {what}", fix)
    except WrongValueError as error:
        error.column = name
        raise
    return found


def _values(encoder: FieldEncoder, part: Part, place: int) -> list[Value]:
    ids = part.ids[:, place].tolist()
    if place not in part.bags:
        return encoder.decode(ids)
    starts, values = part.bags[place]
    bounds = [(starts[bag], starts[bag + 1]) for bag in ids]
    names = iter(encoder.decode([one for start, end in bounds for one in values[start:end].tolist()]))
    return [[str(next(names)) for _ in range(end - start)] for start, end in bounds]


def _events(
    history: History, of_rows: Histories, fields: Mapping[str, FieldEncoder]
) -> dict[str, list[Value]]:
    """Return the events of rows as lists; unseen values become `unseen #N`, or integers from 2^62 on."""
    counts = of_rows.spans[:, 1] - of_rows.spans[:, 0]
    places, ends = ranges(of_rows.spans[:, 0], counts), counts.cumsum().tolist()
    ids, measured, times = (array[places] for array in of_rows.events)
    lists: list[list[Any]] = []
    integers = history.facts.integers if history.facts else ()
    for name, column in zip(history.shared, ids.T, strict=False):
        integer, size = name in integers, fields[name].size
        size = size if fields[name].files() or not integer else 1  # hashed values have no integers
        known = fields[name].decode(np.where(column < size, column, 0).tolist())
        unseen = [str(2**62 + one) if integer else f"unseen #{one}" for one in column.tolist()]
        triples = zip(known, unseen, column.tolist(), strict=True)
        lists.append([other if one >= size else text for text, other, one in triples])
    encoders = number_encoders(history.to_json(), fields).values()
    lists += [encoder.decode(column) for encoder, column in zip(encoders, measured.T, strict=True)]
    lists.append((np.repeat(of_rows.times.astype(np.float64), counts) - times).astype(np.float32).tolist())
    return {
        name: [values[end - n : end] for n, end in zip(counts.tolist(), ends, strict=True)]
        for name, values in zip(event_columns(history.to_json()), lists, strict=False)
    }
