"""One-shot search: train a supernet by single paths, rank by evolution, train the best ones from scratch.

1. train a supernet by single paths until the held-out loss stops improving (`paths`)
2. rank architectures by evolution, scored on held-out rows with the weights of the supernet (`evolution`)
3. close the dispensable options of the best ones by ablation (`ablation`)
4. train the best ones and the best landmarks from scratch, by successive halving (`last_round`)

After Guo et al., "Single Path One-Shot NAS" (ECCV 2020), and NASRec (WWW 2023). Step 3 is that of DARTS-PT
(ICLR 2021), with options in place of ops.
"""

from collections.abc import Mapping

from pydantic import Field

from automtl_core import seeds
from automtl_core.choices import Architecture, Decision
from automtl_core.disk.state import State
from automtl_core.errors import UsageError
from automtl_core.search.evidence import DecisionMade, Evidence, judged
from automtl_core.search.held_out import Losses
from automtl_core.search.problem import Problem
from automtl_core.search.strategy import SearchResult, SearchStrategy
from automtl_core.training.events import Listener, StepEnded
from automtl_core.training.recipe import Recipe
from automtl_strategies.ablation import Ablation, AblationSettings
from automtl_strategies.evolution import Evolution, EvolutionSettings
from automtl_strategies.last_round import LastRound, LastRoundSettings
from automtl_strategies.paths import START, Paths, PathSettings, probes


class OneShotSettings(PathSettings, EvolutionSettings, AblationSettings, LastRoundSettings):
    """Settings of one-shot search."""

    finalists: int = Field(1, ge=1)
    """Number of the best architectures of the evolution that go on: their dispensable parts are
    removed by ablation, and they are trained from scratch."""


class OneShot(SearchStrategy[OneShotSettings]):
    """Supernet trained by single paths, evolution by its weights, ablation, and training of the best few."""

    trains = True

    def __init__(self, settings: OneShotSettings, problem: Problem) -> None:
        super().__init__(settings, problem)
        self.paths = Paths(problem, settings)
        self.last_round = LastRound(problem, settings)

    @classmethod
    def epochs(cls, settings: OneShotSettings, recipe: Recipe) -> int:
        """Return the maximum number of epochs of the supernet and of the last round."""
        return 2 * settings.epochs + settings.last_round(recipe, finalists=settings.finalists + 1)

    @classmethod
    def held_out_share(cls, settings: OneShotSettings) -> float:
        """Return the share of training rows for decisions."""
        return settings.held_out

    def search(self, listener: Listener) -> SearchResult:
        """Run the four steps."""
        paths, round_ = self.paths, self.last_round
        if not round_.has_begun:
            paths.train("supernet", listener)
            self._decide(listener)
        if not paths.relaxed.going_on:  # the best by the weights of the supernet
            return round_.favourite()
        return round_.run(listener)

    def _decide(self, listener: Listener) -> None:
        """Choose the architectures that are trained from scratch."""
        s, space, paths = self.settings, self.problem.space, self.paths
        known = probes(self.problem)
        evolution = Evolution(space.choices(), paths.score, space.cost, s, s.flop_price)
        evolution.begin(known, seeds.generator(self.problem.seed, "evolution", 0), s.share)
        for number in range(1, s.rounds + 1):
            if self._goes_on(listener, "evolution", s.rounds, number):
                evolution.round(number, seeds.generator(self.problem.seed, "evolution", number))
        evidence, comparisons, seed = list[Evidence](), 0, self.problem.seed

        def losses(decisions: Mapping[str, Decision]) -> Losses:
            return paths.score(Architecture(decisions)).losses

        best = evolution.best(s.finalists)
        if not best:
            least = min(space.cost(architecture).flops_per_row for architecture in known.values()) / 1e6
            raise UsageError(
                f"strategy.flops: no architecture has {s.flops:g} million FLOPs per row or fewer",
                fix=f"raise it, or shrink the space; its cheapest landmark takes {least:.3g} million",
            )
        for number, candidate in enumerate(best, start=1):
            if self._goes_on(listener, "ablation", len(best), number):
                ablation = Ablation(
                    space, losses, s, candidate.architecture.decisions, paths.epoch, seed=seed
                )
                ablation.all()
                evidence += ablation.evidence
                for one in ablation.evidence:
                    listener(DecisionMade(one))
                comparisons += ablation.comparisons
                evolution.add(f"closed {number}", Architecture(ablation.decisions))
        ranked = evolution.best(len(evolution.candidates))
        closed = [c for c in ranked if c.name.startswith("closed ")]
        # The architecture of a warm start always takes part.
        first = sorted(ranked, key=lambda c: c.name != START)
        landmarks = {c.name: c.architecture for c in first if c.name in known}
        final = [*(closed or best), *best[:1]]
        front = [c.point(final[0]) for c in evolution.front()]
        self.last_round.begin(
            {c.name: c.architecture for c in final} | dict(list(landmarks.items())[: s.landmarks]),
            paths.epoch,
            judged(evidence, comparisons, paths.held_out.freedom),
            front,
        )

    def _goes_on(self, listener: Listener, phase: str, steps: int, done: int) -> bool:
        relaxed = self.paths.relaxed
        relaxed.going_on = relaxed.going_on and listener(StepEnded(phase, self.paths.epoch, steps, done, 0))
        return relaxed.going_on

    def state_dict(self) -> State:
        """Return the supernet or, once the entrants of the last round are chosen, only that round."""
        decided = self.last_round.state_dict()
        return {"last_round": decided} if decided else {"paths": self.paths.state_dict()}

    def load_state_dict(self, state: State) -> None:
        """Continue the next search from `state`."""
        if "paths" in state:
            self.paths.load_state_dict(state["paths"])
        else:
            self.last_round.load_state_dict(state["last_round"])
