"""The commands on datasets: list, describe, check, export."""

import re
from pathlib import Path

import pandas as pd
import pytest

from automtl_core.registry.kinds import DATASETS
from automtl_core.registry.plugins import load_registry
from simulated import SIMULATORS

SHOP = """
from automtl_core import hookimpl
from automtl_core.dataset.dataset import BIT, INTEGER, TEXT, Dataset, Label, RawFile, Sparse

class Shop(Dataset):
    version = 1
    fields = (Sparse("user"), Sparse("coupon"))
    labels = (Label("click"),)

    def files(self):
        return {"log": RawFile("log.csv", {"user": INTEGER, "coupon": TEXT, "click": BIT})}

    def rows(self, db):
        return db.table("log")

@hookimpl
def automtl_register_datasets():
    return {"shop": Shop}
"""
BAD = ["x,a,1", "7,a", "8,a,3"]


@pytest.fixture
def shop(install, here):
    """Register the dataset `shop`, whose file has 600 rows and three faulty ones; `coupon` is the label."""
    install(SHOP, "shop")
    rows = [f"{n % 40},c{n * n % 3 % 2},{n * n % 3 % 2}" for n in range(600)]
    path = here / "data/shop/log.csv"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(["user,coupon,click", *rows[:100], *BAD, *rows[100:], ""]))
    return path


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


def warnings(ended):
    return [line for line in ended.err.splitlines() if line.startswith("warning: ")]


def test_preparing_once_is_enough(automtl):
    first = automtl("data", "describe", "synthetic", *SMALL, "--rows", "1", "--json").json()["prepared"]
    again = automtl("data", "describe", "small.yaml", "--rows", "1", "--json").json()["prepared"]
    assert again == {**first, "reused": True}
    assert first == {
        "path": first["path"], "reused": False, "rows": {"train": 800, "validation": 100, "test": 100},
        "fields": 13, "tasks": ["click", "like", "skip", "hide"], "lists": None,
        "rejected": 0, "warnings": [],
    }  # fmt: skip
    assert automtl("data", "describe", "synthetic", *SMALL).out.startswith("prepared\npath      prepared/")


def test_faulty_rows_are_an_error_or_left_out(automtl, shop):
    ended = automtl("data", "describe", "shop", "--rows", "1")
    told = "data/shop/log.csv:102: user: expected an integer"
    assert (ended.code, told in ended.err) == (65, True)
    few, skip = (
        ("--set", f"dataset={{name: shop, bad_rows: skip, max_bad_rows: {most}}}") for most in (2, 3)
    )
    assert automtl("data", "describe", "shop", "--rows", "1", *few).code == 65
    for options, status in ((skip, "warning"), (few, "problem")):
        assert re.search(f"^dataset shop +{status} ", automtl("check", *options).out, re.MULTILINE)
    found = automtl("data", "describe", "shop", "--rows", "1", *skip, "--json")
    assert found.json()["prepared"]["rejected"] == 3
    assert sum(found.json()["prepared"]["rows"].values()) == 600
    (warning,) = warnings(found)
    assert warning.startswith("warning: skipped faulty rows of the raw files: 3, see prepared/shop-")
    assert Path(warning.split()[-1]).read_text().count("\n") == 4
    for command in (("data", "describe", "shop"), ("data", "describe", "shop", "--rows", "3")):
        again = automtl(*command, *skip, "--json")
        assert again.json()["prepared"]["reused"], command
        assert warnings(again) == [warning]
    shop.unlink()
    assert "not found" in automtl("check", *skip).out


def test_a_memory_limit_is_an_amount_that_is_kept(automtl, monkeypatch):
    small = ("data", "describe", "synthetic", "--rows", "1", "--set", "dataset.rows=30000")
    for limit, code in (("512", 2), ("80%", 2), ("1GB; DROP", 2), ("100KB", 71), ("512mib", 0)):
        monkeypatch.setenv("AUTOMTL_MEMORY_LIMIT", limit)
        ended = automtl(*small)
        assert (ended.code, "AUTOMTL_MEMORY_LIMIT" in ended.err) == (code, code != 0), ended.err
        assert Path("prepared").exists() == (code != 2)


