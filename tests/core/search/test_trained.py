"""A trial trains as `Fit` does, pauses, goes on from its checkpoint, and tells all of its epochs again."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import automtl_core
from automtl_core.errors import ArtifactError
from automtl_core.registry.plugins import load_registry
from automtl_core.search import trained as module
from automtl_core.search.held_out import HeldOut
from automtl_core.search.trained import trained, trained_fit, trials_of
from automtl_core.search.trial import Training, TrialBegan
from automtl_core.system import seeds
from automtl_core.system.state import CHECKPOINTS
from automtl_core.training.events import SILENT, EventHandler
from automtl_core.training.fit import Fit
from automtl_desan.space import DESAN, DESANSettings
from automtl_testing.samples import sample_architectures, sample_problem, sample_schema

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
    return all(torch.equal(one.state_dict()[name], value) for name, value in other.state_dict().items())


def test_a_trial_is_the_training_of_its_network(problem, spec):
    heard, alone = Heard(), Heard()
    result = trained(problem, spec(rows=100), heard)
    (architecture,) = sample_architectures(problem.space, 1)
    seeds.seed_torch(problem.seed, "network")
    fit = Fit(
        problem.space.network(architecture), problem.data, problem.recipe, problem.seed, problem.compute
    )
    fit.run(alone)
    assert (result.metrics, result.best_epoch, result.epochs) == (fit.best, fit.best_epoch, fit.epoch)
    assert result.state == "done"
    assert heard.reports == alone.reports
    assert same(trained_fit(problem, spec()).network, fit.network)
    expected = HeldOut(problem, 100).measure(fit.network.eval()).losses
    assert result.losses.tolist() == expected.tolist()


def test_a_pause_changes_nothing(problem, spec, tmp_path):
    first, second = Heard(), Heard()
    paused = trained(problem, spec(2), first)
    assert (paused.state, paused.epochs, paused.losses) == ("paused", 2, None)
    result = trained(problem, spec(), second)
    whole = trained(problem, replace(spec(), folder=str(tmp_path)), alone := Heard())
    assert replace(result, seconds=0) == replace(whole, seconds=0)
    assert second.reports == alone.reports, "epochs before the pause are told again"


@pytest.mark.parametrize("seconds", [0.0, 60.0])
def test_after_a_kill_it_goes_on_and_tells_the_epoch_that_nobody_heard_of(
    problem, spec, monkeypatch, seconds, tmp_path
):
    monkeypatch.setattr(module, "CHECKPOINT_SECONDS", seconds)
    with pytest.raises(KeyboardInterrupt):
        trained(problem, spec(), Heard(kill_after=1))
    result = trained(problem, spec(), heard := Heard())
    whole = trained(problem, other := replace(spec(), folder=str(tmp_path)), alone := Heard())
    assert same(trained_fit(problem, spec()).network, trained_fit(problem, other).network)
    assert heard.reports == alone.reports
    assert result.metrics == whole.metrics


def test_a_trial_that_has_nothing_to_do_does_not_begin(problem, spec):
    trained(problem, spec(2), first := Heard())
    trained(problem, spec(2), again := Heard())
    assert (first.begun, again.begun) == (1, 0)
    assert again.reports == first.reports
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


def test_the_loop_has_one_caller():
    """Each training of the product is a call of `trained`; contracts of plugins are tests."""
    root, packages = Path(automtl_core.__file__).parents[1], ("automtl_core", "plugins", "api", "cli")
    files = [path for name in packages for path in (root / name).rglob("*.py")]
    texts = {path: path.read_text() for path in files if path.parent.name != "automtl_testing"}
    calls = [path.stem for path, text in texts.items() for _ in re.findall(r"\bFit\(|\bfit\.run\(", text)]
    assert calls == ["trained", "trained"]
