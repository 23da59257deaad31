"""The contract of formats of exported networks.

The export of a run encodes rows, writes the example and the model card, and compares the written graph with
the network. A format writes the graph and runs it.
"""

import inspect
import logging
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from textwrap import dedent
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from automtl_core.errors import PluginError
from automtl_core.process_state import own_cache

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
                return torch.export.export(self.network, tuple(self.inputs.values()), dynamic_shapes=shapes)
            except (MemoryError, OSError):  # of the machine
                raise
            except Exception as error:  # torch has no common class for tracing errors
                line = str(error).splitlines()[0]
                raise PluginError(f"the network cannot be exported: {line}", fix) from error


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
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with own_cache(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
