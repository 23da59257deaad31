"""Derivation of a network from an architecture, with new weights or with those of a supernet."""

from collections.abc import Mapping, Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from automtl_core.choices import AnyOf, Decision
from automtl_core.errors import ArtifactError, PluginError, listing
from automtl_core.modules.relaxation import MixedOp, Question
from automtl_core.ops import Candidates, narrowed, standalone


class FixedGate(nn.Module):
    """A decided choose-any: only the selected options exist, and they pass unchanged."""

    def __init__(self, choice: AnyOf, decision: Sequence[str]) -> None:
        super().__init__()
        self.kept = self.open = tuple(k for k, name in enumerate(choice.options) if name in decision)

    def forward(self, x: Tensor, dim: int) -> Tensor:
        """Return `x` unchanged: its `dim` runs over the selected options only."""
        return x


class Fixing:
    """Chooser of the derived network: every choice is decided.

    Args:
        decisions: Decision of each choice.
        trained: Choices of a supernet by name, whose selected candidates are copied; empty for new weights.

    """

    def __init__(self, decisions: Mapping[str, Decision], trained: Mapping[str, Question]) -> None:
        self.decisions = decisions
        self.trained = trained
        self.chosen: list[nn.Module] = []
        self.asked: dict[str, Decision] = {}
        """The requested choices with their decisions; parts that are not built request none."""

    def one_of(
        self,
        name: str,
        candidates: Candidates,
        inputs: tuple[Sequence[int], int] | None = None,
        shared: bool = False,
    ) -> nn.Module:
        """Return the selected module, narrowed to the remaining inputs.

        Raises:
            ArtifactError: the supernet has dropped it.

        """
        decision = str(self.decisions[name])
        self.asked[name] = decision
        trained = self.trained.get(name)
        if not isinstance(trained, MixedOp):
            op = candidates[decision]()
        elif decision in trained.candidates:
            op = deepcopy(standalone(trained.candidates[decision]))
        else:
            raise ArtifactError(
                f"{name}: the architecture has {decision!r}, but the supernet is fixed to "
                f"{listing(trained.candidates)}",
                fix="derive the architecture of the fixed supernet, or do not copy its weights",
            )
        if inputs is not None:
            op = narrowed(op, *inputs)
        self.chosen.append(op)
        return op

    def any_of(self, name: str, options: Sequence[str]) -> FixedGate:
        """Return the gate that passes the selected options."""
        self.asked[name] = decision = tuple(self.decisions[name])
        return FixedGate(AnyOf(name, tuple(options)), decision)


def copy_shared(source: nn.Module, target: nn.Module, chosen: Sequence[nn.Module]) -> None:
    """Copy the weights outside of the selected candidates; `Fixing` has copied the candidates.

    Raises:
        PluginError: the networks differ outside of the selected candidates.

    """
    inside = {id(t) for op in chosen for t in (*op.parameters(), *op.buffers())}
    available = dict(source.state_dict(keep_vars=True))
    with torch.no_grad():
        for name, tensor in target.state_dict(keep_vars=True).items():
            if id(tensor) in inside:
                continue
            if name not in available or available[name].shape != tensor.shape:
                raise PluginError(
                    f"the search space builds {name!r} with another name or shape than in the supernet",
                    fix="let only ops and gates differ between build(Relaxing()) and build(Fixing(...))",
                )
            tensor.copy_(available[name])
