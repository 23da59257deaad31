"""DARTS: differentiable search as bi-level optimisation (Liu, Simonyan, Yang, ICLR 2019, arXiv 1806.09055).

    min_a L_val(w*(a), a)  with  w*(a) = argmin_w L_train(w, a)                              (eq. 3 and 4)

Each step (algorithm 1, with the gradient of first order):

1. logits a move along the gradient of L_val(w, a), on a held-out batch
2. weights w move along the gradient of L_train(w, a)

At the end all decisions are fixed at once, and the network is trained from scratch. L_val is the loss on the
half of the training rows that the weights are not trained on; the validation rows are only for reports.

Step 1 minimises the weighted mean over tasks. If the recipe has another balancer, it updates the weights in
step 2.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from automtl_core import seeds
from automtl_core.disk.state import State
from automtl_core.modules.relaxation import Softmax
from automtl_core.search.relaxed_search import RelaxedSearch
from automtl_core.search.strategy import Problem, Retrain, SearchResult, SearchStrategy
from automtl_core.settings.settings import Settings
from automtl_core.training.batches import Rows
from automtl_core.training.events import Listener
from automtl_core.training.recipe import Recipe
from automtl_strategies.by_entropy import evidence_of, mean_entropy


def halves(problem: Problem) -> tuple[Rows, Rows]:
    """Return the training rows for the weights and those for the logits; each call returns the same rows.

    Both are in stored order, so that neighbouring rows are read together.
    """
    order = seeds.generator(problem.seed, "halves").permutation(len(problem.data.train))
    ours, held_out = np.array_split(order, 2)
    return np.sort(ours), np.sort(held_out)


class DARTSSettings(Settings):
    """Settings of DARTS."""

    epochs: int = Field(8, ge=1)
    """Number of search epochs. Each trains the weights on one half of the training rows and the logits on the
    other half."""
    removed: ClassVar[Mapping[str, Any]] = {"order": "first"}
    learning_rate: float = Field(1e-2, gt=0)
    """Learning rate of Adam for the architecture logits. A logit moves by about this much per step. A search
    here has a few hundred steps; the paper's 3e-4 is for tens of thousands."""
    decay: float = Field(1e-6, ge=0)
    """L2 penalty on the architecture logits. The paper's 1e-3 would outweigh the gradients of gates over
    fields, which are about 1e-4 in DESAN."""


class DARTS(SearchStrategy[DARTSSettings]):
    """Bi-level differentiable search of first order (Liu et al., ICLR 2019)."""

    retrain: ClassVar[Retrain] = "scratch"

    def __init__(self, settings: DARTSSettings, problem: Problem) -> None:
        super().__init__(settings, problem)
        self.relaxed = RelaxedSearch(problem, Softmax(), settings.learning_rate, settings.decay)
        self.supernet = self.relaxed.supernet
        self.rows, self.held_out = halves(problem)

    @classmethod
    def epochs(cls, settings: DARTSSettings, recipe: Recipe) -> int:
        """Return the number of search epochs."""
        return settings.epochs

    def search(self, listener: Listener) -> SearchResult:
        """Alternate the two steps, and discretise at the end."""
        relaxed, last = self.relaxed, self.settings.epochs
        while relaxed.epoch < last and relaxed.going_on:
            epoch = relaxed.begin_pairs("search", listener, self.rows, self.held_out)
            for place, (batch, other) in enumerate(epoch):
                self._draw(place, "held-out")
                relaxed.step(other, relaxed.logits)
                self._draw(place, "train")
                epoch.add(relaxed.step(batch, relaxed.weights), batch)
            metrics, entropy = relaxed.evaluate(), mean_entropy(self.supernet)
            fixed = self.supernet.favourites() if relaxed.epoch == last else {}
            relaxed.end(epoch, listener, metrics, entropy, fixed)
        evidence = evidence_of(self.supernet, self.supernet.favourites(), relaxed.epoch)
        return replace(relaxed.result(), evidence=evidence)

    def _draw(self, place: int, rows: str) -> None:
        """Seed dropout and gates for a pass over rows."""
        seed, purpose = self.problem.seed, ("darts", self.relaxed.epoch, place, rows)
        seeds.seed_torch(seed, *purpose, own=True)
        self.relaxed.relaxation.seed(seeds.derive(seed, "relaxation", *purpose))

    def state_dict(self) -> State:
        """Return weights, logits and optimiser moments."""
        return self.relaxed.state_dict()

    def load_state_dict(self, state: State) -> None:
        """Continue the next search from `state`."""
        self.relaxed.load_state_dict(state)
