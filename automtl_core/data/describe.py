"""What prepared data looks like, in numbers: `automtl data describe`."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from automtl_core.data.store import PARTS, Part, Prepared
from automtl_core.schema import Schema


def describe(prepared: Prepared) -> dict[str, Any]:
    """Return rows of each part, and what fields and tasks hold, as JSON.

    For a sparse field: its vocabulary's size, the share of rows that hold its most frequent value, and the
    share of unseen values in validation and test. For a dense field: mean and deviation before scaling. For
    a task: positives and their rate in each part. The correlation of labels [T, T] is that of the
    training part, null where a label is constant.
    """
    schema, parts = prepared.schema, {name: prepared.part(name) for name in PARTS}
    return {
        "rows": {name: len(part) for name, part in parts.items()},
        "sparse": _sparse(schema, parts),
        "dense": prepared.manifest["scales"],
        "tasks": {
            task.name: {name: prepared.manifest["labels"][name][task.name] for name in PARTS}
            for task in schema.tasks
        },
        "correlation": _correlation(parts["train"]),
    }


def _sparse(schema: Schema, parts: Mapping[str, Part]) -> dict[str, dict[str, float]]:
    described = {}
    for place, field in enumerate(schema.sparse):
        counts = np.bincount(parts["train"].ids[:, place], minlength=field.size)
        described[field.name] = {
            "vocabulary": field.size - 1,
            "top": float(counts.max() / counts.sum()),
            **{f"unseen_{name}": float((parts[name].ids[:, place] == 0).mean()) for name in PARTS[1:]},
        }
    return described


def _correlation(part: Part) -> list[list[float | None]]:
    labels = np.asarray(part.labels, dtype=np.float64)
    centred = labels - labels.mean(axis=0)
    products = centred.T @ centred
    scale = np.sqrt(np.diag(products))
    table = [
        [products[i, j] / (a * b) if a and b else None for j, b in enumerate(scale)]
        for i, a in enumerate(scale)
    ]
    return [[None if value is None else round(float(value), 6) for value in row] for row in table]
