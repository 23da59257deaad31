"""PD-DARTS by evidence: the decisions with the clearest ablation effect on held-out rows are fixed first.

The outline is the paper's (AutoMTL, KDD 2024, section 3.4). research/pd-darts.md compares the two versions.

1. warm-up: train a supernet by single paths with random gates, until the held-out loss stops improving
2. in each round: fix the choose-ones with the clearest evidence, and close a few dispensable options
   (`ablation`); then train the rest for one epoch, whose weights are kept if the held-out loss improves
3. train the remaining network and other models from scratch (`last_round`)
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, ClassVar

from pydantic import Field

from automtl_core.plugin import (
    Architecture,
    Decision,
    DecisionMade,
    Evidence,
    Listener,
    Losses,
    OneOf,
    Problem,
    Recipe,
    SearchResult,
    SearchStrategy,
    State,
    StepEnded,
    Training,
    judged,
)
from automtl_strategies.ablation import Ablation
from automtl_strategies.last_round import LastRound, LastRoundSettings
from automtl_strategies.paths import Paths, PathSettings, probes


class _EndedError(Exception):
    """The listener has ended the search."""


class EvidenceSettings(PathSettings, LastRoundSettings):
    """Settings of PD-DARTS by evidence."""

    rivals: tuple[str, ...] = ("mmoe", "ple", "boosting", "linear")
    """Final comparison: models without choices, such as `mmoe`, that are trained beside the result of the
    search, with their default settings. The best one on validation rows is the result. A model whose library
    is not installed is left out, and so is one that cannot learn the tasks. Each one takes a part of a
    training, and the best one a whole training."""
    ensemble: int = Field(3, ge=1, le=100)
    """Maximum number of models whose mean prediction is the result, such as a network, boosted trees and a
    linear model. Trees and a linear model are always trained to the end; with more than 3, further networks
    are too. The models are chosen by ensemble selection on validation rows. A larger value predicts better as
    a rule, and takes longer in prediction. 1: the result is a single model."""
    rung_epochs: int = Field(6, ge=1)
    """Final comparison: epochs after which the worse half of the candidates is dropped for the first time.
    The result of the search is trained to the end in any case. A larger value takes longer."""
    removed: ClassVar[Mapping[str, Any]] = {
        "supernet_rate": 3.0, "supernet_batch": 0.5, "share": 0.7, "patience": 3, "resamples": 100,
        "flop_price": 0.0, "landmarks": 1, "sure": 1.0, "tolerance": 0.002, "worth": 0.01, "clear": 2.0,
        **LastRoundSettings.removed,
    }  # fmt: skip
    rounds: int = Field(2, ge=1)
    """Number of rounds that fix decisions by ablation, with one epoch of supernet training between two
    rounds. More rounds fix fewer decisions at a time, and take longer."""


class ByEvidence(SearchStrategy[EvidenceSettings]):
    """Progressive discretisation by ablation on held-out rows, after AutoMTL (KDD 2024)."""

    trains = True

    def __init__(self, settings: EvidenceSettings, problem: Problem) -> None:
        super().__init__(settings, problem)
        self.paths = Paths(problem, settings)
        self.last_round = LastRound(problem, settings)
        self.ablation = Ablation(problem.space)
        self.landmarks: dict[str, Architecture] = {}  # best first; after the warm-up
        self.fixed: list[str] = []  # choose-ones that are decided
        self.round = 0

    @classmethod
    def epochs(cls, settings: EvidenceSettings, recipe: Recipe) -> int:
        """Return the maximum number of epochs of warm-up, rounds and last round."""
        return 2 * settings.epochs + settings.rounds - 1 + settings.last_round(recipe)

    @classmethod
    def held_out_share(cls, settings: EvidenceSettings) -> float:
        """Return the share of training rows for decisions."""
        return settings.held_out

    def search(self, listener: Listener) -> SearchResult:
        """Run the three steps."""
        if not self.last_round.entrants:
            self._warm_up(listener)
            self._discretise(listener)
            made, freedom = self.ablation, self.paths.held_out.freedom
            searched = Architecture(made.decisions)
            evidence = judged(made.evidence, made.comparisons, freedom)
            last = self.last_round
            others = [*last.variants("search", searched), *last.rivals(listener)]
            last.begin([Training("search", searched), *others], self.paths.epoch, evidence)
        last, going_on = self.last_round, self.paths.relaxed.going_on
        return last.run(listener) if going_on else last.favourite(listener)

    def _warm_up(self, listener: Listener) -> None:
        """Train until the held-out loss stops improving, and rank the landmarks."""
        if self.landmarks:
            return
        self.paths.train("warm-up", listener)
        known = probes(self.problem)
        loss = {name: float(self.paths.score(a).losses.mean()) for name, a in known.items()}
        best_first = sorted(known, key=loss.__getitem__)
        self.landmarks = {name: known[name] for name in best_first}
        self.ablation.decisions = self.landmarks[best_first[0]].decisions

    def _discretise(self, listener: Listener) -> None:
        """Decide in rounds, with one epoch of training between two, which is kept if it improves the loss.

        When time is short, one round makes all remaining decisions.
        """
        rounds, paths = self.settings.rounds, self.paths
        while self.round < rounds and paths.relaxed.going_on:
            paths.restore_best()
            if self.problem.spent() > 0.5:
                self.round = rounds - 1
            self._decide_some(rounds - self.round, listener)
            self.round += 1
            if self.round < rounds:
                decisions = self.ablation.decisions
                paths.narrow_to(decisions, self.fixed)
                paths.step_epoch("search", listener, {name: decisions[name] for name in self.fixed})

    def _decide_some(self, rounds_left: int, listener: Listener) -> None:
        """Fix the clearest choose-ones and close some dispensable options, until the listener ends it."""
        ablation, paths, relaxed, scored = self.ablation, self.paths, self.paths.relaxed, 0

        def losses(decisions: Mapping[str, Decision]) -> Losses:
            nonlocal scored
            scored += 1
            event = StepEnded("ablation", paths.epoch, scored, scored, 0)
            relaxed.going_on = relaxed.going_on and listener(event)
            if not relaxed.going_on:
                raise _EndedError
            return paths.score(Architecture(decisions)).losses

        known, choices = len(ablation.evidence), ablation.choices.items()
        undecided = [n for n, c in choices if isinstance(c, OneOf) and n not in self.fixed]
        with suppress(_EndedError):
            ablation.begin(losses, ablation.decisions, paths.epoch)
            names = ablation.clearest(undecided)[: -(-len(undecided) // rounds_left)]
            self.fixed += names
            ablation.choose(names)
            ablation.close(singly=rounds_left == 1)
        for evidence in ablation.evidence[known:]:
            listener(DecisionMade(evidence))

    def state_dict(self) -> State:
        """Return the supernet and the decisions or, once the last round has begun, only that round."""
        if self.last_round.entrants:
            return {"last_round": self.last_round.state_dict()}
        return {
            "paths": self.paths.state_dict(),
            "landmarks": {name: a.to_json() for name, a in self.landmarks.items()},
            "decisions": Architecture(self.ablation.decisions).to_json(),
            "fixed": self.fixed,
            "round": self.round,
            "lost": self.ablation.lost,
            "comparisons": self.ablation.comparisons,
            "evidence": [evidence.to_json() for evidence in self.ablation.evidence],
        }

    def load_state_dict(self, state: State) -> None:
        """Continue the next search from `state`."""
        if "last_round" in state:
            self.last_round.load_state_dict(state["last_round"])
            return
        self.paths.load_state_dict(state["paths"])
        self.landmarks = {name: Architecture.from_json(text) for name, text in state["landmarks"].items()}
        self.fixed, self.round = list(state["fixed"]), state["round"]
        ablation = self.ablation
        ablation.decisions = Architecture.from_json(state["decisions"]).decisions
        ablation.lost, ablation.comparisons = state["lost"], state["comparisons"]
        ablation.evidence = [Evidence.from_json(value, "the checkpoint") for value in state["evidence"]]
