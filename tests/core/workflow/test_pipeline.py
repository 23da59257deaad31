"""The straight line: equal seeds give equal bytes, stopped runs end like others, evaluation repeats."""

import pytest
from torch import nn

from automtl_core.choices import Architecture, OneOf
from automtl_core.errors import PluginError
from automtl_core.registry.kinds import SPACES, STRATEGIES
from automtl_core.run_dir.config import default, load_config
from automtl_core.run_dir.facts import Data, Result, Search, Status
from automtl_core.run_dir.run import Run
from automtl_core.search.evidence import Evidence, Point
from automtl_core.search.strategy import SearchResult, SearchStrategy
from automtl_core.training.events import EventHandler
from automtl_core.workflow.job import Job

from .lines import EQUAL, REGISTRY, SMALL, begin, contents, go_on, make_job, search, start, stopped


def test_a_run_directory_holds_everything(whole):
    names = {path.name for path in whole.path.iterdir()}
    assert names >= {
        "config.yaml", "environment.json", "metrics.jsonl", "architecture.json", "weights.safetensors",
        "result.json", "status.json", "log.txt",
    }  # fmt: skip
    assert whole.status() == Status("done")
    assert not [name for name in names if "draft" in name]
    reports = whole.reports()
    assert [r["phase"] for r in reports[:4]] == ["warm-up", "search", "search", "train"]
    result = whole.read(Result)
    assert set(result.test) == set(result.validation)
    assert set(result.test) == {"click", "like", "skip", "hide"}
    assert whole.read(Data).raw == {}
    assert whole.config().space.settings["tower_width"] == 64, "defaults are written out"


class Telling(SearchStrategy):
    """Takes the first options without a look at the data, and says so."""

    def search(self, listener):
        choices = self.problem.space.choices()
        found = {n: c.options[0] if isinstance(c, OneOf) else c.options[:1] for n, c in choices.items()}
        told = [Evidence(n, c.options[0], "chosen", "at chance", epoch=2) for n, c in choices.items()]
        front = [Point("first", found, 0.5, 0.0, None, 10, 20, trained=False, chosen=True)]
        return SearchResult(Architecture(found), evidence=told, front=front)

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


def test_a_run_keeps_why_its_search_decided_so_and_what_else_there_was(tmp_path):
    registry = REGISTRY.adding(STRATEGIES, "telling", Telling)
    layers = (SMALL, {"prepared_dir": tmp_path / "prepared", "strategy": "telling"})
    run = begin(Job.resolve(load_config(default(registry), *layers), registry), tmp_path / "run")
    kept = run.read(Search)
    assert [(e.choice, e.epoch) for e in kept.evidence] == [(n, 2) for n in run.architecture().decisions]
    assert [point.decisions for point in kept.front] == [run.architecture().decisions]


@pytest.mark.parametrize("epochs", [3, 5], ids=["at the end of the search", "in the training"])
def test_a_stopped_run_goes_on_to_the_same_bytes(job, whole, tmp_path, epochs):
    run = stopped(job, tmp_path / "stopped", epochs)
    assert run.status().state == "stopped"
    resumed = Job.resolve(Run.open(run.path).config(), REGISTRY)
    go_on(resumed, run)
    assert contents(run) == contents(whole)
    assert run.status() == Status("done")


DARTS = {"name": "darts", "epochs": 2}


@pytest.mark.parametrize(("strategy", "epochs"), [(SMALL["strategy"], 3), (DARTS, 2)])
def test_retraining_goes_on_from_the_search_or_starts_from_scratch(tmp_path, strategy, epochs):
    runs = {}
    for retrain in ("inherit", "scratch"):
        job = make_job(tmp_path, {"strategy": strategy, "retrain": retrain, "training": {"epochs": 2}})
        runs[retrain] = begin(job, tmp_path / retrain)
    reports = {retrain: run.reports() for retrain, run in runs.items()}
    for retrain, first in (("inherit", range(2, epochs + 2)), ("scratch", [1])):
        phases = [r["phase"] for r in reports[retrain]]
        assert phases.index("train") == epochs
        assert reports[retrain][epochs]["epoch"] in first
    assert reports["inherit"][:epochs] == reports["scratch"][:epochs]
    found, weights = ([contents(run)[name] for run in runs.values()] for name in (EQUAL[0], EQUAL[2]))
    assert found[0] == found[1]
    assert weights[0] != weights[1]


@pytest.mark.parametrize(
    ("name", "retrain"), [("pd-darts", "inherit"), ("darts", "scratch"), ("random", "inherit")]
)
def test_a_strategy_says_how_its_network_is_trained(tmp_path, name, retrain):
    assert make_job(tmp_path, {"strategy": {"name": name}}).retrain() == retrain
    assert make_job(tmp_path, {"strategy": {"name": name}, "retrain": "scratch"}).retrain() == "scratch"


def test_the_test_part_is_read_once_and_last(tmp_path, monkeypatch):
    events = []
    job = make_job(tmp_path, {"training": {"epochs": 1}})
    prepared = job.prepare()
    part = type(prepared).part
    monkeypatch.setattr(type(prepared), "part", lambda self, name: events.append(name) or part(self, name))

    class Watch(EventHandler):
        def epoch(self, report):
            events.append("epoch")
            return True

    with start(job, prepared, tmp_path / "run") as run:
        search(job, run, prepared, Watch())
    last_epoch = len(events) - events[::-1].index("epoch")
    assert "test" not in events[:last_epoch]
    assert "test" in events[last_epoch:]


def test_a_run_goes_on_from_the_checkpoint_before_a_damaged_one(whole, job, tmp_path):
    run = stopped(job, tmp_path / "run", 2)
    path = run.path / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:-4])
    go_on(job, run)
    assert "the checkpoint before the last one is used" in (run.path / "log.txt").read_text()
    for name in ("weights.safetensors", "metrics.jsonl"):
        assert (run.path / name).read_bytes() == (whole.path / name).read_bytes()


class First(nn.Module):
    """The outputs of a network for its first task."""

    def __init__(self, whole):
        super().__init__()
        self.whole = whole

    def forward(self, features):
        return self.whole(features)[:, :1]


def test_a_space_that_builds_another_network_when_a_run_goes_on_is_an_error(tmp_path):
    class Changing(REGISTRY.get(SPACES, "desan")):
        changed = False

        def build(self, choose):
            whole = super().build(choose)
            return First(whole) if self.changed else whole

    registry = REGISTRY.adding(SPACES, "changing", Changing)
    layer = {"prepared_dir": tmp_path / "prepared", "space": {**SMALL["space"], "name": "changing"}}
    job = Job.resolve(load_config(default(registry), SMALL, layer), registry)
    run = stopped(job, tmp_path / "run", 1)
    Changing.changed = True
    with pytest.raises(PluginError, match=r"the network returns \[2, 1\] for 2 rows, expected \[2, 4\]"):
        go_on(job, run)
