"""Boosted trees as tensor operations, for exports.

Letters: B batch, T tasks, F columns, K trees, N nodes, C categories, W words.
"""

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from lightgbm import Booster

BITS = 24
"""Number of bits of a word: float32 holds all whole numbers of so many bits."""


class TensorTrees(nn.Module):
    """The trees of all tasks: columns [B, F or more] -> the raw scores of LightGBM [B, T], float64.

    All trees take a step from a node to a child at a time, as many steps as the deepest tree has. The two
    children of a node are neighbours, and a leaf is its own child.

    A split of a number compares a column with a threshold. Each column is there twice, with minus infinity
    and with infinity for missing numbers, which sends them to the left and to the right.

    A split of categories tests a bit of a word. For each category, a table has the bits of all such splits
    of the column: whether it goes left.

    Args:
        tasks: For each task a model of LightGBM of one output, without its option `zero_as_missing`, which
            reads the first columns; or None for scores of 0.

    """

    def __init__(self, tasks: Sequence["Booster | None"]) -> None:
        super().__init__()
        self.width = max((booster.num_feature() for booster in tasks if booster), default=0)
        dumped = [booster.dump_model()["tree_info"] if booster else [] for booster in tasks]
        self.counts = [len(trees) for trees in dumped]
        levels = [[tree["tree_structure"] for tree in chain(*dumped)]]
        while below := [node[side] for node in levels[-1] if _splits(node) for side in _CHILDREN]:
            levels.append(below)
        self.trees, self.steps = len(levels[0]), len(levels) - 1
        nodes = list(chain(*levels))
        inner = np.array([_splits(node) for node in nodes], bool)
        child = np.where(inner, self.trees + 2 * inner.cumsum() - 2, np.arange(len(nodes)))
        column, bits = np.zeros(len(nodes), np.int32), np.zeros(len(nodes), np.int32)
        threshold = np.full(len(nodes), np.inf)
        sets: dict[int, list[tuple[int, list[int]]]] = {}  # column -> nodes with the categories that go left
        for place in np.flatnonzero(inner).tolist():
            node = nodes[place]
            column[place], bound = node["split_feature"], node["threshold"]
            if node["decision_type"] == "==":
                sets.setdefault(node["split_feature"], []).append((place, list(map(int, bound.split("||")))))
                continue
            threshold[place] = bound
            # Without missing numbers among the training rows, LightGBM reads them as 0.
            if not (node["default_left"] if node["missing_type"] == "NaN" else bound >= 0):
                column[place] += self.width
        self.categorical, words = tuple(sets), 2 * self.width
        for number, splits in enumerate(sets.values()):
            size = max(max(left) for _, left in splits) + 1
            table = np.zeros((size + 1, -(-len(splits) // BITS)), np.int32)  # the last row: all other values
            for k, (place, left) in enumerate(splits):
                column[place], bits[place], threshold[place] = words + k // BITS, 1 << k % BITS, -1
                table[left, k // BITS] += bits[place]
            words += table.shape[1]
            self.register_buffer(f"table{number}", torch.from_numpy(table.astype(np.float32)))
        # The largest float32 up to a threshold: float32 columns compare with it as with the threshold.
        with np.errstate(over="ignore"):
            rounded = threshold.astype(np.float32)
        rounded = np.where(rounded > threshold, np.nextafter(rounded, np.float32(-np.inf)), rounded)
        values = np.array([node.get("leaf_value", 0.0) for node in nodes])
        arrays = {"column": column, "threshold": rounded, "bits": bits, "value": values,
                  "child": child.astype(np.int32)}  # fmt: skip
        for name, array in arrays.items():
            self.register_buffer(name, torch.from_numpy(array))
        self.column: Tensor  # [N], like the others
        self.threshold: Tensor
        self.bits: Tensor
        self.value: Tensor
        self.child: Tensor

    def forward(self, columns: Tensor) -> Tensor:
        columns = columns[:, : self.width]
        missing = columns.isnan()
        parts = [columns.masked_fill(missing, -torch.inf), columns.masked_fill(missing, torch.inf)]
        for number, place in enumerate(self.categorical):
            table, category = self.get_buffer(f"table{number}"), columns[:, place]  # [C + 1, W], [B]
            other = len(table) - 1
            known = (category >= 0) & (category < other)
            parts.append(table.index_select(0, torch.where(known, category, other).long()))
        read = torch.cat(parts, dim=1)
        shape = columns.shape[0], self.trees
        # Flat, because onnxruntime takes a sixth of the time for `gather` from one dimension.
        nodes = torch.arange(self.trees, device=columns.device).expand(shape).flatten()  # [B * K], the roots
        for _ in range(self.steps):
            places = self.column.gather(0, nodes).view(shape).long()
            found = read.gather(1, places).flatten()
            left = found <= self.threshold.gather(0, nodes)
            if self.categorical:
                left = left | ((found.int() & self.bits.gather(0, nodes)) > 0)
            nodes = (self.child.gather(0, nodes) + (~left).int()).long()
        values = self.value.gather(0, nodes).view(shape)
        return torch.stack([trees.sum(1) for trees in torch.split(values, self.counts, dim=1)], dim=1)


_CHILDREN = ("left_child", "right_child")


def _splits(node: dict[str, Any]) -> bool:
    return "split_feature" in node
