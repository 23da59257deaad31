"""Relaxations: how logits become weights. A strategy brings one, and with it decides what a search computes.

Letters: C candidates of a choose-one decision, n options of a choose-any decision.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from automtl_core.choices import Choice, OneOf

LOGIT_STD = 1e-3
"""Standard deviation of the logits of a choose-one decision at the start."""


class Weighed(NamedTuple):
    """The candidates that are computed, and what each of them counts; all others cost nothing."""

    places: Sequence[int]
    weights: Tensor  # [len(places)]


class Relaxation(ABC):
    """The continuous form of choices, one for a whole supernet. Subclasses define `one_of` and `any_of`.

    `start` is called once for each choice when the supernet is built; `one_of` and `any_of` at each forward
    pass, in the order of the network. Whatever is drawn comes from `generator`, never from torch's own: masks
    of dropout may differ between processes that train together, these draws must not.
    """

    def __init__(self) -> None:
        self.generator = torch.Generator()
        self.seed(0)

    def seed(self, seed: int) -> None:
        """Let draws follow from this seed; strategies call it in each epoch."""
        self.generator.manual_seed(seed)

    def start(self, choice: Choice) -> Tensor:
        """Return the logits of a choice at the start, [C] or [n]."""
        if isinstance(choice, OneOf):
            return LOGIT_STD * torch.randn(len(choice.options))
        return torch.zeros(len(choice.options))

    @abstractmethod
    def one_of(self, logits: Tensor, training: bool) -> Weighed:
        """Return what counts how much in place of exactly one candidate, given logits [C].

        Deterministic unless `training`.
        """

    @abstractmethod
    def any_of(self, logits: Tensor, training: bool) -> Tensor:
        """Return how far each option is open, [n] in [0, 1], given logits [n].

        Deterministic unless `training`.
        """

    def best(self, logits: Tensor) -> int:
        """Return the place of the candidate that is chosen if the choice is decided now."""
        return int(logits.argmax())

    def opened(self, logits: Tensor) -> Tensor:
        """Return which options stay if the choice is decided now, [n] of bool."""
        return logits.detach().sigmoid() >= 0.5

    def uniform(self, like: Tensor) -> Tensor:
        """Draw numbers in [0, 1) with the shape, type and device of `like`."""
        return torch.rand(like.shape, generator=self.generator, dtype=like.dtype).to(like.device)


class Softmax(Relaxation):
    """All candidates by the softmax of their logits (DARTS, arXiv 1806.09055, eq. 2); gates as drawn bits.

    In training with `sampling` each bit of a gate is drawn from Bernoulli(sigmoid(logit)), and the gradient
    passes straight through to the probability (AutoMTL, section 3); without `sampling`, as in warm-up, all
    are open. In evaluation a bit is open where sigmoid(logit) >= 0.5, so that what was never learned is.
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
