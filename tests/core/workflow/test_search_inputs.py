"""A search that answers with settings and encodings too: the training has them, and each one that follows."""

import numpy as np
import pytest
from stopping import StopAfter

from automtl_core.choices import Architecture, OneOf
from automtl_core.errors import PluginError
from automtl_core.modules.dropout import Dropout
from automtl_core.registry.kinds import STRATEGIES
from automtl_core.run_dir.config import default, load_config
from automtl_core.run_dir.facts import EncodingSearch, Search
from automtl_core.run_dir.run import Run
from automtl_core.search.evidence import Evidence, Point
from automtl_core.search.strategy import SearchResult, SearchStrategy
from automtl_core.search.trial import Training
from automtl_core.settings.settings import Search as Domain
from automtl_core.training.events import SILENT, EpochEnded, EventHandler
from automtl_core.workflow.job import Job
from automtl_core.workflow.models import common, layer
from automtl_core.workflow.search_inputs import changed, domains_of, trials, values_of
from automtl_core.workflow.trained import Trained
from automtl_core.workflow.work import Work
from automtl_core.workflow.workflow import Workflow
from automtl_report.record import read_record

from .lines import REGISTRY, SMALL, begin, contents, go_on, make_job, start

KEYS = [["engage_left", "engage_right"]]
OWN = {"training": {"learning_rate": 0.002}, "features": {"numbers": "standard", "aggregates": []}}
OVERRIDES = {
    "training": {"learning_rate": 0.007, "epochs": 2},
    "space": {"dropout": 0.3},
    "features": {"numbers": "bins", "aggregates": KEYS},
}


def registry(overrides):
    """Return a registry with a strategy that takes an epoch, and finds these settings."""

    class Settling(SearchStrategy):
        """Takes the first options, and settings; its front has those of the run too."""

        epoch = 0

        def search(self, listener):
            assert self.problem.recipe.learning_rate == 2e-3, "the search has the settings of the run"
            if not self.epoch:
                self.epoch = 1
                listener(EpochEnded("search", 1, {}, {}))
            own, other = self.point("own", OWN), self.point("other", OVERRIDES)
            told = [Evidence(n, "first", "chosen", "at chance", epoch=1) for n in other.decisions]
            found = Architecture(other.decisions)
            return SearchResult(found, evidence=told, front=[own, other], overrides=overrides)

        def point(self, name, overrides):
            choices = self.problem.having(overrides).space.choices()
            first = {n: c.options[0] if isinstance(c, OneOf) else c.options[:1] for n, c in choices.items()}
            return Point(name, first, 0.5, None, 0.5, 1, 1, True, overrides=overrides)

        def state_dict(self):
            return {"epoch": self.epoch}

        def load_state_dict(self, state):
            self.epoch = state["epoch"]

    return REGISTRY.adding(STRATEGIES, "settling", Settling)


SETTLING = registry(OVERRIDES)


def settling(folder, registry=SETTLING):
    given = {"strategy": "settling", "prepared_dir": folder / "prepared"}
    return Job.resolve(load_config(default(registry), {**SMALL, "strategy": "settling"}, given), registry)


@pytest.fixture(scope="module")
def settled(tmp_path_factory):
    """A finished run of such a search."""
    folder = tmp_path_factory.mktemp("settled")
    return begin(settling(folder), folder / "run")


def test_settings_with_a_domain_and_encodings_that_were_auto(tmp_path):
    job = make_job(tmp_path, {"features": {"aggregates": ["user_id"]}})
    prepared = job.prepare()
    with start(job, prepared, tmp_path / "run") as run:
        found = trials(Work(Job.resolve(run.config(), REGISTRY), run, prepared, SILENT))
        assert run.has(EncodingSearch)
    assert found.domains.keys() == {
        "training.learning_rate", "training.embedding_decay", "space.dropout", "features.numbers",
    }  # fmt: skip
    assert found.domains["training.embedding_decay"] == Domain(1e-5, 1e-1, log=True)
    assert found.values["features.aggregates"] == ({"key": ("user_id",), "half_life": None},)
    problem = found.problem(found.placed(Training(overrides=OVERRIDES)))
    assert (problem.recipe.learning_rate, problem.space.schema.encodings.numbers) == (0.007, "bins")


