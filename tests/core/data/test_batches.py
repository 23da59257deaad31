import numpy as np
import torch

from automtl_core.data.batches import batches, steps, take
from automtl_core.data.store import Part

CPU = torch.device("cpu")
PART = Part(
    ids=np.arange(14, dtype=np.int32).reshape(7, 2),
    dense=np.arange(7, dtype=np.float32).reshape(7, 1),
    labels=np.ones((7, 3), dtype=np.float32),
)


def test_all_rows_come_once_in_stored_order() -> None:
    parts = list(batches(PART, 3, CPU))
    assert [len(batch.ids) for batch in parts] == [3, 3, 1]
    assert torch.cat([batch.dense for batch in parts]).flatten().tolist() == list(range(7))


def test_rows_come_in_the_given_order() -> None:
    parts = list(batches(PART, 2, CPU, np.array([6, 0, 3])))
    assert [batch.dense.flatten().tolist() for batch in parts] == [[6, 0], [3]]
    assert parts[0].ids.tolist() == [[12, 13], [0, 1]]


def test_steps_counts_the_batches() -> None:
    assert [steps(rows, 3) for rows in (0, 1, 3, 7)] == [0, 1, 1, 3]


def test_a_batch_has_the_types_of_the_model() -> None:
    batch = take(PART, np.array([1]), CPU)
    assert (batch.ids.dtype, batch.dense.dtype, batch.labels.dtype) == (
        torch.int64,
        torch.float32,
        torch.float32,
    )
    assert (batch.ids.shape, batch.dense.shape, batch.labels.shape) == ((1, 2), (1, 1), (1, 3))
