"""Evolution of architectures by inherited weights (Real et al., AAAI 2019; NASRec, WWW 2023).

Begins with landmarks and random architectures. In each round some of the best are changed in a few decisions,
some are crossed; what is scored stays known, so that the front of loss against cost comes with it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from automtl_core.choices import AnyOf, Architecture, Choice, Decision, OneOf, draw
from automtl_core.modules.cost import Cost
from automtl_core.search.evidence import Point
from automtl_core.search.held_out import Scored, difference
from automtl_core.settings.settings import Settings

PARENTS = 15
"""The best, from which the next round is made."""
CROSSINGS = 6
"""Architectures of a round that take each decision from one of two of the best."""


class EvolutionSettings(Settings):
    """How architectures are bred."""

    rounds: int = Field(8, ge=0)
    """Rounds of evolution."""
    random: int = Field(20, ge=0)
    """Random architectures that it begins with, beside the landmarks."""
    mutations: int = Field(10, ge=0)
    """Architectures of a round that are one of the best with a few decisions changed."""
    rate: float = Field(0.15, gt=0, le=1)
    """Chance of a choose-one to be drawn anew in a mutation; options of a choose-any flip with half of it."""
    flops: float | None = Field(None, gt=0)
    """Most operations a row of what is found, in millions; null for no limit. Landmarks take part only where
    they keep it."""


@dataclass(frozen=True)
class Candidate:
    """An architecture and what it is worth."""

    name: str
    architecture: Architecture
    scored: Scored
    cost: Cost

    @property
    def loss(self) -> float:
        """Mean loss on held-out rows."""
        return float(self.scored.losses.mean())

    def point(self, chosen: "Candidate") -> Point:
        """Return what is kept of it, with the error of its loss against that of what was chosen."""
        error = difference(self.scored.losses, chosen.scored.losses).error
        return Point(
            self.name,
            self.architecture.decisions,
            self.loss,
            error,
            self.scored.score,
            self.cost.flops_per_row,
            self.cost.parameters,
        )


class Evolution:
    """A growing population; nothing is forgotten.

    Args:
        choices: Of the space.
        score: Tells what an architecture is worth.
        cost: Tells what it costs.
        settings: How.
        price: Share of the loss that a million operations a row are worth.

    """

    def __init__(
        self,
        choices: Mapping[str, Choice],
        score: Callable[[Architecture], Scored],
        cost: Callable[[Architecture], Cost],
        settings: EvolutionSettings,
        price: float = 0.0,
    ) -> None:
        self.choices = choices
        self.score = score
        self.cost = cost
        self.settings = settings
        self.price = price
        self.candidates: list[Candidate] = []
        self._known: set[str] = set()

    def begin(self, landmarks: Mapping[str, Architecture], random: np.random.Generator, share: float) -> None:
        """Score landmarks, and random architectures with each option open with chance `share`."""
        for name, architecture in landmarks.items():
            self.add(name, architecture)
        for k in range(self.settings.random):
            self.add(f"random {k + 1}", draw(self.choices, random, share))

    def round(self, number: int, random: np.random.Generator) -> None:
        """Breed once from the best."""
        best = [candidate.architecture for candidate in self.best(PARENTS)]
        if not best:
            return
        s = self.settings
        for child in range(1, s.mutations + CROSSINGS + 1):
            one, other = (best[int(random.integers(len(best)))] for _ in range(2))
            born = self._mutated(one, random) if child <= s.mutations else self._crossed(one, other, random)
            self.add(f"evolution {number}.{child}", born)

    def add(self, name: str, architecture: Architecture) -> None:
        """Score an architecture, if it is new and not too dear."""
        known = architecture.to_json()
        if known in self._known:
            return
        self._known.add(known)
        cost = self.cost(architecture)
        if self.settings.flops is None or cost.flops_per_row <= 1e6 * self.settings.flops:
            self.candidates.append(Candidate(name, architecture, self.score(architecture), cost))

    def best(self, count: int) -> list[Candidate]:
        """Return the candidates of the least loss, with what their operations cost, the best first."""
        return sorted(self.candidates, key=lambda c: c.loss + self.price * c.cost.flops_per_row / 1e6)[:count]

    def front(self) -> list[Candidate]:
        """Return those that lose less than all that are cheaper, the cheapest first."""
        return pareto(self.candidates)

    def _mutated(self, parent: Architecture, random: np.random.Generator) -> Architecture:
        decisions: dict[str, Decision] = {}
        for name, choice in self.choices.items():
            decision = parent.decisions[name]
            if isinstance(choice, OneOf):
                if random.random() < self.settings.rate:
                    decision = choice.options[int(random.integers(len(choice.options)))]
            else:
                flips = random.random(len(choice.options)) < self.settings.rate / 2
                decision = _flipped(choice, decision, flips)
            decisions[name] = decision
        return Architecture(decisions)

    def _crossed(self, one: Architecture, other: Architecture, random: np.random.Generator) -> Architecture:
        return Architecture({n: (one if random.random() < 0.5 else other).decisions[n] for n in self.choices})


def pareto(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates that lose less than all that are cheaper, the cheapest first."""
    front: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda c: (c.cost.flops_per_row, c.loss)):
        if not front or candidate.loss < front[-1].loss:
            front.append(candidate)
    return front


def _flipped(choice: AnyOf, decision: Decision, flips: np.ndarray) -> tuple[str, ...]:
    pairs = zip(choice.options, flips.tolist(), strict=True)
    return tuple(option for option, flip in pairs if (option in decision) != flip)
