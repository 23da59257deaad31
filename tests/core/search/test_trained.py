"""Trainings of networks and of means of models: as `Fit` does, paused, killed, gone on and refitted."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from automtl_core.choices import Architecture, member_name
from automtl_core.errors import ArtifactError, DivergedError
from automtl_core.modules.network import Ensemble
from automtl_core.registry.plugins import load_registry
from automtl_core.search import trained as module
from automtl_core.search.held_out import HeldOut
from automtl_core.search.trained import members_of, trained, trained_fit, trained_mean, trials_of, untrained
from automtl_core.search.trial import Training, TrialBegan
from automtl_core.settings.settings import Settings
from automtl_core.system import seeds
from automtl_core.system.state import CHECKPOINTS
from automtl_core.training.events import SILENT, EventHandler
from automtl_core.training.fit import Fit
from automtl_core.training.learner import Learner
from automtl_desan.space import DESAN, DESANSettings
from automtl_testing.requirements import same_weights
from automtl_testing.samples import plain_schema, sample_architectures, sample_problem, sample_schema

SIZES = {"embedding_dim": 4, "experts": 2, "expert_width": 8, "tower_width": 8, "ops": ["identity", "mlp-8"]}


class Heard(EventHandler):
    """Remembers epochs and beginnings; ends after some epochs, or is killed."""

    def __init__(self, epochs=99, kill_after=99):
        self.reports, self.begun, self.epochs, self.kill_after = [], 0, epochs, kill_after

    def epoch(self, event):
        if event.epoch > self.kill_after:
            raise KeyboardInterrupt
        self.reports.append(event)
        return event.epoch < self.epochs

    def other(self, event):
        self.begun += isinstance(event, TrialBegan)
        return True


@pytest.fixture(scope="module")
def problem():
    space = DESAN(sample_schema(), DESANSettings.parse(SIZES, "space"), load_registry().op)
    return sample_problem(space, epochs=5)


@pytest.fixture
def trials(problem):
    with trials_of(problem) as trials:
        yield trials


@pytest.fixture
def spec(problem, trials):
    """Return a function that makes the spec of an architecture."""
    (architecture,) = sample_architectures(problem.space, 1)
    return lambda epochs=None, rows=0: trials.placed(Training("it", architecture, {}, epochs, rows))


def same(one, other):
    return same_weights(one.state_dict(), other.state_dict())


def alone(problem, architecture, seed, chosen=()):
    """Return the training of a network by itself, and its reports."""
    seeds.seed_torch(seed, "network")
    network = problem.space.network(architecture)
    fit = Fit(network, problem.data, problem.recipe, seed, problem.compute, chosen=chosen)
    fit.run(heard := Heard())
    return fit, heard.reports


def test_a_trial_is_the_training_of_its_network(problem, spec):
    result = trained(problem, spec(rows=100), heard := Heard())
    fit, reports = alone(problem, spec().architecture, problem.seed)
    assert (result.metrics, result.best_epoch, result.epochs) == (fit.best, fit.best_epoch, fit.epoch)
    assert result.state == "done"
    assert heard.reports == reports
    assert same(trained_fit(problem, spec()).network, fit.network)
    expected = HeldOut(problem, 100).measure(fit.network.eval()).losses
    assert result.losses.tolist() == expected.tolist()


def test_a_pause_changes_nothing(problem, spec, tmp_path):
    paused = trained(problem, spec(2), SILENT)
    assert (paused.state, paused.epochs, paused.losses) == ("paused", 2, None)
    result = trained(problem, spec(), rest := Heard())
    whole = trained(problem, replace(spec(), folder=str(tmp_path)), unpaused := Heard())
    assert replace(result, seconds=0) == replace(whole, seconds=0)
    assert rest.reports == unpaused.reports, "epochs before the pause are told again"


@pytest.mark.parametrize("seconds", [0.0, 60.0])
def test_after_a_kill_it_goes_on_and_tells_the_epoch_that_nobody_heard_of(
    problem, spec, monkeypatch, seconds, tmp_path
):
    monkeypatch.setattr(module, "CHECKPOINT_SECONDS", seconds)
    with pytest.raises(KeyboardInterrupt):
        trained(problem, spec(), Heard(kill_after=1))
    result = trained(problem, spec(), heard := Heard())
    whole = trained(problem, other := replace(spec(), folder=str(tmp_path)), unbroken := Heard())
    assert same(trained_fit(problem, spec()).network, trained_fit(problem, other).network)
    assert heard.reports == unbroken.reports
    assert result.metrics == whole.metrics


def test_a_trial_that_has_nothing_to_do_does_not_begin_and_has_its_result(problem, spec):
    first, second = Heard(), Heard()
    result, again = (trained(problem, spec(2, rows=100), heard) for heard in (first, second))
    assert (first.begun, second.begun) == (1, 0)
    assert second.reports == first.reports
    assert replace(again, seconds=0, losses=None) == replace(result, seconds=0, losses=None)
    assert again.losses.tolist() == result.losses.tolist()
    assert trained(problem, spec(), Heard(epochs=1)).state == "stopped"


def test_a_file_in_the_place_of_another_is_refused_and_named(problem, trials):
    """Each file is intact, so that its digest does not show it: only its name and its trial do."""
    specs = [
        trials.placed(Training("it", architecture, epochs=epochs))
        for architecture in sample_architectures(problem.space, 2)
        for epochs in (1, 2)
    ]
    for spec in specs:
        trained(problem, spec, SILENT)
    own = sorted(Path(specs[1].folder).iterdir())
    assert len(own) == 3
    for place in own:
        content = place.read_bytes()
        for other in (*own, *sorted(Path(specs[3].folder).iterdir())):
            if other != place:
                place.write_bytes(other.read_bytes())
                reads = specs[0] if place.name == "result-1-0.safetensors" else specs[1]
                with pytest.raises(ArtifactError, match=f"{place}: belongs to another training") as error:
                    trained(problem, reads, SILENT)
                assert "remove the folder" in error.value.fix
        place.write_bytes(content)


def test_a_temporary_folder_is_removed(problem):
    with trials_of(problem) as trials:
        (architecture,) = sample_architectures(problem.space, 1)
        spec = trials.placed(Training("it", architecture, epochs=1))
        trained(problem, spec, SILENT)
        assert (Path(spec.folder) / CHECKPOINTS[0]).exists()
    assert not Path(spec.folder).exists()


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
def means():
    sizes = DESANSettings.parse({**SIZES, "layers": 1, "ops": ["mlp-8"]}, "space")
    space = DESAN(plain_schema(), sizes, load_registry().op)
    found = sample_problem(space, epochs=EPOCHS)
    return replace(found, space=Mean([space] * MEMBERS), recipe=found.recipe.having(patience=EPOCHS))


def training_of(problem, folder, **how):
    architectures = [
        one.supernet().architecture() if hasattr(one, "supernet") else Architecture({})
        for one in problem.space.spaces
    ]
    return Training("", Architecture.ensemble(architectures), config=Config(), folder=str(folder), **how)


def members_alone(problem, until=()):
    """Return the training of each member by itself, and its reports."""
    for place, space in enumerate(problem.space.spaces):
        member, seed = replace(problem, space=space), seeds.of_member(problem.seed, place)
        yield alone(member, space.supernet().architecture(), seed, until[place : place + 1])


def test_each_member_is_trained_as_if_it_were_alone(means, tmp_path):
    found = trained_mean(means, training_of(means, tmp_path), heard := Heard())
    fits, reports = zip(*members_alone(means), strict=True)
    assert same(found.network, Ensemble([fit.network for fit in fits]))
    expected = [report for of_member in reports for report in of_member]
    assert heard.reports == [replace(one, epoch=place + 1) for place, one in enumerate(expected)]
    assert len(expected) == MEMBERS * EPOCHS
    assert found.best_epochs == tuple(fit.best_epoch for fit in fits)
    assert found.cut_short == any(fit.cut_short for fit in fits)
    assert {name.split(".")[1] for name in found.moments if name.startswith("members.")} == {"0", "1", "2"}


@pytest.mark.parametrize("stop", [1, 3, 4, 8])
def test_a_mean_goes_on_to_the_same_bytes(means, tmp_path, stop):
    whole = trained_mean(means, training_of(means, tmp_path / "whole"), told := Heard())
    with pytest.raises(KeyboardInterrupt):
        trained_mean(means, training_of(means, tmp_path), Heard(kill_after=stop))
    torch.manual_seed(99)
    rest = trained_mean(means, training_of(means, tmp_path), heard := Heard())
    assert heard.reports == told.reports
    assert same(rest.network, whole.network)
    assert rest.best_epochs == whole.best_epochs


def test_a_refit_trains_each_member_until_its_chosen_epoch(means, tmp_path):
    until = (1, 3, 2)
    found = trained_mean(means, training_of(means, tmp_path, until=until), heard := Heard())
    assert [(one.epoch, one.metrics) for one in heard.reports] == [(n, {}) for n in range(1, 7)]
    assert (found.best_epochs, found.exhausted) == (until, True)
    fits, _ = zip(*members_alone(means, until), strict=True)
    assert same(found.network, Ensemble([fit.network for fit in fits]))
    ended = trained_mean(means, training_of(means, tmp_path / "ended", until=until), Heard(epochs=2))
    assert not ended.exhausted


def test_a_training_that_diverges_is_an_error_each_time(means, tmp_path):
    wild = replace(means, recipe=means.recipe.having(learning_rate=1e30))
    for _ in range(2):
        with pytest.raises(DivergedError) as error:
            trained_mean(wild, training_of(wild, tmp_path), SILENT)
        assert "training.learning_rate" in error.value.fix


def test_under_a_limit_of_time_each_member_has_an_equal_share(means, tmp_path):
    """An epoch takes a sixth of the time here, so each of three members has time for two epochs."""
    heard, training = Heard(), training_of(means, tmp_path)
    trained_mean(means, training, heard, lambda share: len(heard.reports) < 2 * MEMBERS * share)
    assert len(heard.reports) == 2 * MEMBERS


def test_a_listener_that_has_enough_leaves_no_member_untrained(means, tmp_path):
    training = training_of(means, tmp_path)
    found = trained_mean(means, training, enough := Heard(epochs=0))
    assert [report.epoch for report in enough.reports] == [1, 2, 3]
    before = untrained(means, training.architecture)
    for member, new in zip(members_of(found.network), members_of(before), strict=True):
        assert not torch.equal(member.tasks[0].tower[-1].weight, new.tasks[0].tower[-1].weight)


def test_a_model_that_learns_by_itself_is_a_member(means, tmp_path):
    first, *_ = means.space.spaces
    mixed, shares = replace(means, space=Mean([first, Alone()])), []
    in_time, heard = lambda share: shares.append(share) or True, Heard()
    found = trained_mean(mixed, training_of(mixed, tmp_path), heard, in_time)
    assert [report.epoch for report in heard.reports] == [1, 2, 3, 4]
    assert {0.5, 1.0} == set(shares), "each member has half of the time"
    learned = torch.tensor(means.data.train.labels).nanmean(0)
    assert torch.equal(found.network.members[1].means, learned)
    again = training_of(mixed, tmp_path, until=found.best_epochs)
    refitted = trained_mean(mixed, again, SILENT, before=lambda: found.network)
    assert torch.equal(refitted.network.members[1].means, learned + 1)
