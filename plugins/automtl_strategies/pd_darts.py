"""PD-DARTS: search with progressive discretisation (AutoMTL, KDD 2024, section 3.4).

A supernet warms up; then decisions are fixed a few at a time, the clearest first, and what is left learns on
in between. What is clear is said by evidence on held-out rows (`by_evidence`) or, as in the paper, by the
entropy of logits (`by_entropy`); docs/pd-darts.md tells what was measured of both.
"""

from typing import Literal, Protocol

from automtl_core.disk.state import State
from automtl_core.search.problem import Problem
from automtl_core.search.strategy import SearchResult, SearchStrategy
from automtl_core.training.events import Listener
from automtl_core.training.recipe import Recipe
from automtl_strategies.by_entropy import ByEntropy, EntropySettings
from automtl_strategies.by_evidence import ByEvidence, EvidenceSettings


class PDDARTSSettings(EntropySettings, EvidenceSettings):
    """Settings of PD-DARTS."""

    criterion: Literal["evidence", "entropy"] = "evidence"
    """evidence: decides by what held-out rows say when an option is removed. entropy: decides by logits as in
    the paper, and trains on with the weights of the search; see preset `paper`."""


class Procedure(Protocol):
    """A search that can be stopped and go on."""

    def search(self, listener: Listener) -> SearchResult:
        """As of a strategy."""
        ...

    def state_dict(self) -> State:
        """As of a strategy."""
        ...

    def load_state_dict(self, state: State) -> None:
        """As of a strategy."""
        ...


class PDDARTS(SearchStrategy[PDDARTSSettings]):
    """Progressive discretisation (AutoMTL, KDD 2024): fixes its clearest decisions as it goes."""

    def __init__(self, settings: PDDARTSSettings, problem: Problem) -> None:
        super().__init__(settings, problem)
        make = ByEntropy if settings.criterion == "entropy" else ByEvidence
        self.procedure: Procedure = make(settings, problem)

    @classmethod
    def epochs(cls, settings: PDDARTSSettings, recipe: Recipe) -> int:
        """Return the epochs of warm-up and search and, by evidence, of the last round at most."""
        if settings.criterion == "evidence":
            return settings.most_epochs + settings.rounds - 1 + settings.last_round(recipe)
        return settings.warmup_epochs + settings.search_epochs

    def search(self, listener: Listener) -> SearchResult:
        """Search by the criterion of the settings."""
        return self.procedure.search(listener)

    def state_dict(self) -> State:
        """Return the state of the procedure."""
        return self.procedure.state_dict()

    def load_state_dict(self, state: State) -> None:
        """Go on from `state` when searched next."""
        self.procedure.load_state_dict(state)
