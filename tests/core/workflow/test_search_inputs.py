"""The settings that a search of a run may choose; and a run whose encodings a study chose."""

from collections import deque

import numpy as np
import pytest

from automtl_core.registry.kinds import STRATEGIES
from automtl_core.run_dir.facts import EncodingSearch, Search
from automtl_core.run_dir.run import Run
from automtl_core.search.evidence import Point
from automtl_core.search.strategy import SearchResult, SearchStrategy
from automtl_core.search.trained import trained_fit
from automtl_core.search.trial import Training
from automtl_core.settings.settings import Search as Domain
from automtl_core.training.events import EpochEnded
from automtl_core.workflow.job import Job
from automtl_core.workflow.models import common, layer
from automtl_core.workflow.search_inputs import changed, domains_of, trials, values_of
from automtl_core.workflow.trained import Trained

from .lines import REGISTRY, begin, contents, go_on, make_job, start, stopped

KEYS = [["engage_left", "engage_right"]]
OWN = {"training": {"learning_rate": 0.002}, "features": {"numbers": "standard", "aggregates": []}}
OTHER = {"training": {"learning_rate": 0.007}, "features": {"numbers": "bins", "aggregates": KEYS}}


class Tuned(SearchStrategy):
    """Trains the first landmark with the settings of the run, and with others; takes the others."""

    told = False

    def search(self, listener):
        problem = self.problem
        points = []
        for name, overrides in (("own", OWN), ("other", OTHER)):
            space = problem.having(overrides).space
            architecture = space.canonical(next(iter(space.landmarks().values())))
            spec = problem.trials.placed(Training(name, architecture, overrides))
            ((_, result),) = problem.trials.executor.run(deque([spec]), lambda spec, event: True)
            cost = space.cost(architecture)
            points.append(
                Point(name, architecture.decisions, 0.5, None, 0.5, cost.flops_per_row, cost.parameters, True,
                      overrides=overrides)
            )  # fmt: skip
        if not self.told:
            self.told = True
            listener(EpochEnded("search", 1, {}, {}))
        network = trained_fit(problem.having(OTHER), spec).network
        return SearchResult(architecture, network, result.best_epoch, True, front=points, overrides=OTHER)

    def state_dict(self):
        return {"told": self.told}

    def load_state_dict(self, state):
        self.told = state["told"]


TUNING = REGISTRY.adding(STRATEGIES, "tuned", Tuned)


def job_of(folder):
    job = make_job(folder, {"strategy": "random"})
    config = job.config.model_copy(update={"strategy": job.config.strategy.model_validate("tuned")})
    return Job.resolve(config, TUNING)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tuned")
    return begin(job_of(folder), folder / "run")


def test_settings_with_a_domain_and_encodings_that_were_auto(tmp_path):
    job = make_job(tmp_path, {"features": {"aggregates": ["user_id"]}})
    prepared = job.prepare()
    with start(job, prepared, tmp_path / "run") as run:
        job = job.of(run.config())
        found = trials(job, run, prepared, None)
        assert run.has(EncodingSearch)
    assert found.domains.keys() == {
        "training.learning_rate", "training.embedding_decay", "space.dropout", "features.numbers",
    }  # fmt: skip
    assert found.domains["training.embedding_decay"] == Domain(1e-5, 1e-1, log=True)
    assert found.values["features.aggregates"] == ({"key": ("user_id",), "half_life": None},)
    problem = found.problem({"features": {"numbers": "bins"}, "training": {"learning_rate": 0.1}})
    assert (problem.recipe.learning_rate, problem.space.schema.encodings.numbers) == (0.1, "bins")


def test_domains_and_values_are_of_the_same_settings(tmp_path):
    job = make_job(tmp_path)
    assert domains_of(job).keys() <= values_of(job).keys()
    again = changed(job, {"space": {"dropout": 0.25}})
    assert (again.components["space"].dropout, again.config.seed) == (0.25, job.config.seed)


def test_the_network_reads_the_encodings_that_the_search_chose(whole):
    assert whole.initial_config().features.numbers == "standard"
    assert whole.config().features.numbers == "bins"
    assert [list(one.key) for one in whole.config().features.keys] == KEYS
    assert whole.config().training.learning_rate == 0.007
    job = Job.resolve(whole.config(), TUNING)
    made = Trained.of(whole, job.registry)
    assert len(made.encoder.aggregates.states) == 1
    part = job.prepare().part("test")
    assert np.isfinite(made.predict_logits(part)).all()


def test_a_stopped_run_goes_on_to_the_same_bytes(whole, tmp_path):
    run = stopped(job_of(tmp_path), tmp_path / "run", 1)
    go_on(Job.resolve(Run.open(run.path).initial_config(), TUNING), run)
    assert contents(run) == contents(whole)


def test_a_point_of_the_front_is_trained_with_its_own_settings(whole):
    number = {point.name: k for k, point in enumerate(whole.read(Search).front, 1)}
    own, other = (f"{whole.path}@{number[name]}" for name in ("own", "other"))
    assert common(own, TUNING)["features"]["numbers"] == whole.initial_config().features.numbers
    assert common(other, TUNING)["features"]["numbers"] == "bins"
    assert common(own, TUNING)["training"]["learning_rate"] == 0.002
    assert layer(own, TUNING)["decisions"].keys() < layer(other, TUNING)["decisions"].keys()
    assert layer(f"{whole.path}@1000ms", TUNING)["decisions"], "networks of both are timed"
