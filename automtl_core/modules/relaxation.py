"""Open choices: mixed ops and gates, with weights that the relaxation of a strategy computes from logits.

Letters: B batch, C candidates of a choose-one decision, n options of a choose-any decision.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from automtl_core.choices import AnyOf, Choice, Decision, OneOf
from automtl_core.modules.transfer import indices, sent
from automtl_core.ops import JointOp, standalone


class Weighed(NamedTuple):
    """The candidates that are computed, with their weights; all others cost nothing."""

    places: Sequence[int]
    weights: Tensor  # [len(places)]


class Relaxation(ABC):
    """The continuous form of choices, common to a whole supernet. Subclasses define `one_of` and `any_of`.

    `start` is called once for each choice when the supernet is built; `one_of` and `any_of` in each forward
    pass, in the order of the network. All random numbers come from `generator`, never from torch's global
    one, so that they do not depend on dropout.
    """

    def __init__(self) -> None:
        self.generator = torch.Generator()
        self.seed(0)

    def seed(self, seed: int) -> None:
        """Seed the draws; strategies call it in each epoch."""
        self.generator.manual_seed(seed)

    def start(self, choice: Choice) -> Tensor:
        """Return the initial logits of a choice, [C] or [n]."""
        if isinstance(choice, OneOf):
            return torch.empty(len(choice.options)).normal_(std=1e-3)
        return torch.zeros(len(choice.options))

    @abstractmethod
    def one_of(self, logits: Tensor, training: bool) -> Weighed:
        """Return the candidates to compute and their weights, for logits [C].

        Deterministic unless `training`.
        """

    @abstractmethod
    def any_of(self, logits: Tensor, training: bool) -> Tensor:
        """Return the openness of each option, [n] in [0, 1], for logits [n].

        Deterministic unless `training`.
        """

    def best(self, logits: Tensor) -> int:
        """Return the index of the candidate that a decision would select now."""
        return int(logits.argmax())

    def opened(self, logits: Tensor) -> Tensor:
        """Return the options that a decision would keep now, [n] of bool."""
        return logits.detach().sigmoid() >= 0.5

    def uniform(self, like: Tensor) -> Tensor:
        """Draw numbers in [0, 1) with the shape, type and device of `like`."""
        return sent(torch.rand(like.shape, generator=self.generator, dtype=like.dtype), like.device)


class Softmax(Relaxation):
    """Candidates weighted by the softmax of logits (DARTS, arXiv 1806.09055, eq. 2); gates as random bits.

    In training with `sampling`, each bit of a gate is drawn from Bernoulli(sigmoid(logit)), and a
    straight-through gradient reaches the probability (AutoMTL, section 3); without `sampling`, as in warm-up,
    all bits are open. In evaluation a bit is open if sigmoid(logit) >= 0.5, which includes untrained logits.
    """

    def __init__(self, sampling: bool = True) -> None:
        super().__init__()
        self.sampling = sampling

    def one_of(self, logits: Tensor, training: bool) -> Weighed:
        """Return all candidates."""
        return Weighed(range(len(logits)), logits.softmax(0))

    def any_of(self, logits: Tensor, training: bool) -> Tensor:
        """Return bits, zeros and ones with the gradient of the probabilities."""
        if not training:
            return self.opened(logits).to(logits.dtype)
        if not self.sampling:
            return torch.ones_like(logits)
        p = logits.sigmoid()
        drawn = (self.uniform(p) < p).to(p.dtype)
        return drawn + p - p.detach()


class MixedOp(nn.Module):
    """Undecided choose-one: y = sum_k w_k * op_k(inputs), with the weights w of the relaxation."""

    def __init__(self, choice: OneOf, candidates: Mapping[str, nn.Module], relaxation: Relaxation) -> None:
        super().__init__()
        self.choice = choice
        self.candidates = nn.ModuleDict(candidates)
        self.relaxation = relaxation
        self.logits: nn.Parameter | None = nn.Parameter(relaxation.start(choice))
        self.held: str | None = None
        """The only candidate to compute while `hold` is active."""

    def forward(self, *inputs: Any) -> Tensor:  # inputs of a candidate, [B, in] for ops -> [B, out]
        if self.logits is None or self.held is not None:
            chosen: Tensor = self.candidates[self.favourite()](*inputs)
            return chosen
        places, weights = self.relaxation.one_of(self.logits, self.training)
        ops = list(self.candidates.values())
        return mixture([ops[k] for k in places], weights, *inputs)

    def favourite(self) -> str:
        """Return the decision, or the candidate with the highest logit."""
        if self.held is not None:
            return self.held
        index = 0 if self.logits is None else self.relaxation.best(self.logits)
        return list(self.candidates)[index]

    def hold(self, decision: Decision | None) -> None:
        """Compute this candidate only; None computes all candidates again."""
        self.held = None if decision is None else str(decision)

    def fix(self, decision: Decision) -> None:
        """Keep one candidate, and drop the others and the logits."""
        name = str(decision)
        self.candidates = nn.ModuleDict({name: standalone(self.candidates[name])})
        self.logits = None


def mixture(ops: Sequence[nn.Module], weights: Tensor, *inputs: Any) -> Tensor:
    """Return `sum_k weights[k] * ops[k](*inputs)`; op classes with `mixture` are evaluated jointly."""
    by_class: dict[Any, list[int]] = {}
    for k, op in enumerate(ops):
        by_class.setdefault(type(op), []).append(k)
    parts: list[Tensor] = []
    for cls, members in by_class.items():
        if len(members) > 1 and issubclass(cls, JointOp):
            parts.append(
                cls.mixture(
                    [ops[k] for k in members], weights.index_select(0, indices(members, weights)), *inputs
                )
            )
        else:
            parts.extend(weights[k] * ops[k](*inputs) for k in members)
    return torch.stack(parts).sum(0) if len(parts) > 1 else parts[0]


class Gate(nn.Module):
    """Undecided choose-any: one independent bit for each option, drawn once per forward pass."""

    def __init__(self, choice: AnyOf, relaxation: Relaxation) -> None:
        super().__init__()
        self.choice = choice
        self.relaxation = relaxation
        self.logits: nn.Parameter | None = nn.Parameter(relaxation.start(choice))
        self.register_buffer("held_bits", torch.ones(len(choice.options)), persistent=False)
        self.held_bits: Tensor
        self.held: tuple[str, ...] | None = None
        """The only open options while `hold` is active, and from `fix` on."""
        self.kept = tuple(range(len(choice.options)))
        """Positions of the options that `forward` receives: all, since any may open again."""
        self.open = self.kept
        """Positions of the options that can be open in this pass: the held ones, else all.

        A network may skip the computation for other options.
        """

    def forward(self, x: Tensor, dim: int) -> Tensor:
        """Multiply `x`, whose `dim` runs over the kept options, by the bits."""
        if self.logits is not None and self.held is not None and self.open == self.kept:
            return x  # all bits are 1
        shape = [1] * x.dim()
        shape[dim] = -1
        return x * self.bits().view(shape)

    def bits(self) -> Tensor:
        """Return the openness of each option in this pass, [n]."""
        if self.logits is None or self.held is not None:
            return self.held_bits
        return self.relaxation.any_of(self.logits, self.training)

    def favourite(self) -> tuple[str, ...]:
        """Return the decision, or the options that a decision would keep now."""
        if self.logits is None or self.held is not None:
            return self.held or ()
        opened = self.relaxation.opened(self.logits).tolist()
        return tuple(name for name, stays in zip(self.choice.options, opened, strict=True) if stays)

    def hold(self, decision: Decision | None) -> None:
        """Open only these options; None uses the logits again."""
        self.held, self.open = None, self.kept
        if decision is not None:
            self.held = tuple(decision)
            self.open = tuple(k for k in self.kept if self.choice.options[k] in decision)
            bits = torch.tensor([float(k in self.open) for k in self.kept])
            self.held_bits = sent(bits.to(self.held_bits.dtype), self.held_bits.device)

    def fix(self, decision: Decision) -> None:
        """Fix every bit, and drop the logits."""
        self.hold(decision)
        self.logits = None


Question = MixedOp | Gate
