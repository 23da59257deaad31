"""Code of plugins cannot end the program, and what it must not change comes back."""

import os
import signal
import threading

import pytest
import torch

from automtl_core.registry.door import plugin_code


def test_what_plugins_must_not_change_comes_back(tmp_path, capsys):
    folder, handler = os.getcwd(), signal.getsignal(signal.SIGTERM)
    with plugin_code():
        print("hello")
        os.chdir(tmp_path)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        torch.set_default_dtype(torch.float64)
    assert (os.getcwd(), signal.getsignal(signal.SIGTERM)) == (folder, handler)
    assert torch.get_default_dtype() == torch.float32
    assert tuple(capsys.readouterr()) == ("", "hello\n")


def test_it_comes_back_after_an_error_too(tmp_path):
    folder = os.getcwd()

    def plugin():
        os.chdir(tmp_path)
        raise SystemExit

    with pytest.raises(SystemExit), plugin_code():
        plugin()
    assert os.getcwd() == folder


def test_an_interrupt_that_a_plugin_raises_is_its_fault():
    def plugin():
        raise KeyboardInterrupt

    with pytest.raises(RuntimeError, match="it raises KeyboardInterrupt"), plugin_code():
        plugin()


@pytest.mark.parametrize("handled", [True, False])
def test_an_interrupt_by_a_signal_passes(handled):
    def raising(number, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, raising if handled else signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), plugin_code():
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_leave_handlers_alone():
    faults = []

    def work():
        try:
            with plugin_code():
                pass
        except BaseException as error:
            faults.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert faults == []
