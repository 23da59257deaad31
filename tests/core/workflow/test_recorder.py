"""Each epoch is saved with the identity of its run; the answer of the listener is passed on."""

import pytest

from automtl_core.disk.state import load_state
from automtl_core.errors import ArtifactError, StorageError
from automtl_core.run_dir.facts import Identity
from automtl_core.run_dir.run import CHECKPOINTS, Run
from automtl_core.training.events import SILENT, EpochEnded, EventHandler, StepEnded, Warned
from automtl_core.workflow.recorder import Recorder

REPORT = EpochEnded("train", 1, {}, {})


class Loop:
    """Counts what it is given."""

    def __init__(self, number):
        self.number = number

    def state_dict(self):
        return {"number": self.number}

    def load_state_dict(self, state):
        self.number = state["number"]


class Enough(EventHandler):
    def step(self, *progress):
        return False

    def epoch(self, report):
        return False


@pytest.fixture
def run(tmp_path):
    run = Run(tmp_path / "run")
    run.path.mkdir()
    for name in ("config.yaml", ".lock"):
        (run.path / name).touch()
    run.write(Identity({"seed": 0}, "data"))
    return run


@pytest.mark.parametrize(("name", "remedy"), [("config.yaml", "restore it"), (".lock", "search --resume")])
def test_a_run_that_cannot_end_is_an_error_at_the_next_epoch(run, name, remedy):
    recorder = Recorder(run, SILENT)
    (run.path / name).unlink()
    with pytest.raises(ArtifactError, match=f"{name}: removed while a process works on the run") as error:
        recorder(REPORT)
    assert remedy in error.value.fix
    assert not (run.path / CHECKPOINTS[0]).exists()


def test_a_folder_that_was_moved_is_an_error_that_says_so(run):
    recorder = Recorder(run, SILENT)
    run.path.rename(run.path.with_name("other"))
    with pytest.raises(StorageError, match="there is no such folder") as error:
        recorder(REPORT)
    assert "put the folder back" in error.value.fix


@pytest.mark.parametrize(("listener", "answer"), [(EventHandler(), True), (Enough(), False)])
def test_the_answer_of_the_listener_is_passed_on(run, listener, answer):
    recorder = Recorder(run, listener)
    recorder.follow("train", Loop(1))
    assert recorder(StepEnded("train", 1, 10, 1, 100)) is answer
    assert recorder(REPORT) is answer


def test_a_loop_is_given_back_what_it_saved_in_its_stage(run):
    recorder = Recorder(run, EventHandler())
    recorder.follow("search", Loop(7))
    recorder(REPORT)
    again = Recorder(run, EventHandler())
    assert again.stage == "search"
    assert again.reports == [REPORT.to_json()] == run.reports()
    loop, later = Loop(0), Loop(0)
    again.follow("search", loop)
    again.follow("train", later)
    assert (loop.number, later.number) == (7, 0)


def test_a_checkpoint_holds_the_identity_of_its_run_and_nothing_that_is_not_read(run):
    recorder = Recorder(run, EventHandler())
    recorder.follow("search", Loop(7))
    recorder(REPORT)
    saved = load_state(run.path / "checkpoint.safetensors")
    assert saved.keys() == {"identity", "stage", "seconds", "state", "reports"}
    assert saved["identity"] == {"settings": {"seed": 0}, "data": "data"}


def test_the_checkpoint_of_another_run_is_refused(run):
    run.save_checkpoint({"identity": {"settings": {"seed": 1}, "data": "data"}, "stage": "search"})
    with pytest.raises(ArtifactError, match=r"belongs to another run: settings\.seed was 0, is 1"):
        Recorder(run, EventHandler())


@pytest.mark.parametrize("state", [{}, {"state": {}}, {"state": None}])
def test_a_state_that_does_not_fit_is_refused(run, state):
    run.save_checkpoint({"identity": run.read(Identity).to_json(), "stage": "search", **state})
    with pytest.raises(ArtifactError, match="the checkpoint does not fit the run"):
        Recorder(run, EventHandler()).follow("search", Loop(1))


def test_a_damaged_checkpoint_is_reported_to_the_user(run):
    recorder = Recorder(run, SILENT)
    recorder(REPORT)
    recorder(REPORT)
    (run.path / CHECKPOINTS[0]).write_bytes(b"")
    heard = []
    Recorder(run, lambda event: heard.append(event) or True)
    [warned] = heard
    assert isinstance(warned, Warned)
    assert CHECKPOINTS[0] in warned.sentence