def test_domains_and_values_are_of_the_same_settings(tmp_path):
    job = make_job(tmp_path)
    assert domains_of(job).keys() <= values_of(job).keys()
    again = changed(job, {"space": {"dropout": 0.25}})
    assert (again.components["space"].dropout, again.config.seed) == (0.25, job.config.seed)


def test_the_network_reads_the_encodings_that_the_search_chose(settled):
    assert settled.initial_config().features.numbers == "standard"
    assert settled.config().features.numbers == "bins"
    assert [list(one.key) for one in settled.config().features.keys] == KEYS
    job = Job.resolve(settled.config(), SETTLING)
    made = Trained.of(settled, job.registry)
    assert len(made.encoder.aggregates.states) == 1
    part = job.prepare().part("test")
    assert np.isfinite(made.predict_logits(part)).all()


def test_a_point_of_the_front_is_trained_with_its_own_settings(settled):
    number = {point.name: k for k, point in enumerate(settled.read(Search).front, 1)}
    own, other = (f"{settled.path}@{number[name]}" for name in ("own", "other"))
    assert common(own, SETTLING)["features"]["numbers"] == settled.initial_config().features.numbers
    assert common(other, SETTLING)["features"]["numbers"] == "bins"
    assert common(own, SETTLING)["training"]["learning_rate"] == 0.002
    assert layer(own, SETTLING)["decisions"].keys() < layer(other, SETTLING)["decisions"].keys()
    assert layer(f"{settled.path}@1000ms", SETTLING)["decisions"], "networks of both are timed"


def test_the_training_has_the_settings_that_were_found(settled, tmp_path):
    assert [report["phase"] for report in settled.reports()] == ["search", "train", "train"]
    job = Workflow(REGISTRY).model(str(settled.path), [{"prepared_dir": tmp_path}])
    assert (job.config.training.learning_rate, job.components["space"].dropout) == (0.007, 0.3)
    again = begin(job, tmp_path / "again")
    weights = [(run.path / "weights.safetensors").read_bytes() for run in (again, settled)]
    assert weights[0] == weights[1]


def test_the_run_keeps_them_and_what_it_began_with_and_is_used_with_them(settled):
    kept = settled.read(Search)
    assert [(e.choice, e.epoch) for e in kept.evidence] == [(n, 1) for n in settled.architecture().decisions]
    assert kept.overrides == OVERRIDES
    assert read_record(settled.path, REGISTRY).to_json()["overrides"] == OVERRIDES
    began, ended = settled.initial_config(), settled.config()
    assert (began.training.learning_rate, ended.training.learning_rate) == (2e-3, 0.007)
    assert (began.space.settings["dropout"], ended.space.settings["dropout"]) == (0.1, 0.3)
    assert ended.training.batch_size == began.training.batch_size == 256
    assert settled.architecture().origin.settings["dropout"] == 0.3
    network = Trained.of(settled, SETTLING).network
    assert {module.p for module in network.modules() if isinstance(module, Dropout)} == {0.3}
    assert Workflow(SETTLING).evaluate(settled.path).repeats


class KilledInTraining(EventHandler):
    """Interrupts at the first step of the training."""

    def step(self, event):
        if event.phase == "train":
            raise KeyboardInterrupt
        return True


@pytest.mark.parametrize("listener", [StopAfter(1), KilledInTraining(), StopAfter(3)], ids=["1", "2", "3"])
def test_a_search_that_was_stopped_goes_on_to_the_same_bytes(settled, tmp_path, listener):
    with pytest.raises(KeyboardInterrupt):
        begin(settling(tmp_path), tmp_path / "run", listener)
    run = Run.open(tmp_path / "run")
    go_on(Job.resolve(run.initial_config(), SETTLING), run)
    assert contents(run) == contents(settled)


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
        begin(settling(tmp_path, registry(overrides)), tmp_path / "run")
