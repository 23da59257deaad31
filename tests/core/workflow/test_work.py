"""The stages of a run tell and save their epochs; trials are whole runs, made once."""

import pickle
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from stopping import StopAfter

from automtl_core.errors import ArtifactError, StorageError, UnknownNameError, UsageError
from automtl_core.registry.kinds import ENGINES, LISTENERS
from automtl_core.run_dir.config import RunConfig
from automtl_core.run_dir.facts import Costs, EncodingSearch, Identity, Result
from automtl_core.run_dir.progress import FILE, TEST, Progress
from automtl_core.run_dir.run import Run
from automtl_core.search.encoding.rows import divided
from automtl_core.search.encoding.search import EncodingSearchResult
from automtl_core.search.trained import trained
from automtl_core.search.trial import Engine, Training, TrialBegan
from automtl_core.settings.settings import Settings
from automtl_core.system.state import CHECKPOINTS, load_state, save_checkpoint
from automtl_core.training.events import SILENT, EpochEnded, PhaseBegan, RunBegan, RunListener, Warned
from automtl_core.workflow import work as module
from automtl_core.workflow.budget import with_rows
from automtl_core.workflow.job import Job
from automtl_core.workflow.run_trial import TrialRunner, executor_of
from automtl_core.workflow.work import Recorder, Work, observed
from automtl_core.workflow.workflow import Workflow

from .lines import REGISTRY, TRAINING, contents

REPORT = EpochEnded("train", 1, {}, {})


class Loop:
    """Counts what it is given."""

    def __init__(self, number):
        self.number = number

    def state_dict(self):
        return {"number": self.number}

    def load_state_dict(self, state):
        self.number = state["number"]


@pytest.fixture
def run(tmp_path):
    run = Run(tmp_path / "run")
    run.path.mkdir()
    for name in ("config.yaml", ".lock"):
        (run.path / name).touch()
    run.write(Identity({"seed": 0}, "data"))
    run.write(Costs({"encoding_search": 1.0}, None))
    run.write_reports([])
    return run


@pytest.mark.parametrize("name", ["config.yaml", ".lock"])
def test_a_run_that_cannot_end_is_an_error_at_the_next_epoch(run, name):
    recorder = Recorder(run, SILENT)
    (run.path / name).unlink()
    with pytest.raises(ArtifactError, match=f"{name}: removed while a process works on the run"):
        recorder(REPORT)
    assert not (run.path / CHECKPOINTS[0]).exists()
    run.path.rename(run.path.with_name("other"))
    with pytest.raises(StorageError, match="there is no such folder"):
        recorder(REPORT)


def test_a_search_is_given_back_what_it_saved_and_told_epochs_are_ignored(run):
    recorder = Recorder(run, SILENT)
    recorder.follow(Loop(7))
    recorder(REPORT)
    heard, loop = [], Loop(0)
    again = Recorder(run, lambda event: heard.append(event) or False)
    again.follow(loop)
    assert loop.number == 7
    assert again.reports == [REPORT.to_json()] == run.reports()
    assert again(REPORT), "it is no news"
    assert not again(replace(REPORT, epoch=2))
    assert [event.epoch for event in heard] == [2]
    assert [report["epoch"] for report in run.reports()] == [1, 2]


def test_a_checkpoint_holds_the_identity_of_its_run_and_that_of_another_is_refused(run):
    recorder = Recorder(run, SILENT)
    recorder.follow(Loop(7))
    recorder(REPORT)
    saved = load_state(run.path / CHECKPOINTS[0])
    assert saved == {"identity": {"settings": {"seed": 0}, "data": "data"}, "state": {"number": 7}}
    save_checkpoint(run.path, {"identity": {"settings": {"seed": 1}, "data": "data"}, "state": {}})
    with pytest.raises(ArtifactError, match=r"belongs to another run: settings\.seed was 0, is 1"):
        Recorder(run, SILENT).follow(Loop(1))


@pytest.mark.parametrize("state", [{}, {"state": {}}, {"state": None}])
def test_a_state_that_does_not_fit_is_refused(run, state):
    save_checkpoint(run.path, {"identity": run.read(Identity).to_json(), **state})
    with pytest.raises(ArtifactError, match="the checkpoint does not fit the run"):
        Recorder(run, SILENT).follow(Loop(1))


