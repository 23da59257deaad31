"""Modules without weights: shapes alone, on torch's meta device."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import init
from torch.overrides import TorchFunctionMode

from automtl_core.process_state import importing_compiler

FILLS = frozenset(
    {Tensor.normal_, Tensor.uniform_, Tensor.bernoulli_, Tensor.exponential_}
    | {function for name, function in vars(init).items() if name.endswith("_") and name[0] != "_"}
)
"""Functions that fill their first argument with initial values."""


@contextmanager
def meta() -> Iterator[None]:
    """Create modules on the meta device, whose tensors have a shape and no values.

    Initial values are skipped. On this device torch draws them by its reference implementations,
    and these import its compiler, which takes two seconds in each process.
    """
    with importing_compiler(), torch.device("meta"), _WithoutValues():
        yield


class _WithoutValues(TorchFunctionMode):
    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func in FILLS:
            tensor: Tensor = args[0] if args else (kwargs or {})["tensor"]
            if tensor.is_meta:
                return tensor
        return func(*args, **(kwargs or {}))
