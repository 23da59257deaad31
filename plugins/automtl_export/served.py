"""The encoder of an exported folder. This module needs numpy only: an export contains it, see `encode.py`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from automtl_core.fields.encode import KINDS, Values, encode, event_lists, file_name, padded, read_encoder
from automtl_core.fields.lookup import entries, lookups_of


class Encoder:
    """Encoder of columns of examples as inputs of an exported network.

    Args:
        folder: Folder with `encoder.json` and a file for each vocabulary.
    """

    def __init__(self, folder: str | Path) -> None:
        folder = Path(folder)
        self.content: Mapping[str, Any] = json.loads((folder / "encoder.json").read_text("utf-8"))
        self.fields = {
            name: read_encoder(value, folder / f"{file_name(name)}.txt", KINDS)
            for name, value in self.content["fields"].items()
        }
        self.aggregates = lookups_of(self.content.get("aggregates", {}), folder)

    def __call__(self, columns: Mapping[str, Values]) -> dict[str, np.ndarray]:
        """Return the inputs: `ids` [B, N], `dense` [B, M], and those of bags and histories.

        Of a bag the values [V] and starts [B]; of a history the events, `:ids` [B, L, F], `:numbers`
        [B, L, M], `:ages` and `:known` [B, L], where L is the maximum length, and the values of the examples,
        `:row` [B, F].

        Args:
            columns: Column -> one value for each example: text or an integer, for multi-valued fields a list,
                for numeric fields a number; None where missing. Columns that the network does not read may
                be left out.

        """
        rows, schema = len(next(iter(columns.values()))), self.content["schema"]
        columns = {**columns, **{name: [None] * rows for name in self.content.get("unread", ())}}
        as_texts = self.content.get("as_texts")
        names = [f["name"] for f in (*schema["sparse"], *schema["dense"])]
        found = {name: encode(name, self.fields[name], columns, as_texts) for name in names}
        single = [found[f["name"]] for f in schema["sparse"] if f["kind"] == "single"]
        dense = [found[f["name"]] for f in schema["dense"]]
        inputs: dict[str, np.ndarray] = {
            "ids": np.array(single, np.int64).reshape(len(single), rows).T,
            "dense": np.array(dense, np.float32).reshape(len(dense), rows).T,
        }
        for name in (f["name"] for f in schema["sparse"] if f["kind"] == "bag"):
            starts, values = found[name]
            inputs[f"{name}:values"], inputs[f"{name}:starts"] = values, starts[:-1]
        if self.aggregates:
            keyed = {name for one in self.aggregates for name in one.key if name not in one.edges}
            fields = {
                name: entries(name, self.fields[name], columns, as_texts, found[name]) for name in keyed
            }
            told = [inputs["dense"], *(one(fields, found) for one in self.aggregates)]
            inputs["dense"] = np.concatenate(told, axis=1).astype(np.float32)
        for history in schema.get("histories", ()):
            past = event_lists(history, self.fields, columns, as_texts)
            ends, length = past.counts.cumsum(), history["length"]
            of_events = past.ids.astype(np.int64), past.numbers, past.ages
            known, ids, measured, ages = padded(ends - past.counts, ends, length, *of_events)
            events = {"ids": ids, "numbers": measured, "ages": ages * known, "known": known}
            events["row"] = past.values.astype(np.int64)
            inputs |= {f"{history['name']}:{part}": array for part, array in events.items()}
        return inputs
