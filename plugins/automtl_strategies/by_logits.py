"""Differentiable strategies, which decide by the architecture logits of a relaxed supernet.

`pd-darts-entropy` is PD-DARTS as in the paper, `darts` is bi-level optimisation.
"""

from collections.abc import Mapping
from dataclasses import replace
from math import log
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from automtl_core.plugin import (
    Action,
    Decision,
    DecisionMade,
    Evidence,
    Listener,
    OneOf,
    Problem,
    Recipe,
    RelaxedSearch,
    Retrain,
    Rows,
    SearchResult,
    SearchStrategy,
    Settings,
    Softmax,
    State,
    Supernet,
    Verdict,
    seeds,
)


def entropy(logits: Tensor) -> float:
    """Return the entropy of softmax(logits), in nats."""
    log_p = logits.detach().double().log_softmax(0)
    return -float((log_p.exp() * log_p).sum())


def entropies(supernet: Supernet) -> dict[str, float]:
    """Return the entropy of each undecided choose-one decision by name."""
    choices, undecided = supernet.choices(), supernet.logits().items()
    return {name: entropy(logits) for name, logits in undecided if isinstance(choices[name], OneOf)}


def mean_entropy(supernet: Supernet) -> float | None:
    """Return the mean of `entropies`, or None if everything is decided."""
    values = list(entropies(supernet).values())
    return sum(values) / len(values) if values else None


def evidence_of(supernet: Supernet, decisions: Mapping[str, Decision], epoch: int) -> list[Evidence]:
    """Return the evidence of decisions before they are fixed: the distance of logits from a uniform draw."""
    choices, undecided = supernet.choices(), supernet.logits()
    evidence: list[Evidence] = []
    for name, decision in decisions.items():
        logits, choice = undecided[name], choices[name]
        if isinstance(choice, OneOf):
            sure = 1 - entropy(logits) / log(len(choice.options)) if len(choice.options) > 1 else 1.0
            evidence.append(_by_logit(name, str(decision), "chosen", sure, epoch))
            continue
        for option, logit in zip(choice.options, logits.detach(), strict=True):
            sure = 1 - entropy(torch.stack([logit, torch.zeros_like(logit)])) / log(2)
            evidence.append(_by_logit(name, option, "kept" if option in decision else "closed", sure, epoch))
    return evidence


def _by_logit(choice: str, option: str, action: Action, certainty: float, epoch: int) -> Evidence:
    verdict: Verdict = "by logit" if certainty > 0.05 else "at chance"
    return Evidence(choice, option, action, verdict, certainty=certainty, epoch=epoch)


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
    (research/history.md)."""
    removed: ClassVar[Mapping[str, Any]] = {"level": "single", "decay": 1e-6}


class ByEntropy(SearchStrategy[EntropySettings]):
    """Progressive discretisation by the entropy of logits, as in the paper (AutoMTL, KDD 2024).

    1. warm-up: train the weights only, with all gates open
    2. search: train weights and architecture logits together
    3. at the end of each search epoch: fix the choose-one decisions of the lowest entropy to their argmax
    4. at the end: fix everything else; the network keeps its weights and trains on

    (Section 3.4 of the paper.)
    """

    def __init__(self, settings: EntropySettings, problem: Problem) -> None:
        super().__init__(settings, problem)
        self.evidence: list[Evidence] = []
        self.last_epoch = settings.warmup_epochs + settings.search_epochs
        self.relaxation = Softmax()
        self.relaxed = RelaxedSearch(problem, self.relaxation, settings.learning_rate)
        self.supernet = self.relaxed.supernet

    @classmethod
    def epochs(cls, settings: EntropySettings, recipe: Recipe) -> int:
        """Return the number of epochs of warm-up and search."""
        return settings.warmup_epochs + settings.search_epochs

    def search(self, listener: Listener) -> SearchResult:
        """Run steps 1 to 3; the trainer does step 4."""
        relaxed, last = self.relaxed, self.last_epoch
        while relaxed.epoch < last and relaxed.going_on:
            searching = self.relaxation.sampling = relaxed.epoch >= self.settings.warmup_epochs
            epoch = relaxed.begin("search" if searching else "warm-up", listener)
            for batch in epoch:
                epoch.add(relaxed.step(batch, None if searching else relaxed.weights), batch)
            metrics, entropy = relaxed.evaluate(), mean_entropy(self.supernet)
            fixed = self._settled(searching, relaxed.epoch == last)
            decided = evidence_of(self.supernet, fixed, relaxed.epoch)
            self.evidence += decided
            for evidence in decided:
                listener(DecisionMade(evidence))
            relaxed.fix(fixed)
            relaxed.end(epoch, listener, metrics, entropy, fixed)
        return replace(relaxed.result(), evidence=self.evidence)

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
    learning_rate: float = Field(1e-2, gt=0)
    """Learning rate of Adam for the architecture logits. A logit moves by about this much per step. A search
    here has a few hundred steps; the paper's 3e-4 is for tens of thousands."""
    removed: ClassVar[Mapping[str, Any]] = {"decay": 1e-6, "order": "first"}


class DARTS(SearchStrategy[DARTSSettings]):
    """Bi-level differentiable search of first order (Liu et al., ICLR 2019).

        min_a L_val(w*(a), a)  with  w*(a) = argmin_w L_train(w, a)                          (eq. 3 and 4)

    Each step (algorithm 1):

    1. logits a move along the gradient of L_val(w, a), on a held-out batch
    2. weights w move along the gradient of L_train(w, a)

    At the end all decisions are fixed at once, and the network is trained from scratch. L_val is the loss on
    the half of the training rows that the weights are not trained on; the validation rows are only for
    reports. Step 1 minimises the weighted mean over tasks, also if the recipe has another balancer.
    """

    retrain: ClassVar[Retrain] = "scratch"

    def __init__(self, settings: DARTSSettings, problem: Problem) -> None:
        super().__init__(settings, problem)
        self.loop = self.relaxed = RelaxedSearch(problem, Softmax(), settings.learning_rate)
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
            for batch, other in epoch:
                relaxed.step(other, relaxed.logits)
                epoch.add(relaxed.step(batch, relaxed.weights), batch)
            metrics, entropy = relaxed.evaluate(), mean_entropy(self.supernet)
            fixed = self.supernet.favourites() if relaxed.epoch == last else {}
            relaxed.end(epoch, listener, metrics, entropy, fixed)
        evidence = evidence_of(self.supernet, self.supernet.favourites(), relaxed.epoch)
        return replace(relaxed.result(), evidence=evidence)
