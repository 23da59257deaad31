"""The training of ensembles, member by member: networks and models that learn by themselves."""

import pytest
import torch

from automtl_core.modules.network import Ensemble
from automtl_core.system import seeds
from automtl_core.system.state import load_state, save_state
from automtl_core.training.ensemble import Fits
from automtl_core.training.events import EventHandler
from automtl_core.training.fit import Fit
from automtl_core.training.learner import Learner

EPOCHS, MEMBERS = 3, 3


def networks(problem):
    """Return untrained networks, each from its own seed."""
    architecture = problem.space.supernet().architecture()
    for member in range(MEMBERS):
        seeds.seed_torch(seeds.of_member(problem.seed, member), "network")
        yield problem.space.network(architecture)


def how(problem):
    recipe = problem.recipe.model_copy(update={"epochs": EPOCHS, "patience": EPOCHS})
    return problem.data, recipe, problem.seed, problem.compute


def ensemble_of(problem, **more):
    return Fits(Ensemble(list(networks(problem))), *how(problem), **more)


class Keeping(EventHandler):
    """Keeps epochs, and the state of each in a folder."""

    def __init__(self, fit=None, folder=None):
        self.fit, self.folder, self.reports = fit, folder, []

    def epoch(self, report):
        self.reports.append(report.to_json())
        if self.folder is not None:
            save_state(self.folder / str(len(self.reports)), self.fit.state_dict())
        return True


def assert_same(one, other):
    left, right = one.state_dict(), other.state_dict()
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)


@pytest.fixture
def whole(problem, tmp_path):
    """Return a finished training and its reports; the state of each epoch is in the folder."""
    fit = ensemble_of(problem)
    watch = Keeping(fit, tmp_path)
    fit.run(watch)
    return fit, watch.reports


def test_each_member_is_trained_as_if_it_were_alone(problem, whole):
    fit, reports = whole
    data, recipe, seed, compute = how(problem)
    expected, best = [], []
    for member, network in enumerate(networks(problem)):
        alone, watch = Fit(network, data, recipe, seeds.of_member(seed, member), compute), Keeping()
        alone.run(watch)
        assert_same(fit.network.members[member], alone.network)
        expected += watch.reports
        best.append(alone.best_epoch)
    assert [r["epoch"] for r in reports] == list(range(1, MEMBERS * EPOCHS + 1))
    assert [{**r, "epoch": 0} for r in reports] == [{**r, "epoch": 0} for r in expected]
    assert fit.best_epochs == tuple(best)


@pytest.mark.parametrize("stop", [1, 3, 4, 6, 8, 9])
def test_an_ensemble_goes_on_from_a_state_to_the_same_bytes(problem, whole, tmp_path, stop):
    fit, reports = whole
    rest = ensemble_of(problem)
    with torch.no_grad():  # also the weights before the training come from the state
        for parameter in rest.network.parameters():
            parameter.zero_()
    rest.load_state_dict(load_state(tmp_path / str(stop)))
    torch.manual_seed(99)
    watch = Keeping()
    rest.run(watch)
    assert watch.reports == reports[stop:]
    assert_same(rest.network, fit.network)
    assert (rest.best_epochs, rest.cut_short) == (fit.best_epochs, fit.cut_short)


def test_it_is_cut_short_if_one_of_its_members_is(problem):
    data, recipe, *others = how(problem)
    recipe = recipe.model_copy(update={"patience": 1})
    fit = Fits(Ensemble(list(networks(problem))), data, recipe, *others)
    assert not fit.cut_short
    fit.fits[0].common[0].epoch = EPOCHS
    assert fit.cut_short


def test_a_refit_trains_each_member_until_its_chosen_epoch(problem):
    chosen, (data, recipe, seed, compute) = (1, 3, 2), how(problem)
    fit, watch = ensemble_of(problem, chosen=chosen), Keeping()
    fit.run(watch)
    assert [(one["epoch"], one["validation"]) for one in watch.reports] == [(n, {}) for n in range(1, 7)]
    assert (fit.best_epochs, fit.exhausted) == (chosen, True)
    for member, network in enumerate(networks(problem)):
        seed_of_member = seeds.of_member(seed, member)
        alone = Fit(network, data, recipe, seed_of_member, compute, chosen=chosen[member : member + 1])
        alone.run(EventHandler())
        assert_same(fit.network.members[member], alone.network)


def test_under_a_limit_of_time_each_member_has_an_equal_share(problem):
    """An epoch takes a sixth of the time here, so each of three members has time for two epochs."""
    watch = Keeping()
    fit = ensemble_of(problem, lasts=lambda share: len(watch.reports) < 2 * MEMBERS * share)
    fit.run(watch)
    assert len(watch.reports) == 2 * MEMBERS
    assert [one.epoch for one in fit.fits] == [2, 2, 2]


def test_a_listener_that_has_enough_leaves_no_member_untrained(problem):
    class Never(EventHandler):
        epochs = 0

        def epoch(self, report):
            self.epochs = report.epoch
            return False

    enough, fit = Never(), ensemble_of(problem)
    untrained = list(networks(problem))
    fit.run(enough)
    assert enough.epochs == MEMBERS
    for member, before in zip(fit.network.members, untrained, strict=True):
        assert not torch.equal(member.tasks[0].tower[-1].weight, before.tasks[0].tower[-1].weight)


class Means(Learner):
    """Predicts the mean of each label, and after a refit those of the model before it plus 1."""

    refits = True

    def __init__(self, tasks=2):
        super().__init__()
        self.register_buffer("means", torch.zeros(tasks))

    def forward(self, features):
        return self.means.expand(len(features.dense), -1)

    def learn(self, data, seed, going_on):
        going_on(0.5, 1.0)
        self.means = torch.tensor(data.train.labels).nanmean(0)

    def refit(self, chosen, data, seed, going_on):
        self.means = chosen.means + 1


def mixed_of(problem, **more):
    first, *_ = networks(problem)
    return Fits(Ensemble([first, Means()]), *how(problem), **more)


def test_a_model_that_learns_by_itself_is_a_member(problem, tmp_path):
    fit, shares = mixed_of(problem), []
    watch = Keeping(fit, tmp_path)
    fit.run(watch)
    assert [report["epoch"] for report in watch.reports] == [1, 2, 3, 4]
    assert (fit.best_epochs[1], fit.exhausted) == (1, True)
    means = torch.tensor(problem.data.train.labels).nanmean(0)
    assert torch.equal(fit.network.members[1].means, means)
    for stop in (2, 3, 4):
        rest, later = mixed_of(problem), Keeping()
        rest.load_state_dict(load_state(tmp_path / str(stop)))
        rest.run(later)
        assert later.reports == watch.reports[stop:]
        assert_same(rest.network, fit.network)
    again = mixed_of(problem, chosen=fit.best_epochs, before=lambda: fit.network)
    again.run(Keeping())
    assert torch.equal(again.network.members[1].means, means + 1)
    timed = mixed_of(problem, lasts=lambda share: shares.append(share) or True)
    timed.run(EventHandler())
    assert {0.5, 1.0} == set(shares), "each member has half of the time"
