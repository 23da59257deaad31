"""Rows that a run has seen are known by their values, whatever file or frame they come in."""

import contextlib
import json
from itertools import product

import duckdb
import numpy as np
import pandas as pd
import pytest

import automtl
from automtl_cli.app import run
from automtl_cli.errors import Stop
from automtl_core.errors import DataError
from automtl_core.run_dir.facts import Data, Refreshed
from automtl_core.run_dir.run import Run

pytestmark = pytest.mark.filterwarnings("ignore:.* are left out", "ignore:id")
OLD, ALL = 2000, 2600
SETTINGS = """
dataset:
  name: table
  files: the same.csv
  sparse: {{id: text, user: integer}}
  dense: {{price: {{}}}}
  multi: {{tags: '|'}}
  labels: [click]
  user: user
  time: at
  split: {split}
features: {{numbers: standard, aggregates: [user], history: []}}
training: {{epochs: 1}}
data_dir: .
"""
SPLITS = ("random", "user", "time")
ACTIONS = ("evaluate", "refresh", "update")


def table():
    """Return rows in the order of their times, whose labels are coins; each has an id of its own."""
    random = np.random.default_rng(0)
    tags = ["|".join(sorted(random.choice(list("abc"), random.integers(0, 3), False))) for _ in range(ALL)]
    price = np.round(random.gamma(2, 5, ALL), 2)
    price[::20] = np.nan
    at = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(ALL) // 3, unit="h")
    columns = {"id": [f"r{n}" for n in range(ALL)], "user": random.integers(0, 90, ALL), "price": price}
    return pd.DataFrame({**columns, "tags": tags, "at": at, "click": random.integers(0, 2, ALL)})


ROWS = table()
FORMS = {
    "the same": ROWS[:OLD],
    "grown by a line": ROWS[: OLD + 1],
    "in another order": ROWS[:OLD].sample(frac=1, random_state=0),
    "half overlapping": ROWS[OLD // 2 :],
    "tabs": ROWS,
    "parquet": ROWS.astype({"price": "float32"}),
    "frame": ROWS,
}
ENDINGS = {"tabs": ".tsv", "parquet": ".parquet"}


def folder_of(run):
    return Run.open(run.path)


def command(*arguments):
    """Run a command, and return its exit code."""
    return run([str(one) for one in arguments], Stop())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with a run for each kind of split, and rows in several forms."""
    path = tmp_path_factory.mktemp("unseen")
    with contextlib.chdir(path):
        for name, rows in FORMS.items():
            rows.to_csv(f"{name}.csv", index=False)
        ROWS.to_csv("tabs.tsv", index=False, sep="\t")
        duckdb.from_df(FORMS["parquet"]).write_parquet("parquet.parquet")
        for split in SPLITS:
            (path / f"{split}.yaml").write_text(SETTINGS.format(split=split))
            settings = f"{split}.yaml"
            command("train", "--model", "shared-bottom", settings, "--name", split)
            for part in ("train", "validation", "test"):
                command("data", "export", settings, "--part", part, "--out", f"{split}-{part}.csv")
    return path


def expected(folder, split, form, action):
    """Return the ids of the rows of a form that are new."""
    parts = {p: {*pd.read_csv(folder / f"{split}-{p}.csv")["id"]} for p in ("train", "validation", "test")}
    assert sum(map(len, parts.values())) == OLD == len(set.union(*parts.values()))
    chosen = {"evaluate": 2, "refresh": 2 if split == "time" else 1, "update": 3}[action]
    seen = set.union(*list(parts.values())[:chosen])
    rows = FORMS[form]
    if split == "time" and action != "evaluate":
        return {*rows["id"][rows["at"] > ROWS["at"][ROWS["id"].isin(seen)].max()]}
    return {*rows["id"]} - seen


def counted(folder, split, form, action, capsys):
    """Return the number of rows that an action used, 0 where it says that none is new."""
    one, file, out = f"runs/{split}", f"{form}{ENDINGS.get(form, '.csv')}", f"runs/{split} {form} {action}"
    if form == "frame":
        loaded = automtl.load(one)
        if action == "evaluate":
            return int(loaded.evaluate(ROWS)["rows"].iloc[0])
        getattr(loaded, action)(ROWS, out)
    else:
        how = {
            "evaluate": ("evaluate", one, file),
            "refresh": ("update", "--refresh", one, file, "--out", out),
            "update": ("update", one, file, "--out", out),
        }[action]
        capsys.readouterr()
        code = command(*how, "--json")
        printed = capsys.readouterr()
        if code == 65:
            said = ("has seen all of the", "rows is later than", "1 new rows are too few")
            assert any(one in printed.err for one in said)
            return int("1 new rows" in printed.err)
        if action == "evaluate":
            return json.loads(printed.out)["rows"]
    made = folder_of(automtl.load(out))
    if action == "refresh":
        return made.read(Refreshed).rows
    return sum(made.read(Data).rows.values()) - OLD


@pytest.mark.parametrize(
    ("split", "form", "action"),
    [
        *product(SPLITS, ["half overlapping"], ACTIONS),
        *product(["random"], ["grown by a line"], ACTIONS),
        *product(["random"], ["the same", "in another order", "tabs"], ["evaluate", "refresh"]),
        *product(["random"], ["parquet", "frame"], ["evaluate", "refresh", "update"]),
    ],
)
def test_rows_that_a_run_has_seen_are_left_out(folder, monkeypatch, capsys, split, form, action):
    monkeypatch.chdir(folder)
    assert counted(folder, split, form, action, capsys) == len(expected(folder, split, form, action))


def test_what_aggregates_have_taken_in_counts_once(folder, monkeypatch):
    monkeypatch.chdir(folder)
    once = automtl.load("runs/random").refresh(ROWS[OLD : OLD + 90], "runs/once")
    with pytest.raises(DataError, match="once has seen all of the 90 rows"):
        once.refresh(ROWS[OLD : OLD + 90], "runs/twice")
    assert folder_of(once.refresh(ROWS[OLD:], "runs/twice")).read(Refreshed).rows == ALL - OLD


def test_of_equal_rows_as_many_are_known_as_were_seen(folder, monkeypatch):
    monkeypatch.chdir(folder)
    seen = pd.read_csv("random-train.csv", nrows=40)
    more = pd.concat([seen, seen, ROWS[OLD:]])
    with pytest.warns(UserWarning, match="40 of 680 rows are left out.*; 40 of them equal other rows"):
        found = automtl.load("runs/random").evaluate(more)
    assert found["rows"].iloc[0] == 640


def test_a_column_that_tells_rows_apart_and_is_not_there_is_named(folder, monkeypatch):
    monkeypatch.chdir(folder)
    with pytest.warns(UserWarning, match="the rows have no values of at: whether .* has seen them cannot be"):
        automtl.load("runs/random").evaluate(ROWS[:OLD].drop(columns="at"))
