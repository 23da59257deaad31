"""The tables of public packages: labels and fields from rows of the same layout."""

from pathlib import Path

import pandas as pd

from automtl_core.disk.strict_yaml import read_yaml
from automtl_core.registry.plugins import load_registry
from automtl_core.workflow.workflow import Workflow
from public_tables import GENRES, flights, lectures, movies, write


def of_flights() -> pd.DataFrame:
    rows = [
        ("JFK", 20.0, 30.0),  # late twice
        ("LGA", 0.0, 0.0),  # another airport
        ("JFK", 20.0, 0.0),  # made up in the air
        ("JFK", None, None),  # cancelled
        ("JFK", 0.0, None),  # diverted
    ]
    frame = pd.DataFrame(rows, columns=["origin", "dep_delay", "arr_delay"])
    return frame.assign(
        carrier="AA", tailnum="N1", dest="MIA", flight=1, month=1, hour=5, distance=1000,
        sched_dep_time=530, sched_arr_time=845,
        time_hour=[f"2013-01-0{day}T10:00:00Z" for day in (1, 1, 2, 3, 4)],
    )  # fmt: skip


def test_only_flights_that_arrived_have_labels() -> None:
    table = flights(of_flights())
    assert list(table.rows.late_departure) == [1, 1]
    assert list(table.rows.late_arrival) == [1, 0]
    assert list(table.rows.made_up) == [0, 1]
    assert list(table.rows.scheduled_minutes) == [195, 195]
    assert list(table.rows.time) == [1357034400, 1357120800]
    assert not {"dep_delay", "arr_delay"} & {*table.settings["sparse"], *table.settings["dense"]}


def test_marks_become_labels() -> None:
    fields = dict.fromkeys(("d", "studage", "lectage", "service", "dept"), 2)
    rows = pd.DataFrame({"s": [1, 2], **fields, "y": [5, 1]})
    table = lectures(rows)
    assert table.rows[["best", "good", "poor"]].to_numpy().tolist() == [[1, 1, 0], [0, 0, 1]]
    assert "y" not in table.rows


def test_the_configuration_reads_the_rows(tmp_path: Path) -> None:
    numbers = {name: range(40) for name in ("year", "length", "budget", "rating", "votes")}
    ratings = {f"r{k}": 4.5 for k in range(1, 11)}
    genres = dict.fromkeys(GENRES, [0, 1] * 20)
    write({"movies": movies(pd.DataFrame({**numbers, **ratings, "mpaa": None, **genres}))}, tmp_path)
    layer = {**read_yaml(tmp_path / "movies.yaml"), "prepared_dir": str(tmp_path / "prepared")}
    flow = Workflow(load_registry())
    prepared = flow.prepare(flow.model("mmoe", [layer]))
    assert [task.name for task in prepared.schema.tasks] == GENRES
    assert [field.name for field in prepared.schema.dense][:2] == ["year", "length"]
