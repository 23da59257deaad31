"""PD-DARTS by entropy: differentiable search as in the paper (AutoMTL, KDD 2024, section 3.4).

1. warm-up: train the weights only, with all gates open
2. search: train weights and architecture logits together
3. at the end of each search epoch: fix the choose-one decisions of the lowest entropy to their argmax
4. at the end: fix everything else; the network keeps its weights and trains on (`automtl_core.training.fit`)
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from pydantic import Field

from automtl_core.choices import Decision
from automtl_core.disk.state import State
from automtl_core.modules.relaxation import Softmax
from automtl_core.search.evidence import DecisionMade, Evidence
from automtl_core.search.problem import Problem
from automtl_core.search.relaxed_search import RelaxedSearch
from automtl_core.search.strategy import SearchResult, SearchStrategy
from automtl_core.settings.settings import Settings
from automtl_core.training.events import Listener
from automtl_core.training.loop import Pass
from automtl_core.training.recipe import Recipe
from automtl_strategies.relaxed import entropies, evidence_of, halves, mean_entropy


class EntropySettings(Settings):
    """Settings of PD-DARTS by entropy."""

    warmup_epochs: int = Field(2, ge=0)
    """Number of epochs that train only the weights, with every gate open."""
    search_epochs: int = Field(3, ge=1)
    """Number of epochs that train weights and architecture logits together."""
    fix_per_epoch: int = Field(10, ge=1)
    """Number of choices of one option (such as an op) that are fixed at the end of each search epoch, those
    of the lowest entropy first."""
    learning_rate: float = Field(1e-2, gt=0)
    """Learning rate of Adam for the architecture logits. The paper's 1e-3 moves a logit by only 0.1 in a
    hundred steps, so mixed ops stay close to uniform on small data. Gates close equally well with both values
    (docs/results.md)."""
    decay: float = Field(1e-6, ge=0)
    """L2 penalty on the architecture logits."""
    level: Literal["single", "bi"] = "single"
    """Rows for weights and logits. single: each batch updates both. bi: one half of the training rows updates
    the weights and the other half updates the logits, in alternate steps (DARTS of first order)."""


class ByEntropy(SearchStrategy[EntropySettings]):
    """Progressive discretisation by the entropy of logits, as in the paper (AutoMTL, KDD 2024)."""

    def __init__(self, settings: EntropySettings, problem: Problem) -> None:
        super().__init__(settings, problem)
        self.evidence: list[Evidence] = []
        self.last_epoch = settings.warmup_epochs + settings.search_epochs
        self.relaxation = Softmax()
        self.relaxed = RelaxedSearch(problem, self.relaxation, settings.learning_rate, settings.decay)
        self.supernet = self.relaxed.supernet
        self.halves = halves(problem) if settings.level == "bi" else None

    @classmethod
    def epochs(cls, settings: EntropySettings, recipe: Recipe) -> int:
        """Return the number of epochs of warm-up and search."""
        return settings.warmup_epochs + settings.search_epochs

    def search(self, listener: Listener) -> SearchResult:
        """Run steps 1 to 3; the trainer does step 4."""
        relaxed, last = self.relaxed, self.last_epoch
        while relaxed.epoch < last and relaxed.going_on:
            searching = self.relaxation.sampling = relaxed.epoch >= self.settings.warmup_epochs
            epoch = self._train(searching, listener)
            metrics, entropy = relaxed.evaluate(), mean_entropy(self.supernet)
            fixed = self._settled(searching, relaxed.epoch == last)
            decided = evidence_of(self.supernet, fixed, relaxed.epoch)
            self.evidence += decided
            for evidence in decided:
                listener(DecisionMade(evidence))
            relaxed.fix(fixed)
            relaxed.end(epoch, listener, metrics, entropy, fixed)
        return replace(relaxed.result(), evidence=self.evidence)

    def _train(self, searching: bool, listener: Listener) -> Pass[Any]:
        """Train for one epoch: the weights, weights and logits together, or both in alternate steps."""
        relaxed = self.relaxed
        if searching and self.halves:
            pairs = relaxed.begin_pairs("search", listener, *self.halves)
            for batch, held_out in pairs:
                relaxed.step(held_out, relaxed.logits)
                pairs.add(relaxed.step(batch, relaxed.weights), batch)
            return pairs
        rows = self.halves[0] if self.halves else None
        epoch = relaxed.begin("search" if searching else "warm-up", listener, rows)
        for batch in epoch:
            epoch.add(relaxed.step(batch, None if searching else relaxed.weights), batch)
        return epoch

    def _settled(self, searching: bool, is_last: bool) -> Mapping[str, Decision]:
        """Return the decisions that are fixed at the end of an epoch."""
        favourites, undecided = self.supernet.favourites(), self.supernet.logits()
        if is_last:
            return {name: favourites[name] for name in undecided}
        if not searching:
            return {}
        uncertainty = entropies(self.supernet)
        most_certain = sorted(uncertainty, key=lambda name: uncertainty[name])[: self.settings.fix_per_epoch]
        return {name: favourites[name] for name in most_certain}

    def state_dict(self) -> State:
        """Return weights, logits, optimiser moments, and the decisions with their evidence."""
        return {**self.relaxed.state_dict(), "evidence": [e.to_json() for e in self.evidence]}

    def load_state_dict(self, state: State) -> None:
        """Continue the next search from `state`."""
        self.relaxed.load_state_dict(state)
        self.evidence = [Evidence.from_json(value, "the checkpoint") for value in state["evidence"]]
