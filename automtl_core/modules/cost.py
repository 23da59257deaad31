"""The cost of a network: its parameters, its FLOPs per row, and the time of a prediction on this machine."""

import statistics
import time
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from automtl_core.dataset.declarations import History
from automtl_core.dataset.schema import Schema
from automtl_core.distributed import agreed
from automtl_core.modules.features import Bag, Features, Past

ROWS = 2
"""Number of rows for the count of FLOPs; batch normalisation needs more than one."""
TIMED_ROWS = 1000
"""Number of rows of a prediction whose time is measured."""


@dataclass(frozen=True)
class Cost:
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

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers."""
        return asdict(self)


def cost_of(module: nn.Module, *inputs: Any) -> Cost:
    """Return the cost of a module called with these inputs of `ROWS` rows; leaves it in evaluation mode."""
    tables = [m for m in module.modules() if isinstance(m, nn.Embedding | nn.EmbeddingBag)]
    parameters = _numbers(module)
    module.eval()
    with torch.no_grad(), _Counter() as counter:
        module(*inputs)
    beside = parameters - sum(map(_numbers, tables))
    return Cost(parameters, beside, counter.flops // ROWS)


def hollow(module: nn.Module) -> nn.Module:
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
    """Return the milliseconds in which a network predicts `TIMED_ROWS` rows, the median of several times.

    The number of threads is that of torch. The result differs between machines, and with their load.
    """
    features = blank_features(schema, torch.device("cpu"), TIMED_ROWS)
    network = network.cpu().eval()
    network(features)  # the first prediction allocates memory
    took = []
    for _ in range(7):
        start = time.perf_counter()
        network(features)
        took.append(time.perf_counter() - start)
    return agreed(1000 * statistics.median(took))


def blank_features(schema: Schema, device: torch.device, rows: int = ROWS) -> Features:
    """Return the features of rows whose ids are unseen and whose numbers are 0."""
    multi = [field for field in schema.sparse if field.kind == "bag"]
    ids = torch.zeros(rows, len(schema.sparse) - len(multi), dtype=torch.long, device=device)
    starts = torch.arange(rows, device=device)
    bags = tuple(Bag(torch.zeros_like(starts), starts) for _ in multi)
    dense = torch.zeros(rows, len(schema.dense), device=device)
    return Features(
        ids,
        dense,
        bags,
        histories=tuple(_blank(schema, history, rows, device) for history in schema.histories),
    )


def _blank(schema: Schema, history: History, rows: int, device: torch.device) -> Past:
    """Return histories of full length, with unseen values, and numbers that are 0."""
    length, numbers = history.length, len(history.numeric)
    fields = len(schema.shared_fields(history))
    return Past(
        torch.zeros(rows, length, fields, dtype=torch.long, device=device),
        torch.zeros(rows, length, numbers, device=device),
        torch.zeros(rows, length, device=device),
        torch.ones(rows, length, dtype=torch.bool, device=device),
        torch.zeros(rows, fields, dtype=torch.long, device=device),
    )


def _numbers(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def cost_in_words(ratio: float) -> str:
    """Return the ratio of two costs in words, such as `half its FLOPs`, with a tolerance of 5 %."""
    words = {1: "equal", 2: "half its", 3: "a third of its", 4: "a quarter of its", 5: "a fifth of its"}
    for part, text in (words | {10: "a tenth of its", 0.5: "twice its"}).items():
        if abs(ratio * part - 1) <= 0.05:
            return f"{text} FLOPs"
    return (
        f"{100 * ratio:.2g} % of its FLOPs" if ratio < 1 else f"{ratio:,.{int(ratio < 10)}f} times its FLOPs"
    )