def test_the_state_of_a_training_by_an_old_version_is_not_that_of_a_search(run):
    save_checkpoint(run.path, {"identity": run.read(Identity).to_json(), "stage": "train", "state": {}})
    Recorder(run, SILENT).follow(loop := Loop(1))
    assert loop.number == 1


def test_a_damaged_checkpoint_is_reported_to_the_user_and_the_one_before_is_used(run):
    recorder, heard, loop = Recorder(run, SILENT), [], Loop(7)
    recorder.follow(loop)
    recorder(REPORT)
    loop.number = 8
    recorder(replace(REPORT, epoch=2))
    (run.path / CHECKPOINTS[0]).write_bytes(b"")
    Recorder(run, heard.append).follow(loop)
    [warned] = heard
    assert isinstance(warned, Warned)
    assert CHECKPOINTS[0] in warned.sentence
    assert loop.number == 7


def test_seconds_of_earlier_processes_are_kept(run):
    for epoch in (1, 2):
        recorder = Recorder(run, SILENT)
        recorder(replace(REPORT, phase="warm-up", epoch=epoch))
        recorder(replace(REPORT, epoch=epoch))
    costs = run.read(Costs)
    assert costs.seconds.keys() == {"encoding_search", "search", "train"}
    assert costs.seconds["search"] == sum(costs.of_phases.values()) == recorder.seconds["warm-up"] > 0
    assert costs.seconds["train"] == recorder.seconds["train"] > 0


LAYER = {
    "dataset": {"name": "synthetic", "rows": 600},
    "features": "ids",
    "training": {"epochs": 2, "batch_size": 200, "embedding_decay": 0.01},
    "importance": {"rows": 0},
}
SEEN = []


class Notes(RunListener):
    """Notes what it receives."""

    def receive(self, event):
        SEEN.append((type(event).__name__, event))

    def tested(self, metrics):
        SEEN.append(("tested", sorted(metrics)))

    def close(self, error):
        SEEN.append(("close", error))


class Fails(RunListener):
    """Fails at the end of each epoch."""

    def receive(self, event):
        if isinstance(event, EpochEnded):
            raise ValueError("no connection")


@pytest.fixture
def search(tmp_path):
    """Return a function that searches with listeners, which may hear all and end it."""
    SEEN.clear()
    registry = REGISTRY.adding(LISTENERS, "notes", Notes).adding(LISTENERS, "fails", Fails)

    def search(name, *listeners, hear=SILENT):
        flow = Workflow(registry, hear)
        layers = [LAYER, {"prepared_dir": tmp_path / "prepared", "listeners": listeners}]
        return Run.open(flow.search(flow.model("mmoe", layers), tmp_path, name).path)

    return search


def test_listeners_follow_a_run_to_its_test_and_change_no_byte_of_it(search):
    warnings = []

    def hear(event):
        warnings.extend([event.sentence] if isinstance(event, Warned) else [])
        return True

    plain, run = search("plain"), search("listened", "fails", "notes", hear=hear)
    assert contents(run, TRAINING) == contents(plain, TRAINING)
    assert not (run.path / FILE).exists()
    kinds = [kind for kind, _ in SEEN]
    assert (kinds[0], kinds[-2:]) == ("RunBegan", ["tested", "close"])
    assert kinds.count("EpochEnded") == len(run.reports()) == 2
    assert [w for w in warnings if "left out" in w] == [
        "the listener 'fails' of plugin 'script' failed and is left out: ValueError: no connection"
    ]
    job = Job.resolve(run.config(), REGISTRY).having(listeners=())
    with observed(Work(job, run, job.prepare(), lambda event: False), PhaseBegan(TEST)) as stream:
        assert stream(Warned("x")) is False, "the answer is that of the main listener"


def test_a_listener_that_is_not_there_is_an_error_before_the_run(search, tmp_path):
    with pytest.raises(UnknownNameError, match="no listener is called"):
        search("run", "none")
    assert not (tmp_path / "run").exists()


