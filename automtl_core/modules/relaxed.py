"""The continuous forms of choices: mixed ops and gates (DARTS, arXiv 1806.09055, eq. 2; AutoMTL, section 3).

Letters: B batch, C candidates, n options.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from automtl_core.choices import AnyOf, OneOf
from automtl_core.ops import JointOp

LOGIT_STD = 1e-3
"""Standard deviation of the logits of a mixed op at the start."""


class MixedOp(nn.Module):
    """One-of choice while searching: y = sum_k softmax(logits)_k * op_k(x)."""

    def __init__(self, choice: OneOf, candidates: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.choice = choice
        self.candidates = nn.ModuleDict(candidates)
        self.logits: nn.Parameter | None = nn.Parameter(LOGIT_STD * torch.randn(len(candidates)))

    def forward(self, x: Tensor) -> Tensor:  # [B, in] -> [B, out]
        if self.logits is None:
            (op,) = self.candidates.values()
            chosen: Tensor = op(x)
            return chosen
        return mixture(list(self.candidates.values()), self.logits.softmax(0), x)

    def favourite(self) -> str:
        """Return the decision, or the candidate of the highest logit."""
        index = 0 if self.logits is None else int(self.logits.argmax())
        return list(self.candidates)[index]

    def fix(self, decision: str) -> None:
        """Keep one candidate; the others and the logits are gone, and cost nothing any more."""
        self.candidates = nn.ModuleDict({decision: self.candidates[decision]})
        self.logits = None


def mixture(ops: Sequence[nn.Module], weights: Tensor, x: Tensor) -> Tensor:
    """Return `sum_k weights[k] * ops[k](x)`, [B, in] -> [B, out]; classes that can are evaluated jointly."""
    by_class: dict[Any, list[int]] = {}
    for k, op in enumerate(ops):
        by_class.setdefault(type(op), []).append(k)
    parts: list[Tensor] = []
    for cls, members in by_class.items():
        if len(members) > 1 and issubclass(cls, JointOp):
            parts.append(cls.mixture([ops[k] for k in members], weights[members], x))
        else:
            parts.extend(weights[k] * ops[k](x) for k in members)
    return torch.stack(parts).sum(0) if len(parts) > 1 else parts[0]


class Gate(nn.Module):
    """Any-of choice while searching: one independent bit an option.

    In training each bit is drawn once a forward pass, that is once a step, from Bernoulli(sigmoid(logit)),
    and the gradient passes straight through to the probability; with `sampling` off (warm-up) all are
    open. In evaluation a bit is open where sigmoid(logit) >= 0.5. Logits start at 0: what was never
    learned stays open.
    """

    def __init__(self, choice: AnyOf) -> None:
        super().__init__()
        self.choice = choice
        self.sampling = False
        self.logits: nn.Parameter | None = nn.Parameter(torch.zeros(len(choice.options)))
        self.register_buffer("decided", torch.ones(len(choice.options)), persistent=False)
        self.decided: Tensor

    @property
    def kept(self) -> tuple[int, ...]:
        """Positions of the options that `forward` takes: here all, since any may open again."""
        return tuple(range(len(self.choice.options)))

    def forward(self, x: Tensor, dim: int) -> Tensor:
        """Multiply `x`, whose `dim` runs over the kept options, by the bits."""
        shape = [1] * x.dim()
        shape[dim] = -1
        return x * self.bits().view(shape)

    def bits(self) -> Tensor:
        """Return the bits of this step, [n], zeros and ones with the gradient of the probabilities."""
        if self.logits is None:
            return self.decided
        if not self.training:
            return self.is_open().to(self.logits.dtype)
        if not self.sampling:
            return torch.ones_like(self.logits)
        p = self.logits.sigmoid()
        drawn = (torch.rand_like(p) < p).to(p.dtype)
        return drawn + p - p.detach()

    def is_open(self) -> Tensor:
        """Return which options are open in evaluation, [n] of bool."""
        return self.decided > 0 if self.logits is None else self.logits.detach().sigmoid() >= 0.5

    def favourite(self) -> tuple[str, ...]:
        """Return the decision, or the options that are open in evaluation."""
        options = zip(self.choice.options, self.is_open().tolist(), strict=True)
        return tuple(name for name, is_open in options if is_open)

    def fix(self, decision: Sequence[str]) -> None:
        """Settle every bit; the logits are gone."""
        self.decided.copy_(torch.tensor([float(name in decision) for name in self.choice.options]))
        self.logits = None


class FixedGate(nn.Module):
    """Any-of choice that is decided: only the chosen options exist, and they pass unchanged."""

    def __init__(self, choice: AnyOf, decision: Sequence[str]) -> None:
        super().__init__()
        self.kept = tuple(k for k, name in enumerate(choice.options) if name in decision)

    def forward(self, x: Tensor, dim: int) -> Tensor:
        """Return `x` as it is: its `dim` already runs over the chosen options alone."""
        return x
