"""Relaxations: the conversion of logits to weights. The relaxation of a strategy defines its computation.

Letters: C candidates of a choose-one decision, n options of a choose-any decision.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from automtl_core.choices import Choice, OneOf
from automtl_core.modules.transfer import sent


class Weighed(NamedTuple):
    """The candidates that are computed, with their weights; all others cost nothing."""

    places: Sequence[int]
    weights: Tensor  # [len(places)]


class Relaxation(ABC):
    """The continuous form of choices, common to a whole supernet. Subclasses define `one_of` and `any_of`.

    `start` is called once for each choice when the supernet is built; `one_of` and `any_of` in each forward
    pass, in the order of the network. All random numbers come from `generator`, never from torch's global
    one: dropout masks may differ between processes that train together, these draws must not.
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
