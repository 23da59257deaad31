"""The exported graph: from encoded examples to scores, see `dataset.scores`.

Its inputs are `ids` [B, single-valued fields], `dense` [B, M]; for each multi-valued field `<field>:values`
[V] and `<field>:starts` [B]; and for each history the parts of `modules.features.Past`, padded to its maximum
length, because a recurrent encoder is unrolled. Its output is `predictions` [B, S], float64 if a task has
standardised labels, since single precision cannot hold a small deviation beside a large mean; otherwise
float32. Letters: B examples, M dense fields, V values of bags, T tasks, S scores.
"""

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import reduce
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from automtl_core.data.part import Part
from automtl_core.dataset.schema import Schema
from automtl_core.dataset.scores import scores_of
from automtl_core.errors import PluginError, UsageError
from automtl_core.libraries import library, own_cache
from automtl_core.modules.features import Bag, Features, Past
from automtl_core.modules.histories import first
from automtl_core.tasks.kind import TaskKind
from automtl_core.tasks.kinds import distinct
from automtl_core.training.batches import take
from automtl_core.training.calibration import Platt

UNSCALED: Mapping[str, Platt] = {}
"""The calibration of a network without one."""
NEEDED = ("onnx", "onnxscript", "onnxruntime")
OF_HISTORY = ("ids", "numbers", "ages", "known", "row")
"""The inputs of a history, in the order of `Past`."""
ONE_FILE = 1 << 30
"""Bytes of weights that ONNX stores in the file of the graph; larger weights are in a separate file."""


class Serving(nn.Module):
    """A network with predictions in place of logits.

    Args:
        network: A trained network.
        schema: Schema of its inputs and tasks.
        scaling: Binary task -> its calibration.

    """

    def __init__(self, network: nn.Module, schema: Schema, scaling: Mapping[str, Platt]) -> None:
        super().__init__()
        self.network = network
        self.bags = 2 * sum(field.kind == "bag" for field in schema.sparse)
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
        bags, events = others[: self.bags], others[self.bags :]
        values, starts = bags[::2], bags[1::2]
        size = len(Past._fields)
        histories = tuple(Past(*events[k : k + size]) for k in range(0, len(events), size))
        logits = self.network(Features(ids, dense, tuple(map(Bag, values, starts)), None, histories))
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


def input_names(schema: Schema) -> list[str]:
    """Return the names of the inputs, in order."""
    bags = [field.name for field in schema.sparse if field.kind == "bag"]
    histories = [history.name for history in schema.histories]
    return [
        *("ids", "dense"),
        *(f"{bag}:{what}" for bag in bags for what in ("values", "starts")),
        *(f"{history}:{what}" for history in histories for what in OF_HISTORY),
    ]


def inputs(part: Part, schema: Schema) -> tuple[Tensor, ...]:
    """Return encoded examples as inputs of the graph."""
    features = take(part, np.arange(len(part)), torch.device("cpu")).features
    bags = [each for bag in features.bags for each in bag]
    events = [
        each if what == OF_HISTORY[-1] else first(each, history.length)
        for history, past in zip(schema.histories, features.histories, strict=True)
        for what, each in zip(OF_HISTORY, past, strict=True)
    ]
    return features.ids, features.dense, *bags, *events


def program(
    network: nn.Module, schema: Schema, some: Part, scaling: Mapping[str, Platt] = UNSCALED
) -> ExportedProgram:
    """Return the graph, for any number of examples.

    Args:
        network: A trained network.
        schema: Schema of its inputs and tasks.
        some: A few encoded examples, at least two, for tracing.
        scaling: Binary task -> its calibration.

    Raises:
        PluginError: the network needs a fixed number of examples, or cannot be traced.

    """
    arguments = inputs(some, schema)
    batch = Dim("batch")
    bags = sum(field.kind == "bag" for field in schema.sparse)
    others: list[Any] = [
        *({0: Dim(f"values{k // 2}") if k % 2 == 0 else batch} for k in range(2 * bags)),
        *({0: batch} for _ in schema.histories for _ in OF_HISTORY),
    ]
    shapes = ({0: batch}, {0: batch}, *([tuple(others)] if others else []))
    fix = "read the number of examples from `x.shape[0]`, and do not branch on values of tensors"
    with _quiet():
        try:
            return torch.export.export(
                Serving(network, schema, scaling).eval(), arguments, dynamic_shapes=shapes
            )
        except (MemoryError, OSError):  # of the machine
            raise
        except Exception as error:  # torch has no common class for tracing errors
            raise PluginError(f"the network cannot be exported: {str(error).splitlines()[0]}", fix) from error


def write_onnx(traced: ExportedProgram, schema: Schema, path: Path) -> None:
    """Write the graph as ONNX.

    Raises:
        UsageError: a library is not installed.

    """
    check_onnx()
    size = sum(each.numel() * each.element_size() for each in traced.state_dict.values())
    with _quiet():
        made = torch.onnx.export(
            traced, dynamo=True, verbose=False, input_names=input_names(schema), output_names=["predictions"]
        )
        assert made is not None  # noqa: S101 - it is None only if torch writes the file
        made.save(str(path), external_data=size > ONE_FILE)


def check_onnx() -> None:
    """Check that the libraries for ONNX are installed.

    Raises:
        UsageError: one is not.

    """
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise UsageError(f"ONNX needs {', '.join(missing)}", "install it: pip install 'automtl[onnx]'")


def run_onnx(path: Path, schema: Schema, values: Sequence[Tensor]) -> np.ndarray:
    """Return the predictions of the graph in a file, [B, T]."""
    session = library("onnxruntime").InferenceSession(str(path))
    named = dict(zip(input_names(schema), (each.numpy() for each in values), strict=True))
    taken = {one.name for one in session.get_inputs()}  # a network may not use all inputs
    (logits,) = session.run(None, {name: value for name, value in named.items() if name in taken})
    return np.asarray(logits)


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide developer messages of exporters."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [each.level for each in loggers]
    for each in loggers:
        each.setLevel(logging.ERROR)
    try:
        with own_cache(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for each, level in zip(loggers, levels, strict=True):
            each.setLevel(level)
