"""From a table that no adapter knows to a search on it: the settings that `automtl data init` writes."""

import json
import re
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
import yaml

from automtl_core.dataset.dataset import names_of
from automtl_core.system.strict_yaml import parse_yaml
from automtl_datasets.table import Table
from automtl_datasets.table_settings import TableSettings
from automtl_inspection.guess.guess import TableGuess, guess
from automtl_inspection.guess.peek import peek

SMALL = (
    *("--set", "space={experts: 2, blocks: 1, ops: [identity, mlp-4], embedding_dim: 4}"),
    *(
        "--set",
        "strategy={name: pd-darts-entropy, warmup_epochs: 1, search_epochs: 1}",
        "--set",
        "training.epochs=2",
    ),
)
ROWS = 1500


@pytest.fixture
def draw():
    return np.random.default_rng(0)


def chance(draw, *effects):
    return (draw.random(len(effects[0])) < 1 / (1 + np.exp(-sum(effects)))).astype(int)


@pytest.fixture
def films(here, draw):
    """Write data/films.csv: a rating and a like, of films with genres."""
    user, film = draw.integers(0, 60, ROWS), draw.zipf(1.5, ROWS) % 200
    taste = draw.normal(size=60)[user] + draw.normal(size=200)[film]
    genres = np.array(["|".join(sorted(draw.choice(list("abcdef"), 2, replace=False))) for _ in range(200)])
    frame = pd.DataFrame(
        {
            "row": np.arange(ROWS),
            "user_id": user + 1000,
            "film_id": film,
            "genres": genres[film],
            "age": np.where(draw.random(ROWS) < 0.1, np.nan, draw.integers(15, 80, ROWS)),
            "country": draw.choice(["it", "no", "on"], ROWS),
            "rating": np.clip(np.round(3 + taste), 1, 5).astype(int),
            "liked": chance(draw, taste),
        }
    )
    (here / "data").mkdir()
    frame.to_csv("data/films.csv", index=False)
    return frame


@pytest.fixture
def offers(here, draw):
    """Write offers.tsv.gz, without telling names of labels; the second one is blank where nobody looked."""
    user, offer = draw.integers(0, 80, ROWS), draw.integers(0, 30, ROWS)
    taste = draw.normal(size=80)[user] + draw.normal(size=30)[offer]
    frame = pd.DataFrame(
        {
            "customer": np.char.add("c", user.astype(str)),
            "offer": np.char.add("o", offer.astype(str)),
            "price": np.round(draw.lognormal(2, 2, ROWS), 2),
            "new": draw.integers(0, 2, ROWS),
            "seen": chance(draw, taste),
            "taken": np.where(draw.random(ROWS) < 0.2, np.nan, chance(draw, taste)),
        }
    )
    frame.to_csv("offers.tsv.gz", index=False, sep="\t")
    return frame


@pytest.fixture
def visits(here, draw):
    """Write visits.parquet: rows in no order, and their time."""
    page = draw.integers(0, 40, ROWS)
    taste = draw.normal(size=40)[page]
    frame = pd.DataFrame(
        {
            "page": page,
            "referrer": draw.choice(["a", "b", "c"], ROWS),
            "at": pd.Timestamp("2024-01-01") + pd.to_timedelta(draw.permutation(ROWS), "min"),
            "is_click": chance(draw, taste) == 1,
            "purchase": chance(draw, taste - 1),
        }
    )
    with duckdb.connect() as db:
        db.from_df(frame).write_parquet("visits.parquet")
    return frame


def settings(path):
    """Return the settings of the dataset that a file of settings holds."""
    return yaml.safe_load(Path(path).read_text())["dataset"]


