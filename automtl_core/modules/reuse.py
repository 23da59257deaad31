"""Reuse of outputs between evaluations of a supernet with almost the same decisions.

An ablation changes one decision at a time, on the same batches and with the same weights. Most parts of the
network then have the outputs that they had in the evaluation before.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from automtl_core.choices import Decision
from automtl_core.modules.network import Reusable

Outputs = list[Any]
"""Outputs of a module for the batches of an evaluation, in order."""


@dataclass
class _Kept:
    """The outputs of a module in the last evaluation, and all that they depend on."""

    depends: object
    outputs: Outputs = field(default_factory=list)


class Reuse:
    """The outputs of the parts of a network in its last evaluation.

    All evaluations must read the same batches in the same order.
    """

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    @contextmanager
    def evaluation(self, network: nn.Module, decisions: Mapping[str, Decision]) -> Iterator[None]:
        """Compute only those parts of a network whose decisions or weights have changed.

        Args:
            network: The network of a supernet; parts of one that is not `Reusable` are always computed.
            decisions: All decisions of the evaluation.

        """
        parts = network.reusable_parts() if isinstance(network, Reusable) else {}
        weights = [(id(p), p._version) for p in network.parameters()]  # torch counts changes in place
        with ExitStack() as stack:
            for name, choices in parts.items():
                own = {key: d for key, d in decisions.items() if key.startswith(choices)}
                kept = self._kept.get(name)
                if kept is None or kept.depends != (weights, own):
                    kept = self._kept[name] = _Kept((weights, own))
                module = network.get_submodule(name)
                stack.callback(delattr, module, "forward")
                module.forward = _Replay(module.forward, kept.outputs)
            yield


class _Replay:
    """The forward pass of a module, which computes only batches without an output."""

    def __init__(self, compute: Any, outputs: Outputs) -> None:
        self.compute = compute
        self.outputs = outputs
        self.place = 0

    def __call__(self, *inputs: Any) -> Any:
        if self.place == len(self.outputs):
            self.outputs.append(self.compute(*inputs))
        self.place += 1
        return self.outputs[self.place - 1]
