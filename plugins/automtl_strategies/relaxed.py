"""Shared parts of differentiable strategies: entropy of a supernet, and halves of the training rows."""

from collections.abc import Mapping
from math import log

import numpy as np
import torch
from torch import Tensor

from automtl_core import seeds
from automtl_core.choices import Decision, OneOf
from automtl_core.modules.supernet import Supernet
from automtl_core.search.evidence import Action, Evidence, Verdict
from automtl_core.search.problem import Problem
from automtl_core.training.batches import Rows

CHANCE = 0.05
"""Highest certainty, 1 - entropy / entropy of a uniform draw, of a decision that is called "at chance"."""


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
    verdict: Verdict = "by logit" if certainty > CHANCE else "at chance"
    return Evidence(choice, option, action, verdict, certainty=certainty, epoch=epoch)


def halves(problem: Problem) -> tuple[Rows, Rows]:
    """Return the training rows for the weights and those for the logits; each call returns the same rows.

    Both are in stored order, so that neighbouring rows are read together.
    """
    order = seeds.generator(problem.seed, "halves").permutation(len(problem.data.train))
    ours, held_out = np.array_split(order, 2)
    return np.sort(ours), np.sort(held_out)
