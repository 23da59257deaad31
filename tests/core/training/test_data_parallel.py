"""Two processes with half of the rows of each batch take the steps of one process with all of them."""

from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from automtl_core.dataset.encodings import plain
from automtl_core.modules import table
from automtl_core.modules.relaxation import Softmax
from automtl_core.registry.kinds import BALANCERS, LOSSES, SPACES
from automtl_core.registry.plugins import load_registry
from automtl_core.search.held_out import HeldOut
from automtl_core.search.relaxed_search import RelaxedSearch
from automtl_core.search.strategy import Problem
from automtl_core.settings.settings import Component
from automtl_core.system import distributed
from automtl_core.training.compute import Compute
from automtl_core.training.events import SILENT
from automtl_core.training.fit import Fit, TrainingData
from automtl_core.training.optimisers import Optimiser
from automtl_core.training.recipe import Recipe
from automtl_testing import sample_part, sample_schema

from ..system.job_of_processes import results_of

EPOCHS, ROWS, BATCH = 2, 610, 61  # halves of 31 and 30 rows
STEPS = EPOCHS * ROWS // BATCH
TOWERS = {"expert_layers": [8], "tower_layers": [4]}
DESAN = {"experts": 3, "expert_width": 8, "ops": ["mlp-8", "mlp-16", "identity"]}
CASES = {
    "mmoe": ("mmoe", {"experts": 2, **TOWERS}, "weighted-mean"),
    "mmoe with a large table": ("mmoe", {"experts": 2, **TOWERS}, "weighted-mean"),
    "mmoe with members": ("mmoe", {"experts": 2, "members": 4, **TOWERS}, "weighted-mean"),
    "aitm with its penalty": ("aitm", {"expert_layers": [8], "calibrator": 5.0}, "weighted-mean"),
    "the supernet of desan": ("desan", DESAN, "weighted-mean"),
    "the supernet of desan with a large table": ("desan", DESAN, "weighted-mean"),
    "losses of lists and row weights": ("mmoe", {"experts": 2, **TOWERS}, "weighted-mean"),
    "the supernet of desan with losses of lists": ("desan", {**DESAN, "members": 1}, "weighted-mean"),
    "learned weights of tasks": ("shared-bottom", TOWERS, "uncertainty"),
    "gradients combined by task": ("shared-bottom", TOWERS, "mgda"),
    "random gradients and masks": ("shared-bottom", {**TOWERS, "dropout": 0.2}, "graddrop"),
}
NEED_TORCHJD = ("gradients combined by task", "random gradients and masks")
DRAWN = ("random gradients and masks",)
"""Cases that differ from one process: its masks are others."""


def double(part):
    return replace(part, dense=part.dense.astype(np.float64), labels=part.labels.astype(np.float64))


def problem_of(case):
    name, settings, balancer = CASES[case]
    registry = load_registry()
    space_class = registry.get(SPACES, name)
    schema = sample_schema(dense=2, regression=name != "aitm", histories=True)
    space = space_class(
        schema.encoded(plain().model_copy(update={"history": ("last-2", "mean")})),
        space_class.settings_class.model_validate({"embedding_dim": 4, "dropout": 0.0, **settings}),
        registry.op,
        registry.history_encoder,
    )
    train, validation = (double(sample_part(schema, ROWS, seed).as_read(space.schema)) for seed in (1, 2))
    losses = {}
    if "lists" in case:
        draw = np.random.default_rng(0)
        lists = np.repeat(np.arange(ROWS), draw.integers(1, 9, ROWS))[:ROWS].astype(np.int32)
        weights = draw.choice([0.0, 0.5, 2.0], train.labels.shape).astype(np.float32)
        train = replace(train, lists=lists, weights=weights)
        losses = {"*": Component(name="pairwise"), "like": Component(name="jrc")}
    recipe = Recipe(
        batch_size=BATCH,
        epochs=EPOCHS,
        patience=99,
        min_positives=1,
        balancer=Component(name=balancer),
        losses=losses,
    ).knowing(
        registry.get(BALANCERS, balancer),
        losses={name: registry.get(LOSSES, name) for name in ("pairwise", "jrc")},
    )
    compute = Compute(torch.device("cpu"), "fp32", distributed.processes(), distributed.rank())
    return Problem(space, TrainingData(train, validation, schema.tasks), recipe, 0, compute)


def trained(case):
    """Return the gradients of all steps, the weights after them, and scores."""
    problem, found, step = problem_of(case), dict[str, torch.Tensor](), Optimiser._move

    def move(self):
        step(self)
        for p, name in self.names.items():
            if p.grad is not None:
                found[f"{len(found)} {name}"] = p.grad.to_dense() if p.grad.is_sparse else p.grad.clone()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Optimiser, "_move", move)
        patch.setattr(table, "WHOLE_TABLE", 10 if "large" in case else 10**6)
        model = searched(problem, found) if "desan" in case else fitted(problem, found)
    return {name: t.detach().numpy() for name, t in (found | model.state_dict()).items()}


def fitted(problem, found):
    torch.manual_seed(0)
    network = problem.space.network(problem.space.supernet().architecture())
    fit = Fit(network, problem.data, problem.recipe, problem.seed, problem.compute)
    for task, metrics in fit.run(SILENT).items():
        found[f"score of {task}"] = torch.tensor(metrics.score)
    return fit.network


def searched(problem, found):
    search = RelaxedSearch(problem, Softmax())
    with torch.no_grad():  # if all gates of a reader are closed, its gradients are signs of rounding errors
        for logits in search.logits:
            logits += 3 * (logits == 0)
    while search.epoch < EPOCHS:
        epoch = search.begin("search", SILENT)
        for batch in epoch:
            epoch.add(search.step(batch), batch)
        losses = epoch.losses(problem.data.tasks)
        found |= {f"loss {t} {search.epoch}": torch.tensor(loss) for t, loss in losses.items()}
    decisions = search.supernet.favourites()
    scored = HeldOut(problem, 300).score(search.supernet, decisions)
    found["evidence"] = torch.from_numpy(scored.losses)
    return search.supernet


def all_trained():
    torch.set_default_dtype(torch.float64)
    installed = find_spec("torchjd") is not None
    return {case: trained(case) for case in CASES if installed or case not in NEED_TORCHJD}


@pytest.fixture(scope="module")
def found():
    """What one process found, and what each of two found."""
    return [*results_of(all_trained, 1), *results_of(all_trained, 2)]


@pytest.mark.parametrize("case", CASES)
def test_two_processes_take_the_steps_of_one(case, found):
    if case in NEED_TORCHJD:
        pytest.importorskip("torchjd")
    one, first, second = (each[case] for each in found)
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert np.array_equal(value, second[name]), f"{name} differs between the processes"
    if case in DRAWN:
        return
    assert one.keys() == first.keys()
    assert len(one) > STEPS - 2  # batches of whole lists are about as many
    for name, value in one.items():
        assert np.abs(first[name] - value).max(initial=0) < 1e-10, name
