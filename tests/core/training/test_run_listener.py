"""A listener needs one method; the others do nothing."""

import pytest

from automtl_core.training.events import RunListener, Warned


class Keeps(RunListener):
    def receive(self, event):
        self.last = event


def test_a_listener_knows_its_run_and_needs_one_method(tmp_path):
    listener = Keeps(tmp_path, {"seed": 3})
    listener.receive(Warned("x"))
    assert (listener.run, listener.settings, listener.last) == (tmp_path, {"seed": 3}, Warned("x"))
    assert (listener.check(), listener.tested({}), listener.close(None)) == (None, None, None)


def test_without_that_method_there_is_no_listener(tmp_path):
    with pytest.raises(TypeError, match="receive"):
        RunListener(tmp_path, {})  # type: ignore[abstract]
