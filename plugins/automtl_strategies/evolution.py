"""Evolution of architectures, scored by inherited weights (Real et al., AAAI 2019; NASRec, WWW 2023).

The first population is the landmarks and random architectures. Each round adds mutations and crossovers of
the best ones. All scored architectures are kept, so the Pareto front of loss against cost is known at the
end.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from automtl_core.choices import AnyOf, Architecture, Choice, Decision, OneOf, draw
from automtl_core.modules.cost import Cost
from automtl_core.search.evidence import Point, pareto
from automtl_core.search.held_out import Scored, difference
from automtl_core.settings.settings import Settings

PARENTS = 15
"""Number of best architectures that the next round is bred from."""
CROSSINGS = 6
"""Number of crossovers of a round: each decision is that of one of two parents."""


class EvolutionSettings(Settings):
    """Settings of the evolution."""

    rounds: int = Field(8, ge=0)
    """Number of rounds of evolution."""
    random: int = Field(20, ge=0)
    """Number of random architectures in the first population, beside the landmarks."""
    mutations: int = Field(10, ge=0)
    """Number of mutations per round. A mutation is one of the best architectures with a few other
    decisions."""
    rate: float = Field(0.15, gt=0, le=1)
    """Mutation rate: probability that a choice of one option (such as an op) is drawn again. A field or an
    expert of a subset is added or removed with half this probability."""
    flops: float | None = Field(None, gt=0)
    """Maximum FLOPs per row of the architecture, in millions; null for no limit. Landmarks above the limit
    are left out."""


@dataclass(frozen=True)
class Candidate:
    """An architecture with its score and its cost."""

    name: str
    architecture: Architecture
    scored: Scored
    cost: Cost

    @property
    def loss(self) -> float:
        """Mean loss on held-out rows."""
        return float(self.scored.losses.mean())

    def point(self, chosen: "Candidate") -> Point:
        """Return its point of the Pareto front.

        The error of the point is that of the loss difference to the chosen architecture.
        """
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
    """A growing population; no architecture is removed.

    Args:
        choices: Choices of the space.
        score: Function that scores an architecture on held-out rows.
        cost: Function that returns the cost of an architecture.
        settings: Settings of the evolution.
        price: Loss that one million FLOPs per row count for.

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
        """Score landmarks, and random architectures whose options are open with probability `share`."""
        for name, architecture in landmarks.items():
            self.add(name, architecture)
        for k in range(self.settings.random):
            self.add(f"random {k + 1}", draw(self.choices, random, share))

    def round(self, number: int, random: np.random.Generator) -> None:
        """Add the mutations and crossovers of one round."""
        best = [candidate.architecture for candidate in self.best(PARENTS)]
        if not best:
            return
        s = self.settings
        for child in range(1, s.mutations + CROSSINGS + 1):
            one, other = (best[int(random.integers(len(best)))] for _ in range(2))
            born = self._mutated(one, random) if child <= s.mutations else self._crossed(one, other, random)
            self.add(f"evolution {number}.{child}", born)

    def add(self, name: str, architecture: Architecture) -> None:
        """Score an architecture, if it is new and within the limit of FLOPs."""
        known = architecture.to_json()
        if known in self._known:
            return
        self._known.add(known)
        cost = self.cost(architecture)
        if self.settings.flops is None or cost.flops_per_row <= 1e6 * self.settings.flops:
            self.candidates.append(Candidate(name, architecture, self.score(architecture), cost))

    def best(self, count: int) -> list[Candidate]:
        """Return the candidates of the lowest loss, including the price of their FLOPs, best first."""
        return sorted(self.candidates, key=lambda c: c.loss + self.price * c.cost.flops_per_row / 1e6)[:count]

    def front(self) -> list[Candidate]:
        """Return the Pareto front of loss against FLOPs, cheapest first."""
        return pareto(self.candidates, lambda one: (one.cost.flops_per_row, one.loss))

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


def _flipped(choice: AnyOf, decision: Decision, flips: np.ndarray) -> tuple[str, ...]:
    pairs = zip(choice.options, flips.tolist(), strict=True)
    return tuple(option for option, flip in pairs if (option in decision) != flip)
