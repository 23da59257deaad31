"""Code of plugins cannot end the program, and the state that it must not change is restored."""

import os
import signal
import threading

import pytest
import torch

from automtl_core.process_state import kept_state, plugin_code


def now():
    return os.getcwd(), signal.getsignal(signal.SIGTERM), torch.get_default_dtype(), torch.is_grad_enabled()


def change():
    os.chdir("/")
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)


def test_the_state_is_restored_after_an_error_too():
    before = now()
    with pytest.raises(ValueError, match="no"), kept_state():
        raise ValueError(change() or "no")
    assert now() == before


def test_another_thread_leaves_the_handlers_of_signals_alone():
    before, ended = now(), []

    def work():
        with plugin_code():
            os.chdir("/")
        ended.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ended
    assert now() == before


def test_a_removed_folder_ends_nothing(tmp_path, monkeypatch):
    folder = tmp_path / "removed"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with kept_state():
        folder.rmdir()
        os.chdir(tmp_path)
    assert os.getcwd() == str(tmp_path), "there is no way back"
    folder.mkdir()
    os.chdir(folder)
    folder.rmdir()
    with kept_state():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    assert signal.getsignal(signal.SIGTERM) != signal.SIG_IGN


def test_output_of_a_plugin_goes_to_standard_error_and_its_exit_passes(capsys):
    def plugin():
        print("hello")
        change()
        raise SystemExit

    before = now()
    with pytest.raises(SystemExit), plugin_code():
        plugin()
    assert now() == before
    assert tuple(capsys.readouterr()) == ("", "hello\n")


def test_a_plugin_that_raises_an_interrupt_fails():
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
