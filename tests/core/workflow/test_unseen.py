"""New rows that no choice of a run has seen."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from automtl_core.errors import DataError
from automtl_core.raw.sql import Times
from automtl_core.run_dir.facts import Data, Refreshed
from automtl_core.system.documents import sha256
from automtl_core.workflow.unseen import check_unseen, newest_seen, time_column, unseen_files


@dataclass
class Rows:
    """Stands for a reader of new rows."""

    examples: object
    time: str | None = None


class Dataset:
    time, time_column = "at", None


class Run:
    """Stands for a run with times of its parts, and perhaps a refresh."""

    path = Path("runs/mine")

    def __init__(self, times=None, raw=(), refreshed=None):
        of_files = {f"{n}.csv": {"bytes": 1, "sha256": digest} for n, digest in enumerate(raw)}
        self.data = Data("shop", 1, {}, of_files, "f", {}, {}, times=times or {})
        self.refreshed = refreshed

    def read(self, fact):
        return self.data

    def get(self, fact):
        return self.refreshed


TIMES = {"train": (0.0, 100.0), "validation": (101.0, 120.0), "test": (121.0, 140.0)}


def at(*times):
    return Times("number", np.array(times))


@pytest.mark.parametrize(
    ("refreshed", "newest"),
    [(None, 120.0), (Refreshed("runs/old", 9, 150.0), 150.0), (Refreshed("runs/old", 9), 120.0)],
)
def test_rows_are_later_than_all_that_trained_chose_or_refreshed(refreshed, newest):
    run = Run(TIMES, refreshed=refreshed)
    assert newest_seen(run) == newest
    assert check_unseen(run, Rows("new.csv", "at"), at(newest + 1, newest + 20))
    with pytest.raises(DataError, match=rf"1 of 3 rows are not later than at {newest:g}, the newest row"):
        check_unseen(run, Rows("new.csv", "at"), at(newest, newest + 1, newest + 20))


def test_times_of_another_unit_are_refused():
    with pytest.raises(DataError, match="go from 90 to 100, and those of the new rows"):
        check_unseen(Run({**TIMES, "train": (90.0, 100.0)}), Rows("new.csv", "at"), at(130e3, 140e3))


def test_without_times_files_of_a_run_are_refused_and_others_are_not_certain(tmp_path):
    for name in ("seen.csv", "later.csv", "new.csv"):
        (tmp_path / name).write_text(name)
    digests = {name: str(sha256(tmp_path / name)) for name in ("seen.csv", "later.csv", "new.csv")}
    run = Run(raw=[digests["seen.csv"]], refreshed=Refreshed("runs/old", 1, files=(digests["later.csv"],)))
    assert not check_unseen(run, Rows(tmp_path / "new.csv"), None)
    assert unseen_files(run, Rows(tmp_path / "new.csv")) == [digests["new.csv"]]
    for name in ("seen.csv", "later.csv"):
        with pytest.raises(DataError, match=f"{name}: runs/mine has seen this file"):
            check_unseen(run, Rows(tmp_path / name), None)
    assert unseen_files(run, Rows({"a": [1]})) == []


def test_times_are_read_where_the_split_is_by_time():
    reading = Rows("new.csv")
    reading.dataset = Dataset()
    assert time_column(Run(TIMES), reading) == "at"
    assert time_column(Run(), reading) is None
