"""What differentiable strategies share: how certain a supernet is, and the halves of the training rows."""

import numpy as np
from torch import Tensor

from automtl_core import seeds
from automtl_core.choices import OneOf
from automtl_core.data.batches import Rows
from automtl_core.modules.supernet import Supernet
from automtl_core.strategy import Problem


def entropy(logits: Tensor) -> float:
    """Return the entropy of softmax(logits), in nats."""
    log_p = logits.detach().double().log_softmax(0)
    return -float((log_p.exp() * log_p).sum())


def entropies(supernet: Supernet) -> dict[str, float]:
    """Return the entropy of each undecided choose-one decision by name."""
    choices, undecided = supernet.choices(), supernet.logits().items()
    return {name: entropy(logits) for name, logits in undecided if isinstance(choices[name], OneOf)}


def mean_entropy(supernet: Supernet) -> float | None:
    """Return the mean of `entropies`, or None where all is decided."""
    values = list(entropies(supernet).values())
    return sum(values) / len(values) if values else None


def halves(problem: Problem) -> tuple[Rows, Rows]:
    """Return the training rows that weights learn from, and those held out for logits; the same each time.

    Both are in stored order, so that neighbouring rows are read together.
    """
    order = seeds.generator(problem.seed, "halves").permutation(len(problem.data.train))
    ours, held_out = np.array_split(order, 2)
    return np.sort(ours), np.sort(held_out)
