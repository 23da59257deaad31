"""The exported graph: from encoded examples to scores, see `dataset.schema`.

Its inputs are `ids` [B, single-valued fields], `dense` [B, M]; for each multi-valued field `<field>:values`
[V] and `<field>:starts` [B]; and for each history the parts of `modules.features.Past`, padded to its maximum
length, because a recurrent encoder is unrolled. Its output is `predictions` [B, S], float64 if a task has
standardised labels, since single precision cannot hold a small deviation beside a large mean; otherwise
float32. Letters: B examples, M dense fields, V values of bags, T tasks, S scores.
"""

from collections.abc import Mapping
from functools import reduce

import numpy as np
import torch
from torch import Tensor, nn

from automtl_core.data.part import Part
from automtl_core.dataset.schema import Schema, scores_of
from automtl_core.exporter import Graph
from automtl_core.modules.features import Bag, Features, Past
from automtl_core.modules.histories import first
from automtl_core.tasks.kind import TaskKind
from automtl_core.tasks.kinds import distinct
from automtl_core.training.batches import take
from automtl_core.training.calibration import Platt

UNSCALED: Mapping[str, Platt] = {}
"""The calibration of a network without one."""
OF_HISTORY = ("ids", "numbers", "ages", "known", "row")
"""The inputs of a history, in the order of `Past`."""


class Served(nn.Module):
    """A network of `Features`, called with the inputs of the graph.

    Args:
        network: A trained network.
        schema: Schema of its inputs.

    """

    def __init__(self, network: nn.Module, schema: Schema) -> None:
        super().__init__()
        self.network = network
        self.bags = 2 * sum(field.kind == "bag" for field in schema.sparse)

    def forward(self, ids: Tensor, dense: Tensor, *others: Tensor) -> Tensor:  # -> [B, ...]
        bags, events = others[: self.bags], others[self.bags :]
        values, starts = bags[::2], bags[1::2]
        size = len(Past._fields)
        histories = tuple(Past(*events[k : k + size]) for k in range(0, len(events), size))
        found: Tensor = self.network(Features(ids, dense, tuple(map(Bag, values, starts)), None, histories))
        return found


class Scoring(Served):
    """A network with predictions in place of logits.

    Args:
        network: A trained network.
        schema: Schema of its inputs and tasks.
        scaling: Binary task -> its calibration.

    """

    def __init__(self, network: nn.Module, schema: Schema, scaling: Mapping[str, Platt]) -> None:
        super().__init__(network, schema)
        tasks = schema.tasks
        self.mean: Tensor
        self.deviation: Tensor
        self.kinds = distinct(task.kind for task in tasks)
        for kind in self.kinds:
            self.register_buffer(_mask(kind), torch.tensor([task.kind == kind.name for task in tasks]))
        # A calibration, or the unit of the label.
        pairs = [scaling.get(task.name) for task in tasks]
        offsets = [one.offset if one else task.mean for one, task in zip(pairs, tasks, strict=True)]
        slopes = [one.slope if one else task.deviation for one, task in zip(pairs, tasks, strict=True)]
        dtype = torch.float64 if any(task.type.standardised for task in tasks) else torch.float32
        self.register_buffer("mean", torch.tensor(offsets, dtype=dtype))
        self.register_buffer("deviation", torch.tensor(slopes, dtype=dtype))
        self.scores = [score.tasks for score in scores_of(tasks)]

    def forward(self, ids: Tensor, dense: Tensor, *others: Tensor) -> Tensor:  # -> [B, S]
        logits = super().forward(ids, dense, *others)
        scaled = logits.to(self.mean.dtype) * self.deviation + self.mean
        found: Tensor = scaled
        for kind in self.kinds:
            if (predicted := kind.link(scaled)) is not scaled:
                found = torch.where(self.get_buffer(_mask(kind)), predicted, found)
        if len(self.scores) == found.shape[1]:
            return found
        # Not `prod`, for which ONNX has no operator that all runtimes share.
        return torch.stack([reduce(torch.mul, [found[:, t] for t in tasks]) for tasks in self.scores], dim=1)


def _mask(kind: TaskKind) -> str:
    """Return the name of the buffer with the mask of the tasks of a kind."""
    return kind.name.replace("-", "_")


def inputs(part: Part, schema: Schema) -> dict[str, Tensor]:
    """Return encoded examples as inputs of the graph by name, in order."""
    features = take(part, np.arange(len(part)), torch.device("cpu")).features
    given = {"ids": features.ids, "dense": features.dense}
    for field, bag in zip((f for f in schema.sparse if f.kind == "bag"), features.bags, strict=True):
        given |= {f"{field.name}:values": bag[0], f"{field.name}:starts": bag[1]}
    for history, past in zip(schema.histories, features.histories, strict=True):
        for what, each in zip(OF_HISTORY, past, strict=True):
            padded = each if what == OF_HISTORY[-1] else first(each, history.length)
            given[f"{history.name}:{what}"] = padded
    return given


def graph(
    network: nn.Module, schema: Schema, some: Part, scaling: Mapping[str, Platt] | None = UNSCALED
) -> Graph:
    """Return the network as a graph, for any number of examples.

    Args:
        network: A trained network.
        schema: Schema of its inputs and tasks.
        some: A few encoded examples, at least two, for tracing.
        scaling: Binary task -> its calibration; None for the output of the network, such as `Output`.

    """
    given = inputs(some, schema)
    bags = [f"{field.name}:values" for field in schema.sparse if field.kind == "bag"]
    sizes = {name: f"values{bags.index(name)}" if name in bags else "batch" for name in given}
    module = Served(network, schema) if scaling is None else Scoring(network, schema, scaling)
    return Graph(module.eval(), given, sizes)
