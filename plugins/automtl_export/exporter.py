"""The exported graph, from encoded examples to scores (`dataset.scores`), and the contract of formats.

The export of a run encodes rows, writes the example and the model card, and compares the written graph with
the network. A format writes the graph and runs it.

The inputs of a graph are `ids` [B, single-valued fields], `dense` [B, M]; for each multi-valued field
`<field>:values` [V] and `<field>:starts` [B]; and for each history the parts of `modules.features.Past`,
padded to its maximum length, because a recurrent encoder is unrolled. Its output is `predictions` [B, S],
float64 if a task has standardised labels, since single precision cannot hold a small deviation beside a large
mean; otherwise float32. Letters: B examples, M dense fields, V values of bags, T tasks, S scores.
"""

import inspect
import logging
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property, reduce
from pathlib import Path
from textwrap import dedent
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from automtl_core.data.part import Part
from automtl_core.dataset.schema import Schema, scores_of
from automtl_core.errors import PluginError
from automtl_core.modules.features import Bag, Features, Past
from automtl_core.modules.histories import first
from automtl_core.system.process_state import own_cache
from automtl_core.tasks.kind import TaskKind
from automtl_core.tasks.kinds import distinct
from automtl_core.training.batches import take
from automtl_core.training.calibration import Platt
from automtl_core.training.learner import Learner

Predict = Callable[[Mapping[str, Any]], Any]
"""Function from the encoded columns of any number of rows, as arrays by name, to predictions [B, S]."""


@dataclass(frozen=True)
class Graph:
    """A trained network as one function of encoded rows, `network(*inputs)`. Letters: B rows, S scores."""

    network: nn.Module
    """Module in evaluation mode, from the inputs to predictions [B, S]."""
    inputs: Mapping[str, Tensor]
    """The inputs of a few rows by name, in order."""
    sizes: Mapping[str, str]
    """Name of an input -> name of its first dimension: `batch`, or another for the values of bags."""

    @cached_property
    def program(self) -> ExportedProgram:
        """The graph as torch traces it, for any number of rows.

        Raises:
            PluginError: the network needs a fixed number of rows, or cannot be traced.

        """
        dims = {size: Dim(size) for size in dict.fromkeys(self.sizes.values())}
        ids, dense, *others = ({0: dims[size]} for size in self.sizes.values())
        shapes = (ids, dense, *([tuple(others)] if others else []))
        fix = "read the number of examples from `x.shape[0]`, and do not branch on values of tensors"
        with quiet():
            try:
                found = torch.export.export(self.network, tuple(self.inputs.values()), dynamic_shapes=shapes)
            except (MemoryError, OSError):  # of the machine
                raise
            except Exception as error:  # torch has no common class for tracing errors
                line = str(error).splitlines()[0]
                raise PluginError(f"the network cannot be exported: {line}", fix) from error
        for node in found.graph.nodes:
            node.meta.pop("stack_trace", None)  # else formats write paths and source lines of this machine
        return found


class Exporter(ABC):
    """A format of exported networks."""

    libraries: ClassVar[str] = "numpy"
    """The libraries that `load` imports, for the reader of the example."""

    @classmethod
    def check(cls) -> None:
        """Check that the format can be written here.

        Raises:
            UsageError: a library is not installed.

        """
        return None

    @classmethod
    @abstractmethod
    def write(cls, graph: Graph, folder: Path) -> None:
        """Write the graph into a folder.

        Raises:
            PluginError: the network cannot be written in this format.

        """

    @staticmethod
    @abstractmethod
    def load(folder: Path) -> Predict:
        """Return the function of a written graph.

        The source of this method is copied into the example of the exported folder. It imports all names that
        it uses, and neither automtl nor the module of the format.
        """

    @classmethod
    def source(cls) -> str:
        """Return the source of `load` as a function; its annotations are not evaluated.

        Raises:
            PluginError: it is not available.

        """
        try:
            return dedent(inspect.getsource(cls.load)).removeprefix("@staticmethod\n").rstrip()
        except (OSError, TypeError):
            raise PluginError(
                f"the source of {cls.__qualname__}.load is not available for export", "define it in a file"
            ) from None


