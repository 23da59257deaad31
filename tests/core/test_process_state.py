"""What code of plugins must not change is restored."""

import os
import signal
import threading

import pytest
import torch

from automtl_core.process_state import kept_state


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
        with kept_state():
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