def test_sampled_rows_are_raw_values(automtl, shop):
    sample = ("data", "describe", "shop", "--set", "dataset.bad_rows=skip", "--rows")
    rows = automtl(*sample, "40", "--json").json()["rows"]
    assert len(rows) == 40
    assert {row["user"] for row in rows} <= {str(n) for n in range(40)}
    assert all(row["coupon"] == f"c{row['click']}" for row in rows)
    down, across = (automtl(*sample, count).out.splitlines() for count in ("2", "7"))
    assert [line.split()[0] for line in down] == ["column", "user", "coupon", "click"]
    assert across[0].split() == ["user", "coupon", "click"]
    assert len(across) == 8
    assert automtl(*sample, "0").code == 2


OF_SHOP = ("check", "--set", "dataset=shop")


def test_a_check_tells_faulty_rows_and_writes_all_of_them(automtl, shop):
    with shop.open("a") as file:
        file.write("".join(f"bad{n}\n" for n in range(1500)))
    first, every = automtl(*OF_SHOP), automtl(*OF_SHOP, "--out", "bad.csv")
    assert (first.code, every.code) == (78, 78)
    assert 'faulty rows: log.csv:102: user: expected an integer, found "x": "x,a,1"; log.' in first.out
    assert "--set dataset.bad_rows=skip --set dataset.max_bad_rows=1503\n" in every.out
    rows = pd.read_csv("bad.csv")
    assert list(rows["line"][:3]) == [102, 103, 104]
    assert (len(rows), rows["text"].iloc[-1]) == (1503, "bad1499")
    before = Path("bad.csv").read_bytes()
    again = automtl(*OF_SHOP, "--out", "bad.csv")
    assert (again.code, again.out) == (73, "")
    assert Path("bad.csv").read_bytes() == before
    assert sorted(path.name for path in Path().iterdir()) == ["bad.csv", "data", "small.yaml"]


def test_raw_files_are_prepared_and_searched_by_one_command_each(automtl):
    Path("data/qb-video").mkdir(parents=True)
    SIMULATORS["qb-video"](Path("data/qb-video"), 1500, 0)
    prepared = automtl("data", "describe", "qb-video", "--rows", "1", "--json")
    assert prepared.json()["prepared"]["rejected"] == 0
    short = ("--set", "strategy.search_epochs=1", "--set", "training.epochs=1")
    search = automtl("search", "--dataset", "qb-video", "small.yaml", *short, "--json")
    leaks = [line for line in warnings(search) if "alone predicts" in line]
    assert [line.split()[1] for line in leaks] == ["watching_times"]
    others = [line for line in warnings(search) if "validation rows" not in line and line not in leaks]
    assert others == warnings(prepared)
    assert automtl("check", "--set", "dataset=qb-video", "--out", "faulty.csv").code == 0


def test_nothing_that_files_hold_acts_on_a_terminal(automtl, shop):
    payload = "\x1b[31m\x9b0m\u202e\x07[bold]x[/bold]"
    rows = [f"{n % 40},{payload},{n % 2}" for n in range(300)]
    shop.write_text("\n".join(["user,coupon,click", *rows, payload, f"{payload},a,1", ""]))
    skip = ("--set", "dataset.bad_rows=skip")
    describe = ("data", "describe", "shop")
    for command in (
        (*OF_SHOP, "--out", "bad.csv"),
        (*OF_SHOP, "--json"),
        (*OF_SHOP, *skip),
        describe,
        (*describe, *skip),
        (*describe, *skip, "--rows", "5"),
        (*describe, *skip, "--rows", "5", "--json"),
    ):
        ended = automtl(*command)
        printed = ended.out + ended.err
        assert printed
        assert [c for c in printed if not c.isprintable() and c != "\n"] == [], command


def test_the_examples_of_a_dataset_are_a_table_of_ones_own(automtl):
    export = ("data", "export", "synthetic", *SMALL, "--out")
    assert automtl(*export, "t.csv", "--json").json()["rows"] == 1000
    assert automtl(*export, "t.parquet").code == 0
    made = automtl("data", "init", "t.csv", "--json").json()
    assert [column["name"] for column in made["columns"] if column["role"] == "labels"] == ["click", "like"]
    assert automtl("data", "describe", "t.yaml", "--rows", "1", "--json").json()["prepared"]["fields"] == 13
    tested = automtl(*export, "u.csv", "--part", "test", "--without-labels", "--json").json()
    assert tested["rows"] == 100
    assert "click" not in pd.read_csv("u.csv")
    wrong = {("t.csv",): (73, "t.csv"), ("t.txt",): (2, "t.txt"), ("v.csv", "--part", "some"): (2, "--part")}
    for words, (code, named) in wrong.items():
        ended = automtl(*export, *words)
        assert (ended.code, named in ended.err) == (code, True)
    assert not Path("v.csv").exists()
