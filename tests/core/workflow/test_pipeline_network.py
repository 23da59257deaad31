"""The network of a run before its training, and the trainer that it needs."""

from dataclasses import replace

import pytest
import torch

from automtl_core import seeds
from automtl_core.choices import Architecture
from automtl_core.modules.network import Ensemble
from automtl_core.registry.plugins import load_registry
from automtl_core.training.events import SILENT
from automtl_core.training.fit import EnsembleFit, Fit
from automtl_core.workflow.pipeline import trainer, untrained
from automtl_core.workflow.work import Work
from automtl_desan.space import DESAN, DESANSettings
from automtl_testing.samples import plain_schema, sample_architectures, sample_problem

SETTINGS = DESANSettings(embedding_dim=4, experts=2, layers=1, expert_width=8, ops=("mlp-4",))


@pytest.fixture(scope="module")
def problem():
    return sample_problem(DESAN(plain_schema(), SETTINGS, load_registry().op), epochs=1)


def work(problem, network, epochs=0):
    made = Work(None, None, None, SILENT, network=network, epochs=epochs)
    made.problem = problem
    return made


def test_each_member_of_an_ensemble_begins_with_the_weights_of_its_seed(problem):
    members = list(sample_architectures(problem.space, 3))
    network = untrained(problem, Architecture.ensemble(members))
    assert isinstance(network, Ensemble)
    for k, (member, architecture) in enumerate(zip(network.members, members, strict=True)):
        own = untrained(replace(problem, seed=seeds.of_member(problem.seed, k)), architecture)
        left, right = member.state_dict(), own.state_dict()
        assert all(torch.equal(left[name], right[name]) for name in right)


def test_the_trainer_is_that_of_the_network(problem):
    (one,) = sample_architectures(problem.space, 1)
    alone, ensemble = untrained(problem, one), untrained(problem, Architecture.ensemble([one, one]))
    assert isinstance(trainer(work(problem, ensemble)), EnsembleFit)
    fit = trainer(work(problem, alone, epochs=2))
    assert isinstance(fit, Fit)
    assert fit.first_epoch == 2
