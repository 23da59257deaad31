"""The ledger of test rows: each network is in it once, whoever writes, and however a writer ends."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from finished_runs import REGISTRY

from automtl_core.data.store import Prepared
from automtl_core.run_dir.facts import Result, Status
from automtl_core.run_dir.looks import (
    FOLDER,
    Look,
    ScoredBefore,
    ledger,
    look,
    look_of,
    look_of_predictions,
    looks_of,
    scored_before,
)
from automtl_core.run_dir.record import read_record
from automtl_core.run_dir.run import Run
from automtl_core.workflow.workflow import Workflow

LABELS = np.array([[1, 0], [0, np.nan]], np.float32)
A, A2, B, C = Look("a", "a1"), Look("a", "a2"), Look("b", "b1", "x"), Look("c", "c1", "x")


def test_rows_are_known_by_their_labels(tmp_path):
    book = ledger(tmp_path, LABELS)
    assert book.parent == tmp_path / FOLDER
    assert ledger(tmp_path, LABELS.copy()) == book
    assert ledger(tmp_path, LABELS.astype(np.float64)) == book
    assert len({book, ledger(tmp_path, LABELS[::-1]), ledger(tmp_path, LABELS.reshape(1, 4))}) == 3


def test_a_network_is_added_once(tmp_path):
    book = ledger(tmp_path, LABELS)
    assert looks_of(book) == []
    look(book, [A, A])
    look(book, [B, A])
    content = book.read_bytes()
    look(book, [A, B])
    assert book.read_bytes() == content
    assert looks_of(book) == [A, B]


def test_a_line_that_a_killed_process_did_not_end_is_left_out(tmp_path):
    book = ledger(tmp_path, LABELS)
    look(book, [A])
    book.write_bytes(book.read_bytes() + b'{"decisions": "", "mod')
    assert looks_of(book) == [A]
    look(book, [A2])
    look(book, [B])
    assert looks_of(book) == [A, A2, B]
    whole = book.read_bytes()
    book.write_bytes(b'\xff\n[]\n{"model": 1}\n' + whole[:-1])  # a last line that lacks its end alone
    look(book, [C])
    assert looks_of(book) == [A, A2, B, C]


WRITER = """
import sys
from pathlib import Path
from automtl_core.run_dir.looks import Look, look
sys.stdin.readline()
for number in range(40):
    look(Path(sys.argv[1]), [Look("shared", str(number)), Look(sys.argv[2], str(number))])
"""


def test_processes_that_write_at_the_same_time_lose_no_look(tmp_path):
    book = ledger(tmp_path, LABELS)
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, book, str(n)], stdin=subprocess.PIPE, text=True)
        for n in range(4)
    ]
    for writer in writers:
        writer.stdin.write("\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    lines = book.read_text().splitlines()
    assert len(lines) == len({*lines}) == 5 * 40
    assert {(one.model, one.network) for one in looks_of(book)} == {
        (model, str(number)) for model in ("shared", *"0123") for number in range(40)
    }


def test_a_folder_that_cannot_be_written_is_a_warning(tmp_path, caplog):
    (tmp_path / FOLDER).write_text("a file")
    look(ledger(tmp_path, LABELS), [A])
    assert "a look at the test rows was not recorded" in caplog.text
    assert looks_of(ledger(tmp_path, LABELS)) == []


def test_models_that_were_scored_before_are_others(tmp_path):
    book = ledger(tmp_path, LABELS)
    look(book, [A, A2, B])
    assert scored_before({book: [B]}) == ScoredBefore(1, 2)
    assert scored_before({book: [A2]}) == ScoredBefore()  # one of its own was before, and B later
    assert scored_before({book: [Look("d", "d1")]}) == ScoredBefore()  # its own look could not be recorded
    look(book, [C])
    assert scored_before({book: [C]}) == ScoredBefore(1, 2)  # B found the architecture of C
    assert scored_before({book: [B]}) == ScoredBefore(1, 2)  # a later look changes nothing
    other = ledger(tmp_path, LABELS[::-1])
    look(other, [A, B])
    assert scored_before({book: [B], other: [B]}) == ScoredBefore(1, 3)
    assert ScoredBefore(1, 3).words == "1 other model was scored on these test rows before (3 trainings)"
    assert ScoredBefore(2, 2).words.startswith("2 other models were")


def test_predictions_of_another_system_are_known_by_their_values():
    one, other = look_of_predictions(LABELS), look_of_predictions(-LABELS)
    assert one == look_of_predictions(LABELS.copy()) != other


@pytest.fixture
def tested(small, tmp_path):
    """Return a tested run, its ledger, and a function that tests another job on the same rows."""
    flow = Workflow(REGISTRY)

    def run(name, **changes):
        return Run.open(flow.search(small(**changes), tmp_path / "runs", name).path)

    first = run("first")
    (prepared,) = (tmp_path / "prepared").glob("synthetic-*")
    return first, ledger(tmp_path / "prepared", Prepared.open(prepared).part("test").labels), run


def test_a_test_is_a_look_and_a_repeated_one_is_not(tested):
    first, book, _ = tested
    assert first.read(Result).looks == book.name
    assert looks_of(book) == [look_of(first)]
    content = book.read_bytes()
    assert Workflow(REGISTRY).evaluate(first.path).repeats
    assert book.read_bytes() == content
    book.unlink()  # as for a run that was tested elsewhere
    Workflow(REGISTRY).evaluate(first.path)
    assert book.read_bytes() == content


def test_a_removed_run_stays_in_the_ledger_and_an_equal_one_is_no_other(tested):
    first, book, run = tested
    look_of_first = look_of(first)
    shutil.rmtree(first.path)
    second = run("second")
    assert looks_of(book) == [look_of_first] == [look_of(second)]
    third = run("third", seed=5)
    assert looks_of(book) == [look_of_first, look_of(third)]
    assert look_of(third).model == look_of_first.model != look_of(third).network
    record = read_record(third.path, REGISTRY)
    assert record.looks == looks_of(book)


def test_a_test_that_was_killed_before_its_result_is_one_look(tested):
    first, book, _ = tested
    stored = json.loads((first.path / "result.json").read_text())
    assert stored["test"]
    first.write(Result(**{**vars(first.read(Result)), "test": None, "looks": None}))
    content = book.read_bytes()
    first.write(Status("stopped"))
    Workflow(REGISTRY).resume(first.path)
    assert first.read(Result).looks == book.name
    assert book.read_bytes() == content
