"""Training rows of planted problems."""

import numpy as np

from automtl_core.data.earlier import rule_of
from automtl_core.data.part import Part
from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task
from automtl_core.search.encoding.rows import Rows


def part(ids, labels, dense=None):
    count = len(labels)
    dense = np.zeros((count, 0)) if dense is None else dense
    return Part(ids.astype(np.int32), dense.astype(np.float32), labels.reshape(count, -1).astype(np.float32))


def planted(count=8000, seed=0, strength=1.5, tasks=1, dense=0, alone=1.0):
    """Return rows where a acts alone, b and c act in pairs, and d on nothing; numbers act as a step."""
    random = np.random.default_rng(seed)
    ids = np.stack([random.integers(1, size, count) for size in (9, 7, 6, 12)], axis=1)
    of_a, of_pair = alone * random.standard_normal(9), random.choice([-1.0, 1.0], (7, 6))
    of_pair -= of_pair[1:, 1:].mean(0, keepdims=True).mean()
    numbers = random.standard_normal((count, dense))
    logits = of_a[ids[:, 0]] + strength * of_pair[ids[:, 1], ids[:, 2]]
    logits = logits + 2.0 * (np.abs(numbers) < 0.7).sum(1) if dense else logits
    labels = random.random((count, tasks)) < 1 / (1 + np.exp(-logits[:, None]))
    fields = tuple(SparseField(name, size) for name, size in zip("abcd", (9, 7, 6, 12), strict=True))
    schema = Schema(
        fields, tuple(DenseField(f"x{k}") for k in range(dense)), tuple(Task(f"t{k}") for k in range(tasks))
    )
    return rows_of(schema, part(ids, labels, numbers))


def rows_of(schema, whole, times=None, delay=0.0):
    """Return rows whose last fifth is held out."""
    held_out = np.arange(len(whole)) >= len(whole) * 4 // 5
    return Rows(schema, whole, held_out, rule_of(len(whole), times, delay, None))
