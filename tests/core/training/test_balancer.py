"""Who owns the backward pass of a step, and how a recipe names it."""

from dataclasses import replace

import pytest
import torch
from pydantic import Field
from torch import nn

from automtl_core.disk.state import load_state, save_state
from automtl_core.errors import UsageError
from automtl_core.settings.settings import Settings
from automtl_core.training.balancer import MEAN, Balancer, WeightedMean, balancer_of
from automtl_core.training.events import EventHandler
from automtl_core.training.fit import Fit
from automtl_core.training.recipe import Recipe

from .fits import assert_resumes, make


class ScaledSettings(Settings):
    scale: float = Field(1.0, gt=0)


class Scaled(Balancer[ScaledSettings]):
    """Learns the weights of tasks, and remembers how the losses changed in each step."""

    def __init__(self, settings, tasks):
        super().__init__(settings, tasks)
        self.weights = nn.Parameter(torch.ones(len(tasks)))
        self.register_buffer("changes", torch.zeros(len(tasks)))
        self.seen = []

    def backward(self, losses, penalty, inputs):
        self.seen.append(inputs)
        self.before = losses.detach()
        ((self.weights * self.settings.scale * losses).mean() + penalty).backward(inputs=list(inputs))

    def after_step(self, losses_again):
        assert not torch.is_grad_enabled()
        self.changes = self.changes + losses_again() - self.before


def recipe(**settings):
    return Recipe.parse({"balancer": {"name": "scaled", **settings}}).knowing(Scaled)


def test_the_mean_is_differentiated_with_the_penalty():
    w = nn.Parameter(torch.tensor([2.0, 3.0]))
    other = nn.Parameter(torch.ones(1))
    MEAN.backward(w * torch.tensor([1.0, 4.0]) * other, w.sum(), [w])
    assert w.grad.tolist() == [1.5, 3.0]
    assert other.grad is None


def test_a_recipe_that_names_none_has_the_weighted_mean():
    assert isinstance(balancer_of(Recipe(), ()), WeightedMean)


def test_the_recipe_makes_a_balancer_with_its_settings_and_outlives_copies():
    copied = recipe(scale=3.0).model_copy(update={"epochs": 1})
    assert balancer_of(copied, ()).settings == ScaledSettings(scale=3.0)


def test_wrong_settings_are_told():
    with pytest.raises(UsageError, match=r"training\.balancer\.scale: expected a number above 0") as error:
        balancer_of(recipe(scale=-1), ())
    assert "automtl settings balancer scaled" in error.value.fix


def test_a_balancer_that_is_not_looked_up_is_never_replaced_by_another():
    with pytest.raises(UsageError, match="the recipe names 'scaled', but does not have its class"):
        balancer_of(Recipe(balancer={"name": "scaled"}), ())
    with pytest.raises(UsageError, match="names 'other'"):
        balancer_of(recipe().model_copy(update={"balancer": Recipe(balancer="other").balancer}), ())


@pytest.fixture
def scaled(problem):
    """Return the problem with the balancer above in its recipe."""
    more = {"balancer": recipe().balancer, "batch_size": 128, "epochs": 2, "patience": 9}
    return replace(problem, recipe=problem.recipe.model_copy(update=more).knowing(Scaled))


def test_a_fit_moves_what_a_balancer_learns_and_tells_it_of_each_step(scaled):
    fit = make(scaled)
    fit.run(EventHandler())
    balancer = fit.balancer
    assert len(balancer.seen) == 2 * fit.steps
    assert {id(p) for p in balancer.seen[0]} == {id(p) for p in (*fit.network.parameters(), balancer.weights)}
    assert (balancer.weights < 1).all(), "the smaller, the smaller the loss"
    assert (balancer.changes != 0).all()
    assert "balancer.weights" in fit.optimiser.state_dict()


def test_the_state_of_a_balancer_is_saved_with_a_fit(scaled, tmp_path):
    assert_resumes(scaled, tmp_path / "state", 1)
    fit = make(scaled)
    fit.run(EventHandler())
    save_state(tmp_path / "state", fit.state_dict())
    saved = load_state(tmp_path / "state")["balancer"]
    assert torch.equal(saved["changes"], fit.balancer.changes)


def test_loss_weights_scale_the_losses_that_a_balancer_gets(scaled):
    def first(weights):
        fit = make(scaled, loss_weights=weights, epochs=1)
        found = []
        backward = fit.balancer.backward
        fit.balancer.backward = lambda losses, penalty, inputs: (
            found.append(losses.detach()),
            backward(losses, penalty, inputs),
        )
        fit.run(EventHandler())
        return found[0]

    plain, weighted = first({}), first({"like": 3.0})
    torch.testing.assert_close(weighted, plain * torch.tensor([1.0, 3.0]))


def test_a_loop_has_a_balancer_of_its_own(scaled):
    one, other = (Fit(nn.Linear(1, 1), scaled.data, scaled.recipe, 0, scaled.compute) for _ in range(2))
    assert one.balancer is not other.balancer
