"""The commands on datasets: list, prepare, describe, validate, export."""

import csv
import json
from pathlib import Path

import pandas as pd
import pytest

from automtl_core.registry.kinds import DATASETS
from automtl_core.registry.plugins import load_registry
from simulated import SIMULATORS


@pytest.mark.parametrize("name", load_registry().names(DATASETS))
def test_every_dataset_can_be_shown(automtl, name):
    found = automtl("list", "datasets", name, "--json").json()
    adapter = load_registry().get(DATASETS, name)
    assert found["description"].startswith(load_registry().describe(DATASETS, name))
    assert found["preparation"] == adapter.preparation
    shown = automtl("list", "datasets", name)
    assert (shown.code, r"\n" in shown.out) == (0, False), shown.err
    for file in found["files"].values():
        assert file["found"] == 0
        assert f"\n{file['path']} (missing)" in shown.out


SMALL = ("--set", "dataset.rows=1000")
SIMULATED = {"userbehavior": 20_000, "ijcai15": 10_000, "kuairand": 1500, "qb-video": 1500, "aliccp": 800}
"""Dataset -> rows to simulate, for each label to be there."""


def warnings(ended):
    return [line for line in ended.err.splitlines() if line.startswith("warning: ")]


def test_preparing_once_is_enough(automtl):
    first = automtl("data", "prepare", "synthetic", *SMALL, "--json").json()
    again = automtl("data", "prepare", "synthetic", "--config", "small.yaml", "--json").json()
    assert again == {**first, "reused": True}
    assert first == {
        "path": first["path"], "reused": False, "rows": {"train": 800, "validation": 100, "test": 100},
        "fields": 13, "tasks": ["click", "like", "skip", "hide"], "lists": None,
        "rejected": 0, "warnings": [],
    }  # fmt: skip
    assert automtl("data", "prepare", "synthetic", *SMALL).out.startswith("prepared\npath      prepared/")


def test_faulty_rows_are_an_error_or_left_out(automtl, shop):
    ended = automtl("data", "prepare", "shop")
    assert ended.code == 65
    assert "data/shop/log.csv:102: user: expected an integer" in ended.err
    assert "--set dataset.bad_rows=skip" in ended.err
    few = automtl(
        "data", "prepare", "shop", "--set", "dataset.bad_rows=skip", "--set", "dataset.max_bad_rows=2"
    )
    assert few.code == 65
    skip = ("--set", "dataset.bad_rows=skip", "--set", "dataset.max_bad_rows=3")
    found = automtl("data", "prepare", "shop", *skip, "--json")
    assert found.json()["rejected"] == 3
    assert sum(found.json()["rows"].values()) == 600
    (warning,) = warnings(found)
    assert warning.startswith("warning: skipped faulty rows of the raw files: 3, see prepared/shop-")
    assert Path(warning.split()[-1]).read_text().count("\n") == 4
    for command in (
        ("data", "prepare", "shop"),
        ("data", "describe", "shop"),
        ("data", "describe", "shop", "--rows", "3"),
    ):
        again = automtl(*command, *skip, "--json")
        about = again.json()
        assert about.get("prepared", about)["reused"], command
        assert warnings(again) == [warning]


@pytest.mark.parametrize("limit", ["much", "512", "0GB", "-1GB", "80%", "1GB; DROP"])
def test_a_memory_limit_is_an_amount(automtl, monkeypatch, limit):
    monkeypatch.setenv("AUTOMTL_MEMORY_LIMIT", limit)
    for command in (("data", "prepare", "synthetic", *SMALL), ("search", "--config", "small.yaml")):
        ended = automtl(*command)
        assert (ended.code, ended.out) == (2, "")
        assert f"AUTOMTL_MEMORY_LIMIT: {limit!r} is no amount of memory" in ended.err
    assert not Path("prepared").exists()


def test_a_memory_limit_is_kept(automtl, monkeypatch, tmp_path):
    small = ("data", "prepare", "synthetic", "--set", "dataset.rows=30000")
    monkeypatch.setenv("AUTOMTL_MEMORY_LIMIT", "100KB")
    ended = automtl(*small)
    assert ended.code == 71, ended.err
    assert "fix: allow more memory by AUTOMTL_MEMORY_LIMIT" in ended.err
    assert automtl("search", "--set", "dataset.rows=30000").code == 71
    monkeypatch.setenv("AUTOMTL_MEMORY_LIMIT", "512mib")
    assert automtl(*small).code == 0


def test_sampled_rows_are_raw_values(automtl, shop):
    raw = pd.read_csv(shop, dtype=str).dropna()
    rows = automtl(
        "data", "describe", "shop", "--rows", "40", "--set", "dataset.bad_rows=skip", "--json"
    ).json()["rows"]
    assert len(rows) == 40
    for row in rows:
        assert row["coupon"] == f"c{row['click']}"
        assert row["user"] in set(raw["user"])
    down = automtl(
        "data", "describe", "shop", "--set", "dataset.bad_rows=skip", "--rows", "2"
    ).out.splitlines()
    assert [line.split()[0] for line in down] == ["column", "user", "coupon", "click"]
    across = automtl(
        "data", "describe", "shop", "--set", "dataset.bad_rows=skip", "--rows", "7"
    ).out.splitlines()
    assert across[0].split() == ["user", "coupon", "click"]
    assert len(across) == 8
    assert automtl("data", "describe", "shop", "--rows", "0").code == 2


