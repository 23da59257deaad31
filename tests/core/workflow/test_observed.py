"""A run is observed by the listeners of its configuration, and none of them can end or change it."""

from pathlib import Path

import pytest
from stopping import StopAfter

from automtl_core.errors import UnknownNameError, UsageError
from automtl_core.registry.kinds import LISTENERS
from automtl_core.run_dir.progress import FILE, TEST, Progress
from automtl_core.run_dir.run import Run
from automtl_core.training.events import EpochEnded, PhaseBegan, RunBegan, RunListener, Warned
from automtl_core.workflow import observed as module
from automtl_core.workflow.observed import observed
from automtl_core.workflow.work import Work
from automtl_core.workflow.workflow import Workflow

from .lines import REGISTRY, contents

LAYER = {
    "dataset": {"name": "synthetic", "rows": 600},
    "features": "ids",
    "training": {"epochs": 2, "batch_size": 200, "embedding_decay": 0.01},
    "importance": {"rows": 0},
}
SEEN: list[tuple[str, object]] = []


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


class Missing(RunListener):
    """Lacks its library."""

    @classmethod
    def check(cls):
        raise UsageError("a library is missing", "install it")

    def receive(self, event):
        return


@pytest.fixture
def registry():
    SEEN.clear()
    registry = REGISTRY
    for name, listener in {"notes": Notes, "fails": Fails, "missing": Missing}.items():
        registry = registry.adding(LISTENERS, name, listener)
    return registry


def trained(registry, folder: Path, name: str, events=None, **more) -> Run:
    def hear(event):
        (events if events is not None else []).append(event)
        return True

    flow = Workflow(registry, hear)
    job = flow.model("mmoe", [LAYER, {"prepared_dir": folder / "prepared", **more}])
    return Run.open(flow.search(job, folder, name).path)


def test_listeners_follow_a_run_to_its_test_and_change_no_byte_of_it(registry, tmp_path):
    plain = trained(registry, tmp_path, "plain")
    events: list[object] = []
    run = trained(registry, tmp_path, "listened", events, listeners=["fails", "notes"])
    names = ("architecture.json", "metrics.jsonl", "weights.safetensors", "result.json")
    assert contents(run, names) == contents(plain, names)
    assert not (run.path / FILE).exists()
    kinds = [kind for kind, _ in SEEN]
    assert kinds[0] == "RunBegan"
    assert kinds[-2:] == ["tested", "close"]
    assert kinds.count("EpochEnded") == len(run.reports()) == 2
    warnings = [event.sentence for event in events if isinstance(event, Warned)]
    assert [w for w in warnings if "left out" in w] == [
        "the listener 'fails' of plugin 'script' failed and is left out: ValueError: no connection"
    ]


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [("missing", UsageError, "a library is missing"), ("none", UnknownNameError, "no listener is called")],
)
def test_a_listener_that_cannot_be_used_is_an_error_before_the_run(registry, tmp_path, name, error, message):
    with pytest.raises(error, match=message):
        trained(registry, tmp_path, "run", listeners=[name])
    assert not (tmp_path / "run").exists()


def test_an_interrupted_run_leaves_its_progress_and_continues_with_its_epochs(
    registry, tmp_path, monkeypatch
):
    monkeypatch.setattr(module, "SECONDS", 0.0)
    flow = Workflow(registry, StopAfter(1))
    layers = [LAYER, {"prepared_dir": tmp_path / "prepared", "listeners": ["notes"]}]
    with pytest.raises(KeyboardInterrupt):
        flow.search(flow.model("mmoe", layers), tmp_path, "run")
    progress = Progress.read(tmp_path / "run")
    assert progress is not None
    assert (progress.phase, progress.epoch) == ("train", 1)
    kind, error = SEEN[-1]
    assert (kind, type(error)) == ("close", KeyboardInterrupt)
    SEEN.clear()
    Workflow(registry).resume(tmp_path / "run")
    (_, began), *_ = SEEN
    assert isinstance(began, RunBegan)
    assert [report.epoch for report in began.reports] == [1]


def test_the_answer_is_that_of_the_main_listener(registry, tmp_path):
    run = trained(registry, tmp_path, "run")
    flow = Workflow(registry)
    job = flow.model("mmoe", [LAYER, {"prepared_dir": tmp_path / "prepared"}])
    work = Work(job, run, job.prepare(), lambda event: False)
    with observed(work, PhaseBegan(TEST)) as stream:
        assert stream(Warned("x")) is False