def test_a_table_with_a_rating_is_searched_on_as_it_was_guessed(automtl, films):
    made = automtl("data", "init", "data/films.csv", "--json").json()
    assert made["path"] == "films.yaml"
    assert settings("films.yaml") == {
        "name": "table",
        "files": "films.csv",
        "separator": ",",
        "labels": {"rating": {"kind": "regression"}, "liked": {}},
        "sparse": {"user_id": "integer", "film_id": "integer", "country": "text"},
        "dense": {"age": {}},
        "multi": {"genres": "|"},
        "user": "user_id",
    }
    found = automtl("search", "films.yaml", *SMALL, "--json").json()
    test = found["result"]["test"]
    assert test["rating"]["rmse"] > 0
    assert 0 < test["liked"]["auc"] <= 1
    data = json.loads(Path(found["run"], "data.json").read_text())
    assert data["rows"] == {"train": 1200, "validation": 150, "test": 150}
    assert automtl("evaluate", found["run"], "--json").json()["repeats"]


def test_labels_without_a_telling_name_have_to_be_named(automtl, offers):
    shown = automtl("data", "init", "offers.tsv.gz").out
    assert "new, seen, taken: left out (two values: to predict it, name it in `labels`; if it" in shown
    assert "written: offers.yaml: it needs labels\n" in shown
    assert shown.endswith("next: automtl data init offers.tsv.gz --force --labels NAME,...\n")
    text = Path("offers.yaml").read_text()
    assert settings("offers.yaml")["labels"] == []
    ended = automtl("search", "offers.yaml", *SMALL)
    assert ended.code == 2
    assert "error: dataset.labels names no column\n  fix: name the columns to predict" in ended.err
    named = "labels: {seen: {}, taken: {after: seen, given: seen}}"
    Path("offers.yaml").write_text(re.sub(r"labels: \[\].*", named, text))
    prepared = automtl("data", "describe", "offers.yaml", "--rows", "1", "--json").json()["prepared"]["path"]
    told = json.loads(Path(prepared, "manifest.json").read_text())["labels"]
    rows = {task: sum(parts[task]["rows"] for parts in told.values()) for task in ("seen", "taken")}
    assert rows == {"seen": ROWS, "taken": int(offers.taken[offers.seen == 1].notna().sum())}


