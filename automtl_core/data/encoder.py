"""The encoder: raw examples become ids and numbers as in preparation, whenever they come; and back.

    encoder/
        encoder.json      schema, how each field is encoded, SHA-256 of each vocabulary and of itself
        <field>.txt       a vocabulary: one JSON string a line; line k has id k, id 0 is the unseen value

It is saved with the prepared data and with each run, so that a run's folder is all that prediction needs.

Letters: R rows, N sparse fields, M dense fields, T tasks, V values of bags.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automtl_core.data import columns as one
from automtl_core.data.columns import Column, FieldEncoding, Scale, Vocabulary
from automtl_core.data.part import Bags, Part
from automtl_core.dataset.schema import Schema, Task
from automtl_core.disk.files import file_name
from automtl_core.disk.signed import read_signed, sha256, write_signed
from automtl_core.errors import ArtifactError, AutoMTLError, DataError, did_you_mean

FORMAT = 1
FILE = "encoder.json"
FIX = "restore the folder from a copy, or prepare the data again"
BLANKS = (type(None), float, type(pd.NA))
"""What stands for no bag."""

Value = str | float | int | list[str] | None


@dataclass(frozen=True)
class Encoder:
    """How the columns of examples, as `Dataset.rows` names them, become the rows of a `Part`.

        encoder = Encoder.load(Path("runs/NAME/encoder"))
        part = encoder.encode({"user": ["u1", None], "tags": [["a", "b"], []], "price": [3.5, 4]})

    An encoder says by name what makes each column of a part, and so has room for more: another way to make
    ids of a value is a further class beside `Vocabulary`, `Hashed` and `Buckets`; a sequence is a further
    kind of sparse field, with the ids of a bag in their order; and pretrained vectors go by the ids of a
    vocabulary, in a file beside it. What networks make of ids and numbers is in `modules.inputs`.
    """

    schema: Schema
    fields: Mapping[str, FieldEncoding]
    """Sparse field -> its ids; of a multi-valued one, the ids of the values it holds."""
    scales: Mapping[str, Scale]
    """Dense field -> its scale. That of a real label is in its task."""

    def __post_init__(self) -> None:
        sizes = {field.name: field.size for field in self.schema.sparse}
        if {name: encoding.size for name, encoding in self.fields.items()} != sizes:
            raise ArtifactError("the encoder and its schema have other sparse fields", FIX)
        if set(self.scales) != {field.name for field in self.schema.dense}:
            raise ArtifactError("the encoder and its schema have other dense fields", FIX)

    def encode(self, columns: Mapping[str, Column] | pd.DataFrame, labelled: bool = True) -> Part:
        """Return new examples as preparation would have stored them.

        Args:
            columns: Field or task -> one value a row; others are not looked at. Values of sparse fields are
                text or integers, those of multi-valued ones lists of them; of dense fields and labels
                numbers, or text that is one. None, NaN and an empty text are blanks. Labels may be missing.
            labelled: Whether labels are looked at.

        Returns:
            Ids [R, N], 0 where a value is blank or was not in the vocabulary; dense values [R, M] and labels
            [R, T], NaN where missing. A row has a bag of its own: what bags hold is as in preparation, and
            their numbers are not.

        Raises:
            DataError: a field has no column, columns differ in length, or a value is not as its field.

        """
        labels_of = [task.name for task in self.schema.tasks if labelled and task.name in columns]
        rows = self._rows(columns, labels_of)
        ids = np.zeros((rows, len(self.schema.sparse)), np.int32)
        dense = np.zeros((rows, len(self.schema.dense)), np.float32)
        labels = np.full((rows, len(self.schema.tasks)), np.nan, np.float32)
        bags = {}
        for place, field in enumerate(self.schema.sparse):
            encoding, column = self.fields[field.name], columns[field.name]
            if field.kind == "bag":
                bags[place] = _bags(encoding, field.name, column)
                ids[:, place] = np.arange(1, rows + 1)
            else:
                ids[:, place] = one.ids(encoding, field.name, column)
        for place, number in enumerate(self.schema.dense):
            dense[:, place] = self.scales[number.name](one.numbers(number.name, columns[number.name]))
        for place, task in enumerate(self.schema.tasks):
            if task.name in labels_of:
                labels[:, place] = _labels(task, columns[task.name])
        return Part(ids, dense, labels, bags)

    def decode(self, part: Part) -> dict[str, list[Value]]:
        """Return what rows stand for, by field and task: ids as values, numbers and labels unscaled.

        Ids of hashed fields and of buckets become `#1`, `#2` and so on; what the model cannot tell from an
        unseen value is None, and so are a missing number and a missing label.
        """
        found: dict[str, list[Value]] = {}
        for place, field in enumerate(self.schema.sparse):
            found[field.name] = _values(self.fields[field.name], part, place)
        for place, number in enumerate(self.schema.dense):
            found[number.name] = [_number(x) for x in self.scales[number.name].inverse(part.dense[:, place])]
        for place, task in enumerate(self.schema.tasks):
            found[task.name] = [_label(value, task) for value in part.labels[:, place].tolist()]
        return found

    def save(self, folder: Path) -> None:
        """Write the encoder to a folder; vocabularies that are there already are its own.

        They are hard links where that can be: no one writes into them.
        """
        folder.mkdir(parents=True, exist_ok=True)
        for name, encoding in self.fields.items():
            path = folder / vocabulary_file(name)
            if isinstance(encoding, Vocabulary) and path != encoding.path:
                encoding.copy(path)
        fields = {name: one.to_json(encoding) for name, encoding in self.fields.items()}
        scales = {name: asdict(scale) for name, scale in self.scales.items()}
        schema = self.schema.to_json()
        write_signed(folder / FILE, FORMAT, {"schema": schema, "fields": fields, "scales": scales})

    @classmethod
    def load(cls, folder: Path) -> "Encoder":
        """Read what `save` wrote; what it holds is looked up, and never run.

        Raises:
            ArtifactError: a file is missing, damaged or of another format.

        """
        told = read_signed(folder / FILE, FORMAT, FIX)
        try:
            fields = {
                name: one.from_json(value, folder / vocabulary_file(name))
                for name, value in told["fields"].items()
            }
            scales = {name: Scale(**value) for name, value in told["scales"].items()}
            encoder = cls(Schema.from_json(told["schema"]), fields, scales)
        except (KeyError, TypeError, ValueError, AttributeError, AutoMTLError) as error:
            raise ArtifactError(f"{folder / FILE}: no encoder: {error}", FIX) from None
        for encoding in fields.values():
            if isinstance(encoding, Vocabulary) and sha256(encoding.path) != encoding.sha256:
                raise ArtifactError(f"{encoding.path}: missing or damaged", FIX)
        return encoder

    def _rows(self, columns: Mapping[str, Column] | pd.DataFrame, labels: Sequence[str]) -> int:
        """Return the number of rows, after a check of the columns."""
        fields = [*(f.name for f in self.schema.sparse), *(f.name for f in self.schema.dense)]
        known = [str(name) for name in columns]
        missing = [f"{name!r}{did_you_mean(name, known)}" for name in fields if name not in columns]
        if missing:
            raise DataError(f"the examples lack {', '.join(missing)}", "give each field a column")
        used = [*fields, *labels]
        for name in used:
            if not pd.api.types.is_list_like(columns[name]):
                raise DataError(f"column {name!r} is one value", "give lists, of one value a row")
        lengths = {name: len(columns[name]) for name in used}
        first, rows = next(iter(lengths.items()))
        for name, length in lengths.items():
            if length != rows:
                raise DataError(
                    f"column {name!r} has {length} rows, and {first!r} has {rows}",
                    "give columns of equal length",
                )
        return rows


def vocabulary_file(field: str) -> str:
    """Return the name of the file of a field's vocabulary."""
    return f"{file_name(field)}.txt"


