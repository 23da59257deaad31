"""A search that answers with settings too: the training has them, and each one that follows."""

import pytest

from automtl_core.choices import Architecture, OneOf
from automtl_core.errors import PluginError
from automtl_core.modules.dropout import Dropout
from automtl_core.registry.kinds import STRATEGIES
from automtl_core.run_dir.config import default, load_config
from automtl_core.run_dir.facts import Search
from automtl_core.run_dir.run import Run
from automtl_core.search.strategy import SearchResult, SearchStrategy
from automtl_core.training.events import EpochEnded, EventHandler
from automtl_core.workflow.job import Job
from automtl_core.workflow.models import common
from automtl_core.workflow.trained import Trained
from automtl_core.workflow.workflow import Workflow
from automtl_report.record import read_record

from .lines import REGISTRY, SMALL, begin, contents, go_on, stopped

OVERRIDES = {"training": {"learning_rate": 0.007, "epochs": 2}, "space": {"dropout": 0.3}}


def registry(overrides):
    """Return a registry with a strategy that takes an epoch, and finds these settings."""

    class Settling(SearchStrategy):
        """Takes the first options, and settings."""

        epoch = 0

        def search(self, listener):
            assert self.problem.recipe.learning_rate == 2e-3, "the search has the settings of the run"
            if not self.epoch:
                self.epoch = 1
                listener(EpochEnded("search", 1, {}, {}))
            choices = self.problem.space.choices()
            found = {n: c.options[0] if isinstance(c, OneOf) else c.options[:1] for n, c in choices.items()}
            return SearchResult(Architecture(found), overrides=overrides)

        def state_dict(self):
            return {"epoch": self.epoch}

        def load_state_dict(self, state):
            self.epoch = state["epoch"]

    return REGISTRY.adding(STRATEGIES, "settling", Settling)


def job_of(folder, *layers, overrides=OVERRIDES):
    made = registry(overrides)
    given = ({"strategy": "settling", "prepared_dir": folder / "prepared"}, *layers)
    return Job.resolve(load_config(default(made), {**SMALL, "strategy": "settling"}, *given), made)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished run of such a search."""
    folder = tmp_path_factory.mktemp("whole")
    return begin(job_of(folder), folder / "run")


def test_the_training_has_the_settings_that_were_found(whole, tmp_path):
    assert [report["phase"] for report in whole.reports()] == ["search", "train", "train"]
    job = Workflow(REGISTRY).model(str(whole.path), [{"prepared_dir": tmp_path}])
    assert (job.config.training.learning_rate, job.components["space"].dropout) == (0.007, 0.3)
    again = begin(job, tmp_path / "again")
    weights = [(run.path / "weights.safetensors").read_bytes() for run in (again, whole)]
    assert weights[0] == weights[1]


def test_the_run_keeps_them_and_what_it_began_with_and_is_used_with_them(whole):
    assert whole.read(Search).overrides == OVERRIDES
    assert read_record(whole.path, REGISTRY).to_json()["overrides"] == OVERRIDES
    began, ended = whole.initial_config(), whole.config()
    assert (began.training.learning_rate, ended.training.learning_rate) == (2e-3, 0.007)
    assert (began.space.settings["dropout"], ended.space.settings["dropout"]) == (0.1, 0.3)
    assert ended.training.batch_size == began.training.batch_size == 256
    assert whole.architecture().origin.settings["dropout"] == 0.3
    assert common(str(whole.path), REGISTRY)["training"]["learning_rate"] == 0.007
    made = registry(OVERRIDES)
    network = Trained.of(whole, made).network
    assert {module.p for module in network.modules() if isinstance(module, Dropout)} == {0.3}
    assert Workflow(made).evaluate(whole.path).repeats


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_a_stopped_run_goes_on_to_the_same_bytes(whole, tmp_path, epochs):
    run = stopped(job_of(tmp_path), tmp_path / "run", epochs)
    go_on(Job.resolve(Run.open(run.path).initial_config(), registry(OVERRIDES)), run)
    assert contents(run) == contents(whole)


def test_a_run_that_was_stopped_between_search_and_training_searches_as_it_began(whole, tmp_path):
    class Killed(EventHandler):
        def step(self, event):
            if event.phase == "train":
                raise KeyboardInterrupt
            return True

    with pytest.raises(KeyboardInterrupt):
        begin(job_of(tmp_path), tmp_path / "run", Killed())
    run = Run.open(tmp_path / "run")
    assert run.read(Search).overrides == OVERRIDES
    go_on(Job.resolve(run.initial_config(), registry(OVERRIDES)), run)
    assert contents(run) == contents(whole)


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        ({"training": {"rate": 1}}, "training.rate is not a setting"),
        ({"space": {"dropout": 2}}, "space.dropout: expected a number from 0 and below 1, given 2"),
        ({"dataset": {"rows": 500}}, "dataset cannot be overridden"),
    ],
)
def test_settings_that_there_are_not_are_a_fault_of_the_strategy(tmp_path, overrides, problem):
    with pytest.raises(
        PluginError, match=f"the strategy 'settling' of plugin 'script': overrides: {problem}"
    ):
        begin(job_of(tmp_path, overrides=overrides), tmp_path / "run")