def test_validating_tells_every_faulty_row(automtl, shop):
    ended = automtl("data", "validate", "shop")
    assert ended.code == 65
    assert "error: faulty rows: 3 of 603, and 0 are allowed" in ended.err
    assert "--set dataset.bad_rows=skip --set dataset.max_bad_rows=3" in ended.err
    lines = ended.out.splitlines()
    assert lines[0].split() == ["file", "records", "accepted", "rejected"]
    assert lines[1].split() == ["log.csv", "603", "600", "3"]
    assert lines[3:] == [
        'log.csv:102: user: expected an integer, found "x": "x,a,1"',
        'log.csv:103: expected 3 columns, found 2: "7,a"',
        'log.csv:104: click: expected 0 or 1, found "3": "8,a,3"',
    ]


def test_all_faulty_rows_are_written_down(automtl, shop):
    with shop.open("a") as file:
        file.write("".join(f"bad{n}\n" for n in range(1500)))
    ended = automtl("data", "validate", "shop")
    assert ended.out.splitlines()[-1] == "and 1,483 more; --out FILE writes all of them"
    found = json.loads(automtl("data", "validate", "shop", "--out", "bad.csv", "--json").out)
    assert (found["records"], found["accepted"], found["rejected"]) == (2103, 600, 1503)
    assert len(found["faults"]) == 1000
    with Path("bad.csv").open(newline="") as written:
        rows = list(csv.DictReader(written))
    assert [row["line"] for row in rows[:3]] == ["102", "103", "104"]
    assert rows[-1]["text"] == "bad1499"
    assert len(rows) == 1503
    before = Path("bad.csv").read_bytes()
    again = automtl("data", "validate", "shop", "--out", "bad.csv")
    assert (again.code, again.out) == (73, "")
    assert Path("bad.csv").read_bytes() == before
    assert sorted(path.name for path in Path().iterdir()) == ["bad.csv", "data", "small.yaml"]


def test_files_that_are_missing_or_of_another_form(automtl, shop):
    shop.write_text("user;coupon;click\n1;a;0\n")
    ended = automtl("data", "validate", "shop", "--set", "dataset.bad_rows=skip")
    assert ended.code == 65
    assert "data/shop/log.csv:1: semicolons" in ended.err
    shop.unlink()
    ended = automtl("data", "validate", "shop")
    assert (ended.code, ended.out) == (66, "")
    assert automtl("data", "validate", "synthetic").code == 2


@pytest.mark.parametrize(("name", "rows"), SIMULATED.items())
def test_raw_files_are_prepared_and_searched_by_one_command_each(automtl, name, rows):
    Path("data", name).mkdir(parents=True)
    SIMULATORS[name](Path("data", name), rows, 0)
    prepared = automtl("data", "prepare", name, "--json")
    assert prepared.json()["rejected"] == 0
    short = ("--set", "strategy.search_epochs=1", "--set", "training.epochs=1")
    search = automtl("search", "--dataset", name, "--config", "small.yaml", *short, "--json")
    leaks = [line for line in warnings(search) if "alone predicts" in line]
    assert [line.split()[1] for line in leaks] == (["watching_times"] if name == "qb-video" else [])
    others = [line for line in warnings(search) if "validation rows" not in line and line not in leaks]
    assert others == warnings(prepared)
    assert Path(search.json()["run"], "result.json").exists()
    assert automtl("data", "validate", name).code == 0


def test_the_examples_of_a_dataset_are_a_table_of_ones_own(automtl):
    export = ("data", "export", "synthetic", *SMALL, "--out")
    assert automtl(*export, "t.csv").out == "t.csv: 1,000 rows of synthetic\n"
    assert automtl(*export, "t.parquet", "--json").json()["rows"] == 1000
    made = automtl("data", "init", "t.csv", "--json").json()
    assert [column["name"] for column in made["columns"] if column["role"] == "labels"] == ["click", "like"]
    assert automtl("data", "prepare", "table", "--config", "t.yaml", "--json").json()["fields"] == 13
    again, unknown = automtl(*export, "t.csv"), automtl(*export, "t.txt")
    assert (again.code, unknown.code) == (73, 2)
    assert "t.csv: exists already" in again.err
    assert "t.txt: the extension is not one of .csv, .parquet" in unknown.err


def test_nothing_that_files_hold_acts_on_a_terminal(automtl, shop):
    payload = "\x1b[31m\x9b0m\u202e\x07[bold]x[/bold]"
    rows = [f"{n % 40},{payload},{n % 2}" for n in range(300)]
    shop.write_text("\n".join(["user,coupon,click", *rows, payload, f"{payload},a,1", ""]))
    skip = ("--set", "dataset.bad_rows=skip")
    commands = (("validate",), ("validate", "--json"), ("validate", *skip), ("prepare",), ("describe", *skip))
    for command in (
        *commands,
        ("describe", *skip, "--rows", "5"),
        ("describe", *skip, "--rows", "5", "--json"),
    ):
        ended = automtl("data", command[0], "shop", *command[1:])
        printed = ended.out + ended.err
        assert printed
        assert [c for c in printed if not c.isprintable() and c != "\n"] == [], command


def test_rows_of_a_part_are_exported_whatever_the_split(automtl):
    timed = ("data", "export", "synthetic", "--set", "dataset.kind=history", "--set", "dataset.rows=1000")
    told = automtl(*timed, "--out", "t.csv", "--part", "test", "--without-labels")
    assert told.out == "t.csv: 100 rows of synthetic\n"
    assert not {"click", "like", "cart", "buy"} & {*Path("t.csv").read_text().splitlines()[0].split(",")}
    drawn = automtl("data", "export", "synthetic", *SMALL, "--out", "u.csv", "--part", "train")
    assert drawn.out == "u.csv: 800 rows of synthetic\n"
    wrong = automtl(*timed, "--out", "v.csv", "--part", "some")
    assert (wrong.code, "--part some: no such part" in wrong.err) == (2, True)
    assert not Path("v.csv").exists()
