"""The training of the network of a run, after the search or without one."""

from dataclasses import replace
from typing import NamedTuple

from torch import nn

from automtl_core import seeds
from automtl_core.choices import Architecture
from automtl_core.modules.ensemble import Ensemble
from automtl_core.search.problem import Problem
from automtl_core.training.ensemble_fit import EnsembleFit
from automtl_core.training.fit import Fit
from automtl_core.training.learner import Learner, LearnerFit
from automtl_core.training.loop import evaluate
from automtl_core.training.metrics import Metrics
from automtl_core.workflow.budget import Clock


class Derived(NamedTuple):
    """The network after the search, with the state of its training."""

    network: nn.Module
    epochs: int = 0
    """Epochs that its weights are trained for."""
    trained: bool = False
    """Whether no training is left."""


def untrained(problem: Problem, architecture: Architecture) -> nn.Module:
    """Return a network with new weights, and an ensemble with those of the seed of each member."""
    if members := architecture.members:
        problems = [replace(problem, seed=seeds.of_member(problem.seed, k)) for k in range(len(members))]
        return Ensemble([untrained(*one) for one in zip(problems, members.values(), strict=True)])
    seeds.seed_torch(problem.seed, "network")
    return problem.space.network(architecture)


def trainer(model: Derived, problem: Problem, clock: Clock | None) -> Fit | EnsembleFit | LearnerFit:
    """Return the trainer of a network, an ensemble or a `Learner`."""
    how = (problem.data, problem.recipe, problem.seed, problem.compute)
    lasts = () if clock is None else (clock.lasts,)
    if isinstance(model.network, Ensemble):
        return EnsembleFit(model.network, *how, *lasts)
    if isinstance(model.network, Learner):
        return LearnerFit(model.network, *how, *lasts)
    return Fit(model.network, *how, model.epochs)


def validated(network: nn.Module, problem: Problem) -> Metrics:
    """Return the validation metrics of a network that the search trained."""
    data, size = problem.data, problem.recipe.batch_size
    return evaluate(network, data.validation, data.tasks, size, problem.compute)
