"""The faults of a listener are reported by its contract test."""

import pytest

from automtl_core.training.events import EpochEnded, RunListener
from automtl_testing import check_listener


class Good(RunListener):
    """Keeps the number of epochs in a folder of its own."""

    def receive(self, event):
        (self.run / "good").mkdir(exist_ok=True)
        if isinstance(event, EpochEnded):
            (self.run / "good" / "epochs").write_text(str(event.epoch))


class Scatters(RunListener):
    def receive(self, event):
        (self.run / "notes.txt").write_text("")


class Overwrites(RunListener):
    def receive(self, event):
        return

    def tested(self, metrics):
        (self.run / "result.json").write_text("mine")


class Several(RunListener):
    def receive(self, event):
        for name in "ab":
            (self.run / name).mkdir(exist_ok=True)


class Links(RunListener):
    def receive(self, event):
        (self.run / "own").mkdir(exist_ok=True)
        if not (self.run / "own" / "link").is_symlink():
            (self.run / "own" / "link").symlink_to(self.run / "result.json")


def test_a_listener_that_keeps_the_contract():
    check_listener(Good)


@pytest.mark.parametrize(
    ("listener", "fault"),
    [
        (Scatters, r"in a subfolder: .*notes\.txt"),
        (Overwrites, "must not change the files"),
        (Several, "in one subfolder"),
        (Links, "no links"),
    ],
)
def test_a_fault_is_named(listener, fault):
    with pytest.raises(AssertionError, match=fault):
        check_listener(listener)