def _bags(encoding: FieldEncoding, name: str, column: Column) -> Bags:
    """Return the bag of each row behind the empty one: known values, each once, in the order of their ids."""
    bags = [_held(name, row, bag) for row, bag in enumerate(column)]
    lengths = np.fromiter(map(len, bags), np.int64, len(bags))
    owners = np.repeat(np.arange(len(bags)), lengths)
    values = one.ids(encoding, name, list(chain.from_iterable(bags)), owners)
    pairs = np.unique((owners * encoding.size + values)[values > 0])
    counts = np.bincount(pairs // encoding.size, minlength=len(bags))
    starts = np.concatenate([np.zeros(2, np.int64), np.cumsum(counts)])
    return Bags(starts, (pairs % encoding.size).astype(np.int32))


def _held(name: str, row: int, bag: Any) -> Sequence[Any]:
    if isinstance(bag, list | tuple):
        return bag
    if isinstance(bag, np.ndarray):
        return list(bag.tolist())  # None where it is masked
    if isinstance(bag, set | frozenset):
        return tuple(bag)
    if isinstance(bag, BLANKS) and pd.isna(bag):
        return ()
    raise one.fault(name, row, bag, "is no list", "give a list of values a row: the field is multi-valued")


def _labels(task: Task, column: Column) -> NDArray[np.float32]:
    """Return labels as they are stored, [R]."""
    found = one.numbers(task.name, column)
    if task.kind == "regression":
        return ((found - task.mean) / task.deviation).astype(np.float32)
    stored = found.astype(np.float32)
    wrong = ~np.isin(stored, (0, 1)) & ~np.isnan(stored)
    if wrong.any():
        row = int(wrong.argmax())
        raise one.fault(task.name, row, float(found[row]), "is no label", "allowed are 0, 1 and None")
    return stored


def _values(encoding: FieldEncoding, part: Part, place: int) -> list[Value]:
    ids = part.ids[:, place].tolist()
    if place not in part.bags:
        names = encoding.names(ids)
        return [names[number] for number in ids]
    starts, values = part.bags[place]
    bags = [values[starts[bag] : starts[bag + 1]].tolist() for bag in ids]
    names = encoding.names(chain.from_iterable(bags))
    return [[str(names[value]) for value in bag] for bag in bags]


def _number(value: float) -> Value:
    return None if np.isnan(value) else float(value)


def _label(value: float, task: Task) -> Value:
    if np.isnan(value):
        return None
    return int(value) if task.kind == "binary" else value * task.deviation + task.mean
