"""The processes of a data-parallel job agree, and the first one alone changes files."""

import time

import pytest

from automtl_core.errors import OutOfMemoryError, RunInUseError
from automtl_core.system import distributed
from automtl_core.system.distributed import agreed, first, muted, shared_listener
from automtl_core.system.files import make_folder, remove_folder, write_atomic

from .job_of_processes import results_of


def together(folder):
    """Let both processes do everything that the first one does for both."""
    rank, calls, seen = distributed.rank(), [], []
    file = folder / "sub" / "file"
    make_folder(file.parent)
    there = [file.exists()]
    time.sleep(0.2 * rank)  # the first process must wait before it writes
    there.append(file.exists())
    write_atomic(file, b"one of %d" % rank)
    there.append(file.read_bytes())

    def fail():
        calls.append(rank)
        write_atomic(file, b"within")  # alone, since the others do not call it
        raise RunInUseError("taken", "wait")

    with pytest.raises(RunInUseError, match="taken") as caught:
        first(fail)
    listener = shared_listener(lambda event: seen.append(event) or event < 2)
    answers = [listener(number) for number in range(3)]
    value = agreed(time.monotonic() + rank)
    remove_folder(file.parent)
    return there, caught.value.fix, calls, answers, seen, value, file.exists()


def test_the_first_process_acts_for_both(tmp_path):
    one, other = results_of(lambda: together(tmp_path), 2)
    assert one[0] == other[0] == [False, False, b"one of 0"]
    assert one[1] == other[1] == "wait"
    assert (one[2], other[2]) == ([0], [])
    assert one[3] == other[3] == [True, True, False]
    assert (one[4], other[4]) == ([0, 1, 2], [])
    assert one[5:] == other[5:]
    assert not one[6]


def printed():
    with muted():
        print("hello")
    with pytest.raises(OutOfMemoryError), muted():
        raise OutOfMemoryError("own", "fix")
    with pytest.raises((SystemExit, RunInUseError)) as end, muted():
        raise RunInUseError("common", "fix")
    return type(end.value).__name__, getattr(end.value, "code", None)


def test_errors_that_all_processes_have_are_printed_once(capfd):
    assert results_of(printed, 2) == [("RunInUseError", None), ("SystemExit", 75)]
    assert capfd.readouterr().out == "hello\n"


def test_without_a_job_nothing_changes():
    def listener(event):
        return True

    assert shared_listener(listener) is listener
    assert first(lambda: 3) == 3
    assert agreed(4) == 4
    assert not distributed.asked()


def broken():
    with muted():
        first(lambda: [][1])


def test_an_error_of_the_first_process_is_not_reported_twice():
    with pytest.raises(AssertionError) as caught:
        results_of(broken, 2)
    assert "IndexError: list index out of range" in str(caught.value)
    assert "SystemExit: 1" in str(caught.value)