@contextmanager
def quiet() -> Iterator[None]:
    """Hide the messages for developers of libraries that export, which get a cache of their own."""
    levels = {one: one.level for one in map(logging.getLogger, ("torch.onnx", "onnxscript", "onnx_ir"))}
    config, off = torch.fx.config, getattr(torch.fx.config, "do_not_emit_stack_traces", False)
    for logger in levels:
        logger.setLevel(logging.ERROR)
    config.do_not_emit_stack_traces = True  # they take a sixth of the time
    try:
        with own_cache(), warnings.catch_warnings(action="ignore"):
            yield
    finally:
        config.do_not_emit_stack_traces = off
        for logger, level in levels.items():
            logger.setLevel(level)


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
        found: Tensor = self.network(Features(ids, dense, tuple(map(Bag, values, starts)), histories))
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
        self.offset: Tensor
        self.slope: Tensor
        self.mean: Tensor
        self.deviation: Tensor
        self.kinds = distinct(task.kind for task in tasks)
        for kind in self.kinds:
            self.register_buffer(_mask(kind), torch.tensor([task.kind == kind.name for task in tasks]))
        # Calibrations change logits, units of labels change predictions.
        platt = [scaling.get(task.name) for task in tasks]
        dtype = torch.float64 if any(task.type.standardised for task in tasks) else torch.float32
        for name, numbers in {
            "offset": [one.offset if one else 0.0 for one in platt],
            "slope": [one.slope if one else 1.0 for one in platt],
            "mean": [task.mean for task in tasks],
            "deviation": [task.deviation for task in tasks],
        }.items():
            self.register_buffer(name, torch.tensor(numbers, dtype=dtype))
        self.scores = [score.tasks for score in scores_of(tasks)]

    def forward(self, ids: Tensor, dense: Tensor, *others: Tensor) -> Tensor:  # -> [B, S]
        logits = super().forward(ids, dense, *others)
        scaled = logits.to(self.mean.dtype) * self.slope + self.offset
        found: Tensor = scaled
        for kind in self.kinds:
            if (predicted := kind.link(scaled)) is not scaled:
                found = torch.where(self.get_buffer(_mask(kind)), predicted, found)
        found = found * self.deviation + self.mean
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
        for name, part_of in zip(("ids", "numbers", "ages", "known", "row"), past, strict=True):
            padded = part_of if name == "row" else first(part_of, history.length)
            given[f"{history.name}:{name}"] = padded
    return given


def graph(
    network: nn.Module, schema: Schema, some: Part, scaling: Mapping[str, Platt] | None = MappingProxyType({})
) -> Graph:
    """Return the network as a graph, for any number of examples.

    Args:
        network: A trained network, or a `Learner`, also as a part.
        schema: Schema of its inputs and tasks.
        some: A few encoded examples, at least two, for tracing.
        scaling: Binary task -> its calibration; None for the output of the network, such as `Output`.

    Raises:
        UsageError: it has no graph, see `Learner.traceable`.

    """
    memo: dict[int, Any] = {}
    for learner in (module for module in network.modules() if isinstance(module, Learner)):
        memo[id(learner)] = traceable = learner.traceable()
        for hook in learner._forward_pre_hooks.values():  # such as 0 for missing numbers
            traceable.register_forward_pre_hook(hook)
    if memo:
        network = deepcopy(network, memo)  # with the traceable models in place of the learners
    given = inputs(some, schema)
    bags = [f"{field.name}:values" for field in schema.sparse if field.kind == "bag"]
    sizes = {name: f"values{bags.index(name)}" if name in bags else "batch" for name in given}
    module = Served(network, schema) if scaling is None else Scoring(network, schema, scaling)
    return Graph(module.eval(), given, sizes)
