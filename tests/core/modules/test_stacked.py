"""Reading fields of one table; what is read is tested with `FieldEmbedding` and `FieldStatistics`."""

import itertools
from unittest.mock import patch

import torch

from automtl_core.modules.embedding import mean_of
from automtl_core.modules.features import Bag


def bag(*values: list[int]) -> Bag:
    starts = [sum(map(len, values[:n])) for n in range(len(values))]
    return Bag(torch.tensor([*itertools.chain(*values)], dtype=torch.long), torch.tensor(starts))


def test_the_mean_of_a_bag_is_the_same_when_it_is_exported() -> None:
    table, held = torch.randn(6, 3), bag([1, 4], [], [5], [0, 0, 2], [])
    expected = torch.stack(
        [table[[1, 4]].mean(0), 0 * table[0], table[5], table[[0, 0, 2]].mean(0), 0 * table[0]]
    )
    torch.testing.assert_close(mean_of(table, held), expected)
    with patch("torch.compiler.is_exporting", return_value=True):
        torch.testing.assert_close(mean_of(table, held), expected)
