"""The network of DESAN (AutoMTL, section 3), and the members of its BatchEnsemble.

Letters: B batch, N sparse fields, w numbers of a sparse field, D width of the raw input, H expert width, K
members, T tasks.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from automtl_core.plugin import BatchEnsemble, EncodedFields, Features, Inputs, tower
from automtl_desan.selection import SelectiveGate, mixtures


class Residual(nn.Module):
    """A block with a residual connection (He et al., CVPR 2016): x + block(x)."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: Tensor) -> Tensor:  # [B, H] -> [B, H]
        out: Tensor = x + self.block(x)
        return out


class Expert(nn.Module):
    """A reader of its inputs and a chain of blocks.

    Args:
        reader: Module that reads fields, or the experts of the layer below.
        blocks: The first maps the reader's width to H, the others H to H.
        scales: Scales of members for the output of the reader; None for a single network.

    """

    def __init__(
        self, reader: nn.Module, blocks: Sequence[nn.Module], scales: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.reader = reader
        self.blocks = nn.Sequential(*blocks)
        self.scales = scales

    def forward(self, *inputs: Any) -> Tensor:  # inputs of the reader -> [B, H]
        read = self.reader(*inputs)
        out: Tensor = self.blocks(read if self.scales is None else self.scales(read))
        return out


class Layer(nn.ModuleDict):
    """Experts by name. All of them read the same inputs."""

    def forward(self, names: Collection[str], *inputs: Any) -> dict[str, Tensor]:
        """Return the outputs of the wanted experts, [B, H] by name."""
        return {name: expert(*inputs) for name, expert in self.items() if name in names}

    def reads(self, names: Collection[str]) -> set[str]:
        """Return the experts of the layer below that the wanted ones read."""
        readers = [expert.reader for name, expert in self.items() if name in names]
        return {name for reader in readers if isinstance(reader, SelectiveGate) for name in reader.open}


class Task(nn.Module):
    """A task's selective gate and tower: Linear(H, w) -> BatchNorm -> ReLU -> Dropout -> Linear(w, 1).

    Args:
        gate: The gate.
        tower_width: Width of the hidden layer, w.
        dropout: Dropout rate.
        members: Number of members, which have scales for the input of each linear layer.

    """

    def __init__(self, gate: SelectiveGate, tower_width: int, dropout: float, members: int = 1) -> None:
        super().__init__()
        self.gate = gate
        self.tower = tower(gate.width, (tower_width,), dropout, members)

    def forward(self, mixed: Tensor) -> Tensor:  # output of the gate, [B, H] -> [B, 1]
        logit: Tensor = self.tower(mixed)
        return logit


class DESANNetwork(BatchEnsemble):
    """The network of DESAN: a supernet or a derived network, depending on its gates and ops.

    Args:
        inputs: Encoded fields, with the shared table.
        layers: Layers by name, such as `layer0`, lowest first.
        tasks: Tasks in the order of the schema.
        members: Number of members of the BatchEnsemble, see `automtl_core.modules.batch_ensemble`.

    """

    def __init__(
        self, inputs: Inputs, layers: Mapping[str, Layer], tasks: Sequence[Task], members: int = 1
    ) -> None:
        super().__init__(members)
        self.inputs = inputs
        self.layers = nn.ModuleDict(layers)
        self.tasks = nn.ModuleList(tasks)

    def forward(self, features: Features) -> Tensor:  # -> [B, T]
        encoded: EncodedFields = self.inputs(features)
        x, members = encoded.flat(), 1 if self.training else self.members
        gates = [task.gate for task in self.tasks if isinstance(task, Task)]
        lowest, *others = self.layers.values()
        of_lowest, *names = self._wanted(gates)
        experts: dict[str, Tensor] = lowest(of_lowest, encoded)
        for layer, read in zip(others, names, strict=True):
            experts = layer(read, x, experts, members)
        mixed = mixtures(gates, x, experts, members)
        logits = torch.cat([task(seen) for task, seen in zip(self.tasks, mixed, strict=True)], dim=1)
        return self.mean_of_members(logits)

    def reusable_parts(self) -> dict[str, tuple[str, ...]]:
        """Return the inputs, and the experts that read them: no other choice has an effect on these."""
        (lowest, layer), *_ = self.layers.items()
        assert isinstance(layer, Layer)  # noqa: S101 - see `__init__`
        experts = {f"layers.{lowest}.{name}": ("inputs/", f"{lowest}/{name}/") for name in layer}
        return {"inputs": ("inputs/",), **experts}

    def _wanted(self, gates: Sequence[SelectiveGate]) -> list[set[str]]:
        """Return the experts of each layer, lowest layer first, that are read in this pass."""
        wanted = [{name for gate in gates for name in gate.open}]
        for layer in reversed(list(self.layers.values())[1:]):
            assert isinstance(layer, Layer)  # noqa: S101 - see `__init__`
            wanted.insert(0, layer.reads(wanted[0]))
        return wanted