def test_a_parquet_table_with_a_split_by_time(automtl, visits):
    automtl("data", "init", "visits.parquet")
    chosen = settings("visits.yaml")
    assert chosen["labels"] == {"is_click": {}, "purchase": {}}
    assert (chosen["time"], chosen["sparse"]) == ("at", {"page": "integer", "referrer": "text"})
    assert chosen["split"] == "time"
    prepared = automtl("data", "describe", "visits.yaml", "--rows", "1", "--json").json()["prepared"]["path"]
    told = json.loads(Path(prepared, "manifest.json").read_text())["labels"]
    latest = visits.sort_values("at").tail(ROWS // 10)
    assert {task: parts["positives"] for task, parts in told["test"].items()} == {
        "is_click": latest.is_click.sum(),
        "purchase": latest.purchase.sum(),
    }


def test_the_commands_that_it_tells_work_from_anywhere(automtl, films, tmp_path, monkeypatch):
    out = tmp_path / "my settings.yaml"
    made = automtl("data", "init", "data/films.csv", "--out", out, "--json").json()
    assert made["next"] == [f"automtl data describe '{out}'", f"automtl search '{out}'"]
    monkeypatch.chdir(tmp_path)
    assert automtl("data", "describe", out).code == 0
    assert automtl("search", out, "--dry-run").code == 0


def test_patterns_and_tables_without_a_header(automtl, here):
    for day in (1, 2):
        lines = [f"{n % 30};{n % 7};{n % 2}" for n in range(200)]
        Path(f"log-{day}.csv").write_text("\n".join(lines) + "\n")
    automtl("data", "init", "log-*.csv")
    chosen = settings("log.yaml")
    assert (chosen["files"], chosen["separator"]) == ("log-*.csv", ";")
    assert chosen["columns"] == ["c1", "c2", "c3"]
    text = Path("log.yaml").read_text().replace("labels: []", "labels: [c3]")
    Path("log.yaml").write_text(text)
    made = automtl("data", "describe", "log.yaml", "--rows", "1", "--json").json()["prepared"]
    assert sum(made["rows"].values()) == 400


HOSTILE = ["a: #b", "'q\"", "yes", "1", "two\nlines", "\x1b[31m\u202e", "", "- x", "{y}", "*z", "é", "a/b"]


def test_any_header_becomes_valid_settings_that_are_safe_to_print(automtl, here):
    frame = pd.DataFrame({name: [f"{name}!{n % 3}" for n in range(30)] for name in HOSTILE})
    frame["click"] = [n % 2 for n in range(30)]
    frame.to_csv("odd.csv", index=False)
    ended = automtl("data", "init", "odd.csv")
    assert ended.code == 0, ended.err
    text = Path("odd.yaml").read_text()
    for printed in (ended.out, text):
        assert [c for c in printed if not c.isprintable() and c != "\n"] == []
    chosen = parse_yaml(text, "odd.yaml")["dataset"]
    assert chosen.pop("name") == "table"
    found = Table(TableSettings.parse(chosen, "dataset"))
    assert set(names_of(found.layout.sparse)) == set(HOSTILE) - {""}
    made = automtl("data", "describe", "odd.yaml", "--rows", "1", "--json").json()["prepared"]
    assert made["fields"] == len(HOSTILE) - 1


def test_no_file_is_overwritten(automtl, films):
    Path("films.yaml").write_text("mine")
    ended = automtl("data", "init", "data/films.csv")
    assert (ended.code, ended.out) == (73, "")
    fix = "give another name: --out NAME.yaml, or overwrite it: --force"
    assert ended.err == f"error: films.yaml: exists already\n  fix: {fix}\n"
    assert Path("films.yaml").read_text() == "mine"
    assert automtl("data", "init", "data/films.csv", "--out", "lost/films.yaml").code == 73
    for content in ("user,click\n1,2\n", "a: 1\n", "[", ""):
        Path("mine.csv").write_text(content)
        ended = automtl("data", "init", "data/films.csv", "--force", "--out", "mine.csv")
        assert (ended.code, Path("mine.csv").read_text()) == (73, content)
        assert "mine.csv: exists already, and is no configuration" in ended.err
    Path("films.yaml").write_text("dataset: table\n")
    assert automtl("data", "init", "data/films.csv", "--force").code == 0
    assert settings("films.yaml")["files"] == "films.csv"


MESSY = "user_id,age,at,liked,saved,loved,buy\n" + "".join(
    f"{n % 30},{'NA' if n % 4 == 0 else n if n != 77 else 'old'},{1_700_000_000 + 60 * n},"
    f"{n % 2},{n % 5 % 2},{2 if n == 90 else n % 3 % 2},{int(n % 10 == 1)}\n"
    for n in range(300)
)


def test_from_a_messy_file_to_prepared_data(automtl, here):
    Path("films.csv").write_text(MESSY)
    shown = automtl("data", "init", "films.csv", "--labels", "liked,loved,buy").out
    assert "1 row has another value: 'old' in line 79" in shown
    assert "1 row has another value: '2' in line 92" in shown
    chosen = settings("films.yaml")
    assert (chosen["blanks"], chosen["split"], chosen["dense"]) == (["NA"], "time", {"age": {}})
    assert chosen["labels"]["buy"] == {"after": "liked"}
    assert "rows with other values in age, loved are left out; `bad_rows: fail` refuses them\n" in shown
    ended = automtl("data", "describe", "films.yaml", "--rows", "1", "--set", "dataset.bad_rows=fail")
    assert (ended.code, "films.csv:79: age: expected a number" in ended.err) == (65, True)
    assert automtl("check", "films.yaml", "--out", "faulty.csv").code == 0
    made = automtl("data", "describe", "films.yaml", "--rows", "1", "--json").json()["prepared"]
    assert sum(made["rows"].values()) == 298
    assert made["fields"] == 2


ACTIONS = "user,item,at,action\n" + "".join(
    f"{n * 7 % 40 + 100},{n * 13 % 60},{1_700_000_000 + 60 * n},{('view', 'view', 'cart', 'buy')[n % 4]}\n"
    for n in range(2000)
)
WORDS = b"user_id,stadt,click\n" + b"".join(
    b"%d,%b,%d\n" % (n % 30, (b"K\xf6ln", b"Ulm")[n % 2], n % 3 % 2) for n in range(300)
)


@pytest.mark.parametrize(
    "content", [MESSY.encode(), ACTIONS.encode(), WORDS, "".join(ACTIONS.splitlines(True)[1:]).encode()]
)
def test_from_python_settings_are_those_that_are_written(automtl, here, content):
    Path("table.csv").write_bytes(content)
    automtl("data", "init", "table.csv")
    written, seen = settings("table.yaml"), peek("table.csv")
    assert written == TableGuess(seen, guess(seen)).dataset()
    assert TableSettings.parse({k: v for k, v in written.items() if k != "name"}, "dataset")


def test_text_in_another_encoding_is_read(automtl, here):
    Path("log.csv").write_bytes(WORDS)
    assert "2 values: Köln, Ulm" in automtl("data", "init", "log.csv").out
    assert settings("log.yaml")["encoding"] == "cp1252"
    made = automtl("data", "describe", "log.yaml", "--rows", "1", "--json").json()["prepared"]
    assert (sum(made["rows"].values()), made["fields"]) == (300, 2)
    text = Path("log.yaml").read_text()
    for encoding in ("cp125", "utf-16"):
        Path("log.yaml").write_text(text.replace("encoding: cp1252", f"encoding: {encoding}"))
        ended = automtl("data", "describe", "log.yaml", "--rows", "1")
        assert (ended.code, "name an encoding that extends ASCII, such as cp1252" in ended.err) == (2, True)
    Path("log.yaml").write_text(re.sub(r"  encoding: .*\n", "", text))
    ended = automtl("data", "describe", "log.yaml", "--rows", "1")
    assert (ended.code, "log.csv:2: stadt: not UTF-8" in ended.err) == (65, True)
    assert "declare its encoding: dataset.encoding: cp1252" in ended.err


def test_files_of_a_pattern_have_equal_columns(automtl, here):
    for name, head in (("a", "user_id,click"), ("b", "user_id,klick")):
        Path(f"log-{name}.csv").write_text(f"{head}\n" + "1,0\n2,1\n" * 20)
    ended = automtl("data", "init", "log-*.csv")
    fix = "fix: give files with equal columns"
    assert (ended.code, fix in ended.err) == (65, True)
    assert "log-b.csv: lacks the column 'click' (did you mean 'klick'?), which log-a.csv has" in ended.err
    with duckdb.connect() as db:
        for name in ("a", "b"):
            db.read_csv(f"log-{name}.csv").write_parquet(f"log-{name}.parquet")
    assert "log-b.parquet: lacks the column 'click'" in automtl("data", "init", "log-*.parquet").err


def test_a_file_that_is_misspelt(automtl, here):
    Path("log.csv").write_text(ACTIONS)
    assert "lgo.csv: no such file (did you mean 'log.csv'?)" in automtl("data", "init", "lgo.csv").err
    automtl("data", "init", "log.csv")
    ended = automtl("search", "log.yml")
    assert (ended.code, "log.yml: cannot be read: " in ended.err) == (66, True)
    assert "(did you mean 'log.yaml'?)" in ended.err


def test_columns_without_a_header_are_named_by_an_option(automtl, here):
    Path("log.csv").write_text(ACTIONS.partition("\n")[2])
    shown = automtl("data", "init", "log.csv").out
    assert "\nthere is no header: the columns are c1 to c4; to name them: automtl data init log.csv " in shown
    shown = automtl("data", "init", "log.csv", "--force", "--columns", "user,item,at,action").out
    assert "no header" not in shown
    chosen = settings("log.yaml")
    assert (chosen["columns"], chosen["user"]) == (["user", "item", "at", "action"], "user")
    assert chosen["labels"] == {"action=buy": {}, "action=cart": {}}
    assert automtl("data", "describe", "log.yaml", "--rows", "1").code == 0


@pytest.mark.parametrize(
    ("content", "columns", "problem"),
    [
        ("1,2,1\n3,4,0\n", "user,click", "a.csv: has 3 columns, and 2 columns are named: user, click"),
        ("1,2,1\n3,4,0\n", "user,at,at", "a.csv: has 3 columns, and 3 columns are named: user, at, at"),
        ("x,y,z\n3,4,0\n", "user,at,click", "a.csv: has a header, and 3 columns are named"),
    ],
)
def test_names_that_do_not_fit_the_columns(automtl, here, content, columns, problem):
    Path("a.csv").write_text(content)
    ended = automtl("data", "init", "a.csv", "--columns", columns)
    assert (ended.code, problem in ended.err) == (2, True), ended.err
    assert "fix: give each column of a file without a header its own name" in ended.err
    assert not Path("a.yaml").exists()


def test_few_rows_and_dates_in_three_columns_are_said(automtl, here):
    months = ("May", "June", "July")
    lines = [f"{n % 60},{2015 + n // 500},{months[n % 3]},{n % 28 + 1},{n % 2}" for n in range(1000)]
    head = "user_id,arrival_year,arrival_month,arrival_day_of_month,is_canceled"
    Path("stays.csv").write_text("\n".join([head, *lines]))
    shown = automtl("data", "init", "stays.csv").out
    parts = "arrival_year, arrival_month, arrival_day_of_month"
    assert f"\n{parts}: parts of a date; write it as one column of dates such as 2024-01-31" in shown
    assert "few rows" not in shown
    Path("stays.csv").write_text("\n".join([head.replace("_day", "_week"), *lines[:5]]))
    shown = automtl("data", "init", "stays.csv", "--force").out
    assert "\nfew rows (5): a search needs 100 validation rows of either class" in shown
    assert "parts of a date" not in shown


def test_a_label_that_tells_another_one_is_no_leak_and_no_warning_is_said_twice(automtl, here):
    lines = [f"{n % 50},{n % 7 / 2},{n // 50 % 5},{int(n // 50 % 5 > 2)},0" for n in range(2000)]
    Path("films.csv").write_text("\n".join(["user_id,price,rating,liked,gone", *lines]))
    automtl("data", "init", "films.csv")
    text = Path("films.yaml").read_text().replace("  sparse:", "  sparse:\n    gone: integer")
    Path("films.yaml").write_text(text)
    shown = automtl("data", "describe", "films.yaml")
    assert "alone predicts" not in shown.out + shown.err
    assert (shown.out + shown.err).count("the same in all training rows: gone") == 1


def test_one_command_leads_from_a_table_to_an_answer(automtl, films):
    ended = automtl("search", "data/films.csv", "--labels", "liked", *SMALL, "--name", "first")
    assert "films.yaml, to be corrected there; labels: liked\nrow: left out (a different val" in ended.err
    assert "saved in runs/first" in ended.out
    again = automtl("train", "data/films.csv", "--model", "linear", "--dry-run", "--json")
    assert again.json()["plan"]["tasks"] == ["liked"]
    other = automtl("search", "data/films.csv", "--labels", "rating")
    assert (other.code, "with other rows or labels (liked)" in other.err) == (2, True)
    pd.DataFrame({"a": [0.1, 0.2, 0.3] * 9, "b": [1.5, 2.5, 3.5] * 9}).to_csv("numbers.csv", index=False)
    none = automtl("search", "numbers.csv")
    assert "no column looks like a label" in none.err
    assert (none.code, Path("numbers.yaml").exists()) == (2, False)
