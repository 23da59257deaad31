"""Raw values become what the network takes, as `encoder/encoder.json` says. Needs numpy alone.

This file is copied into what is exported, so that it can be read and used without automtl.
Letters: B examples, V values of bags.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np


class Encoder:
    """Turns columns of examples into the inputs of the network.

    Args:
        folder: Holds `encoder.json` and a file for each vocabulary.

    """

    def __init__(self, folder: Path) -> None:
        self.told: Mapping[str, Any] = json.loads((folder / "encoder.json").read_text("utf-8"))
        self.tables: dict[str, dict[str, int]] = {}
        for name, field in self.told["fields"].items():
            if field["kind"] == "vocabulary":
                file = name.replace("%", "%25").replace("/", "%2F") + ".txt"
                with (folder / file).open(encoding="utf-8") as lines:
                    self.tables[name] = {json.loads(line): place for place, line in enumerate(lines) if place}

    def __call__(self, columns: Mapping[str, Sequence[Any]]) -> dict[str, np.ndarray]:
        """Return the inputs: `ids` [B, fields of one value], `dense` [B, numbers], of bags values and starts.

        Args:
            columns: Field -> one value an example: text or an integer, of bags a list of them, of numeric
                fields a number; None where unknown.

        """
        sparse, dense = self.told["schema"]["sparse"], self.told["schema"]["dense"]
        single = [self.ids(f["name"], columns[f["name"]]) for f in sparse if f["kind"] == "single"]
        numbers = [self.scaled(f["name"], columns[f["name"]]) for f in dense]
        rows = len(next(iter(columns.values())))
        inputs: dict[str, np.ndarray] = {
            "ids": np.array(single, np.int64).reshape(len(single), rows).T,
            "dense": np.array(numbers, np.float32).reshape(len(numbers), rows).T,
        }
        for field in (f["name"] for f in sparse if f["kind"] == "bag"):
            bags = [sorted({*self.ids(field, _held(field, bag)).tolist()} - {0}) for bag in columns[field]]
            inputs[f"{field}:values"] = np.array([value for bag in bags for value in bag], np.int64)
            inputs[f"{field}:starts"] = np.cumsum([0, *map(len, bags)])[:-1].astype(np.int64)
        return inputs

    def ids(self, name: str, values: Sequence[Any]) -> np.ndarray:
        """Return the ids of values, 0 for what is blank or was never seen."""
        field = self.told["fields"][name]
        if field["kind"] == "buckets":
            numbers = _numbers(values, field["missing"])
            reached = np.searchsorted(np.array(field["edges"], np.float64), numbers, side="right") + 1
            return np.where(np.isnan(numbers), 0, reached)
        if field["kind"] == "hashed":
            return np.array([_hashed(text, field["buckets"]) if text else 0 for text in map(_text, values)])
        return np.array([self.tables[name].get(_text(value), 0) for value in values], np.int64)

    def scaled(self, name: str, values: Sequence[Any]) -> np.ndarray:
        """Return numbers as the network takes them, NaN where unknown."""
        scale = self.told["scales"][name]
        numbers = _numbers(values, scale["missing"])
        if scale["kind"] == "log":
            numbers = np.sign(numbers) * np.log1p(np.abs(numbers))
        scaled: np.ndarray = (numbers - scale["offset"]) / scale["width"]
        return scaled


def _numbers(values: Sequence[Any], missing: float | None) -> np.ndarray:
    blank = math.nan if missing is None else missing
    return np.array([blank if _blank(value) else float(value) for value in values], np.float64)


def _held(field: str, bag: Any) -> Sequence[Any]:
    if isinstance(bag, str):
        raise TypeError(f"{field}: {bag!r} is no list: the field is multi-valued")
    return () if bag is None else bag


def _blank(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float | np.floating) and math.isnan(value))


def _text(value: Any) -> str:
    """Return a value as automtl writes it: see `text` and `whole` of `automtl_core.data.columns`."""
    if _blank(value):
        return ""
    if isinstance(value, bool | np.bool_):
        return "1" if value else "0"
    if isinstance(value, float | np.floating):
        number = float(str(value))  # the shortest digits, also in single precision
        return str(int(value)) if number.is_integer() and abs(number) < 9e18 else repr(number)
    return _moment(value) if isinstance(value, datetime) else str(value)


def _moment(value: datetime) -> str:
    zoned = value.tzinfo is not None
    written = (value.astimezone(UTC) if zoned else value).replace(tzinfo=None).isoformat(" ")
    return (written.rstrip("0").rstrip(".") if "." in written else written) + ("+00" if zoned else "")


def _hashed(text: str, buckets: int) -> int:
    digest = hashlib.md5(text.encode(errors="replace"), usedforsecurity=False).digest()
    return int.from_bytes(digest[8:], "little") % buckets + 1
