"""The training of a mean of models, member by member: networks and models that learn by themselves."""

from dataclasses import replace

import pytest
import torch

from automtl_core.choices import Architecture, member_name
from automtl_core.errors import DivergedError
from automtl_core.modules.network import Ensemble
from automtl_core.registry.plugins import load_registry
from automtl_core.search.trained import members_of, trained_mean, untrained
from automtl_core.search.trial import Training
from automtl_core.settings.settings import Settings
from automtl_core.system import seeds
from automtl_core.training.events import SILENT, EventHandler
from automtl_core.training.fit import Fit
from automtl_core.training.learner import Learner
from automtl_desan.space import DESAN, DESANSettings
from automtl_testing.samples import plain_schema, sample_problem

EPOCHS, MEMBERS = 3, 3


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


class Alone:
    """The space of a model that learns by itself."""

    def members(self):
        return {}

    def network(self, architecture):
        return Means()


class Mean(Alone):
    """The space of the mean of some models."""

    def __init__(self, spaces):
        self.spaces = spaces

    def members(self):
        return {member_name(place): space for place, space in enumerate(self.spaces)}


class Config(Settings):
    """The configuration of a mean."""

    seed: int = 0


@pytest.fixture
def problem():
    settings = DESANSettings(embedding_dim=4, experts=2, layers=1, expert_width=8, ops=("mlp-16",))
    space = DESAN(plain_schema(), settings, load_registry().op)
    found = sample_problem(space, epochs=EPOCHS)
    return replace(found, space=Mean([space] * MEMBERS), recipe=found.recipe.having(patience=EPOCHS))


def training_of(problem, folder, **how):
    kinds = [space for space in problem.space.spaces if hasattr(space, "supernet")]
    architectures = [one.supernet().architecture() for one in kinds]
    architectures += [Architecture({})] * (len(problem.space.spaces) - len(kinds))
    return Training("", Architecture.ensemble(architectures), config=Config(), folder=str(folder), **how)


class Heard(EventHandler):
    """Remembers epochs; ends or is killed after some."""

    def __init__(self, epochs=99, kill_after=99):
        self.reports, self.epochs, self.kill_after = [], epochs, kill_after

    def epoch(self, report):
        if report.epoch > self.kill_after:
            raise KeyboardInterrupt
        if report.epoch > len(self.reports):
            self.reports.append(report.to_json())
        return report.epoch < self.epochs


def alone(problem, **how):
    """Yield the training of each member by itself, and its reports."""
    for place, space in enumerate(problem.space.spaces):
        seed = seeds.of_member(problem.seed, place)
        architecture = space.supernet().architecture()
        seeds.seed_torch(seed, "network")
        network = space.network(architecture)
        given = (problem.data, problem.recipe, seed, problem.compute)
        fit = Fit(network, *given, chosen=how.get("until", ())[place : place + 1])
        fit.run(heard := Heard())
        yield fit, heard.reports


def assert_same(one, other):
    pairs = zip(one.state_dict().items(), other.state_dict().items(), strict=True)
    assert all(name == its and torch.equal(left, right) for (name, left), (its, right) in pairs)


def test_each_member_is_trained_as_if_it_were_alone(problem, tmp_path):
    found = trained_mean(problem, training_of(problem, tmp_path), heard := Heard())
    fits, reports = zip(*alone(problem), strict=True)
    assert_same(found.network, Ensemble([fit.network for fit in fits]))
    assert [r["epoch"] for r in heard.reports] == list(range(1, MEMBERS * EPOCHS + 1))
    expected = [report for of_member in reports for report in of_member]
    assert [{**r, "epoch": 0} for r in heard.reports] == [{**r, "epoch": 0} for r in expected]
    assert found.best_epochs == tuple(fit.best_epoch for fit in fits)
    assert found.cut_short == any(fit.cut_short for fit in fits)
    assert {name.split(".")[1] for name in found.moments if name.startswith("members.")} == {"0", "1", "2"}


@pytest.mark.parametrize("stop", [1, 3, 4, 8])
def test_a_mean_goes_on_to_the_same_bytes(problem, tmp_path, stop):
    whole = trained_mean(problem, training_of(problem, tmp_path / "whole"), told := Heard())
    with pytest.raises(KeyboardInterrupt):
        trained_mean(problem, training_of(problem, tmp_path), Heard(kill_after=stop))
    torch.manual_seed(99)
    rest = trained_mean(problem, training_of(problem, tmp_path), heard := Heard())
    assert heard.reports == told.reports
    assert_same(rest.network, whole.network)
    assert rest.best_epochs == whole.best_epochs


def test_a_refit_trains_each_member_until_its_chosen_epoch(problem, tmp_path):
    until = (1, 3, 2)
    found = trained_mean(problem, training_of(problem, tmp_path, until=until), heard := Heard())
    assert [(one["epoch"], one["validation"]) for one in heard.reports] == [(n, {}) for n in range(1, 7)]
    assert (found.best_epochs, found.exhausted) == (until, True)
    fits, _ = zip(*alone(problem, until=until), strict=True)
    assert_same(found.network, Ensemble([fit.network for fit in fits]))
    ended = trained_mean(problem, training_of(problem, tmp_path / "ended", until=until), Heard(epochs=2))
    assert not ended.exhausted


def test_a_training_that_diverges_is_an_error_each_time(problem, tmp_path):
    wild = replace(problem, recipe=problem.recipe.having(learning_rate=1e30))
    for _ in range(2):
        with pytest.raises(DivergedError, match="training diverged") as error:
            trained_mean(wild, training_of(wild, tmp_path), SILENT)
        assert error.value.fix.startswith("lower training.learning_rate")


def test_under_a_limit_of_time_each_member_has_an_equal_share(problem, tmp_path):
    """An epoch takes a sixth of the time here, so each of three members has time for two epochs."""
    heard, training = Heard(), training_of(problem, tmp_path)
    trained_mean(problem, training, heard, lambda share: len(heard.reports) < 2 * MEMBERS * share)
    assert len(heard.reports) == 2 * MEMBERS


def test_a_listener_that_has_enough_leaves_no_member_untrained(problem, tmp_path):
    training = training_of(problem, tmp_path)
    found = trained_mean(problem, training, enough := Heard(epochs=0))
    assert [report["epoch"] for report in enough.reports] == [1, 2, 3]
    before = untrained(problem, training.architecture)
    for member, new in zip(members_of(found.network), members_of(before), strict=True):
        assert not torch.equal(member.tasks[0].tower[-1].weight, new.tasks[0].tower[-1].weight)


def test_a_model_that_learns_by_itself_is_a_member(problem, tmp_path):
    first, *_ = problem.space.spaces
    mixed, shares = replace(problem, space=Mean([first, Alone()])), []
    in_time, heard = lambda share: shares.append(share) or True, Heard()
    found = trained_mean(mixed, training_of(mixed, tmp_path), heard, in_time)
    assert [report["epoch"] for report in heard.reports] == [1, 2, 3, 4]
    assert {0.5, 1.0} == set(shares), "each member has half of the time"
    means = torch.tensor(problem.data.train.labels).nanmean(0)
    assert torch.equal(found.network.members[1].means, means)
    again = training_of(mixed, tmp_path, until=found.best_epochs)
    refitted = trained_mean(mixed, again, SILENT, before=lambda: found.network)
    assert torch.equal(refitted.network.members[1].means, means + 1)