def test_an_interrupted_run_leaves_its_progress_and_continues_with_its_epochs(search, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SECONDS", 0.0)
    with pytest.raises(KeyboardInterrupt):
        search("run", "notes", hear=StopAfter(1))
    progress = Progress.read(tmp_path / "run")
    assert (progress.phase, progress.epoch) == ("train", 1)
    kind, error = SEEN[-1]
    assert (kind, type(error)) == ("close", KeyboardInterrupt)
    SEEN.clear()
    Workflow(REGISTRY.adding(LISTENERS, "notes", Notes)).resume(tmp_path / "run")
    (_, began), *_ = SEEN
    assert isinstance(began, RunBegan)
    assert [report.epoch for report in began.reports] == [1]


BOTTOM = {
    "space": {"name": "shared-bottom", "embedding_dim": 4, "expert_layers": [8], "tower_layers": []},
    "dataset": {"name": "synthetic", "rows": 2000},
    "training": {"batch_size": 256, "epochs": 2, "embedding_decay": 0.01},
    "features": "ids",
    "strategy": None,
}


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    config = RunConfig.parse({**BOTTOM, "prepared_dir": tmp_path_factory.mktemp("prepared")})
    return Job.resolve(config, REGISTRY)


@pytest.fixture(scope="module")
def prepared(job):
    return job.prepare()


@pytest.fixture
def spec(job, prepared, tmp_path):
    """Return the spec of a whole run."""
    return Training(config=job.config, data=str(prepared.path), folder=str(tmp_path / "run"), whole=True)


@pytest.fixture
def runner(prepared):
    return TrialRunner(REGISTRY, prepared)


def test_a_whole_run_is_trained_once_and_tested_when_asked(spec, runner):
    spec = replace(spec, encoding_search=EncodingSearchResult({"numbers": "bins"}))
    result, run = runner(spec, SILENT), Run(Path(spec.folder))
    assert (result.state, result.metrics) == ("done", run.read(Result).validation)
    assert run.read(Result).test is None
    assert run.read(EncodingSearch).encoding_search == spec.encoding_search
    heard = []
    assert runner(replace(spec, test=True), lambda event: heard.append(type(event)) or True) == result
    assert not {TrialBegan, EpochEnded} & {*heard}, "nothing is trained"
    assert run.read(Result).test is not None


@pytest.mark.parametrize("how", [{}, {"held_out": True}, {"train_rows": 500}])
def test_a_spec_alone_gives_the_training_in_memory(job, prepared, spec, tmp_path, how):
    spec = replace(spec, whole=False)
    problem = job.problem(prepared, divided(prepared) if "held_out" in how else None)
    if "train_rows" in how:
        problem = with_rows(problem, 500)
    expected = trained(problem, replace(spec, folder=str(tmp_path / "other")), SILENT)
    travelled = pickle.loads(pickle.dumps(replace(spec, **how)))  # noqa: S301 - our own bytes
    found = TrialRunner(REGISTRY)(travelled, SILENT)
    assert replace(found, seconds=0) == replace(expected, seconds=0)


def test_problems_of_several_spaces_are_kept_apart(spec, runner, job, prepared, monkeypatch, tmp_path):
    config = job.config.model_dump(mode="json")
    wide = {**BOTTOM["space"], "expert_layers": [16]}
    configs = [RunConfig.parse(config | {"space": space}) for space in (BOTTOM["space"], "mmoe", wide)]

    def trained_by(runner, k, name):
        one = replace(spec, config=configs[k], whole=False, folder=str(tmp_path / f"{k} {name}"))
        return runner(one, SILENT).metrics

    alone = [trained_by(TrialRunner(REGISTRY, prepared), k, "alone") for k in range(3)]
    opened, problem = [], Job.problem
    monkeypatch.setattr(Job, "problem", lambda *given: opened.append(1) or problem(*given))
    assert [trained_by(runner, k, name) for name in ("first", "again") for k in range(3)] == alone * 2
    assert len({str(metrics) for metrics in alone}) == len(opened) == 3


class Queues(Settings):
    queue: str = "all"


class Queued(Engine[Queues]):
    """Yields the name of its queue and the number of its workers, in place of an executor."""

    def executor(self, run_trial):
        return nullcontext((self.settings.queue, self.workers))


KNOWN = REGISTRY.adding(ENGINES, "queued", Queued)


def test_an_engine_is_named_alone_or_with_settings():
    with executor_of(KNOWN, None, "queued") as made:
        assert made == ("all", None)
    with executor_of(KNOWN, 1, {"name": "queued", "queue": "night"}) as made:
        assert made == ("night", 1)


@pytest.mark.parametrize(
    ("workers", "engine", "text"),
    [(0, None, "0 workers"), (2, {"name": "queued", "queue": 3}, "engine.queue")],
)
def test_wrong_engines_are_errors(workers, engine, text):
    with pytest.raises(UsageError, match=text), executor_of(KNOWN, workers, engine):
        pass
