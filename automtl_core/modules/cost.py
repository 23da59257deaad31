"""Modules without weights, and their cost: parameters, FLOPs per row, and the time of a prediction."""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import init
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from automtl_core.dataset.schema import Schema
from automtl_core.modules.features import Bag, Features, Past
from automtl_core.modules.network import Ensemble
from automtl_core.system.documents import Value
from automtl_core.system.process_state import importing_compiler

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


ROWS = 2
"""Number of rows for the count of FLOPs; batch normalisation needs more than one."""


Module = TypeVar("Module", bound=nn.Module)


@dataclass(frozen=True)
class Cost(Value):
    """Parameters and FLOPs of a network, or the difference between those of two networks."""

    parameters: int
    parameters_beside_embeddings: int
    flops_per_row: int
    """FLOPs of the matrix products of prediction; a multiplication and an addition count as two."""

    def __sub__(self, other: "Cost") -> "Cost":
        return Cost(
            self.parameters - other.parameters,
            self.parameters_beside_embeddings - other.parameters_beside_embeddings,
            self.flops_per_row - other.flops_per_row,
        )


def cost_of(module: nn.Module, *inputs: Any) -> Cost:
    """Return the cost of a module called with these inputs of `ROWS` rows; leaves it in evaluation mode.

    The FLOPs of trees (`Learner.no_flops`) are unknown, 0, and so are those of means with trees.
    """
    tables = (m for m in module.modules() if isinstance(m, nn.Embedding | nn.EmbeddingBag))
    parameters, *of_tables = (sum(p.numel() for p in m.parameters()) for m in (module, *tables))
    module.eval()
    with torch.no_grad(), _Counter() as counter:
        module(*inputs)
    parts = module.members if isinstance(module, Ensemble) else ()
    known = not getattr(module, "no_flops", False) and all(cost_of(p, *inputs).flops_per_row for p in parts)
    return Cost(parameters, parameters - sum(of_tables), counter.flops // ROWS if known else 0)


def hollow(module: Module) -> Module:
    """Replace all tensors of a module on the meta device by zeros that share memory, and return it.

    The module can then run on the CPU; counting is six times as fast there as on the meta device.
    """
    made: dict[int, nn.Parameter] = {}
    for part in module.modules():
        for name, p in part.named_parameters(recurse=False):
            zero = torch.zeros((), dtype=p.dtype).expand(p.shape)
            setattr(part, name, made.setdefault(id(p), nn.Parameter(zero, requires_grad=False)))
        others = [*part._buffers.items(), *vars(part).items()]
        for name, tensor in others:
            if isinstance(tensor, Tensor):
                setattr(part, name, torch.zeros(tensor.shape, dtype=tensor.dtype))
    return module


class _Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counter of FLOPs like torch's counter, without its statistics by module, which double the time."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # torch would import its compiler, two seconds, to exclude this class from compilation

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        count = flop_registry.get(func.overloadpacket)
        self.flops += 0 if count is None else count(*args, **(kwargs or {}), out_val=out)
        return out


@torch.no_grad()
def latency(network: nn.Module, schema: Schema) -> float:
    """Return the milliseconds in which a network predicts 1,000 rows, the median of several times.

    The number of threads is that of torch. The result differs between machines, and with their load.
    """
    features = blank_features(schema, torch.device("cpu"), 1000)
    network = network.cpu().eval()
    network(features)  # the first prediction allocates memory
    took = []
    for _ in range(7):
        start = time.perf_counter()
        network(features)
        took.append(time.perf_counter() - start)
    return 1000 * statistics.median(took)


def blank_features(schema: Schema, device: torch.device, rows: int = ROWS) -> Features:
    """Return the features of rows whose ids are unseen and numbers 0, with histories of full length."""
    zeros = partial(torch.zeros, device=device)
    multi = [field for field in schema.sparse if field.kind == "bag"]
    starts, histories = torch.arange(rows, device=device), []
    for history in schema.histories:
        length, fields = history.length, len(schema.shared_fields(history))
        ids, values = zeros(rows, length, fields, dtype=torch.long), zeros(rows, fields, dtype=torch.long)
        known = torch.ones(rows, length, dtype=torch.bool, device=device)
        numbers = zeros(rows, length, len(history.numeric))
        histories.append(Past(ids, numbers, zeros(rows, length), known, values))
    return Features(
        zeros(rows, len(schema.sparse) - len(multi), dtype=torch.long),
        zeros(rows, schema.n_numbers),
        tuple(Bag(torch.zeros_like(starts), starts) for _ in multi),
        histories=tuple(histories),
    )


def cost_in_words(ratio: float) -> str:
    """Return the ratio of two costs in words, such as `half its FLOPs`, with a tolerance of 5 %."""
    words = {1: "equal", 2: "half its", 3: "a third of its", 4: "a quarter of its", 5: "a fifth of its"}
    for part, text in (words | {10: "a tenth of its", 0.5: "twice its"}).items():
        if abs(ratio * part - 1) <= 0.05:
            return f"{text} FLOPs"
    return (
        f"{100 * ratio:.2g} % of its FLOPs" if ratio < 1 else f"{ratio:,.{int(ratio < 10)}f} times its FLOPs"
    )
