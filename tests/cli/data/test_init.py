"""From a table that no adapter knows to a search on it: the settings that `automtl data init` writes."""

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

ROWS = 1500


@pytest.fixture
def films(here):
    """Write data/films.csv: a rating and a like, of films with genres."""
    draw = np.random.default_rng(0)
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
            "liked": (draw.random(ROWS) < 1 / (1 + np.exp(-taste))).astype(int),
        }
    )
    (here / "data").mkdir()
    frame.to_csv("data/films.csv", index=False)


def settings(path):
    """Return the settings of the dataset that a file of settings holds."""
    return yaml.safe_load(Path(path).read_text())["dataset"]


MESSY = "user_id,age,at,liked,saved,loved,buy\n" + "".join(
    f"{n % 30},{'NA' if n % 4 == 0 else n if n != 77 else 'old'},{1_700_000_000 + 60 * n},"
    f"{n % 2},{n % 5 % 2},{2 if n == 90 else n % 3 % 2},{int(n % 10 == 1)}\n"
    for n in range(300)
)


ACTIONS = "user,item,at,action\n" + "".join(
    f"{n * 7 % 40 + 100},{n * 13 % 60},{1_700_000_000 + 60 * n},{('view', 'view', 'cart', 'buy')[n % 4]}\n"
    for n in range(2000)
)
WORDS = b"user_id,stadt,click\n" + b"".join(
    b"%d,%b,%d\n" % (n % 30, (b"K\xf6ln", b"Ulm")[n % 2], n % 3 % 2) for n in range(300)
)
MONTHS = ("May", "June", "July")
STAYS = "user_id,arrival_year,arrival_month,arrival_day_of_month,is_canceled\n" + "".join(
    f"{n % 60},{2015 + n // 500},{MONTHS[n % 3]},{n % 28 + 1},{n % 2}\n" for n in range(1000)
)
HEADLESS = "".join(f"{n % 30};{n % 7};{n % 2}\n" for n in range(200))
VISITS = """SELECT n % 40 AS page, ['a', 'b', 'c'][1 + n % 3] AS referrer, n % 7 = 0 AS is_click,
    TIMESTAMP '2024-01-01' + INTERVAL 1 MINUTE * (7 * n % 1500) AS at, n % 5 // 4 AS purchase
    FROM range(1500) t(n)"""
OFFERS = "customer\toffer\tprice\tnew\tseen\ttaken\n" + "".join(
    f"c{n % 80}\to{n % 30}\t{n / 4}\t{n % 2}\t{n % 3 % 2}\t{'' if n % 5 else n % 2}\n" for n in range(1500)
)
FILES = {
    "messy.csv": MESSY.encode(),
    "actions.csv": ACTIONS.encode(),
    "words.csv": WORDS,
    "stays.csv": STAYS.encode(),
    "few.csv": "\n".join(STAYS.replace("_day", "_week").splitlines()[:6]).encode(),
    "log-1.csv": HEADLESS.encode(),
    "log-2.csv": HEADLESS.encode(),
    "offers.tsv": OFFERS.encode(),
}
INIT = (
    "films.csv",
    "messy.csv --labels liked,loved,buy",
    "actions.csv",
    "words.csv",
    "stays.csv",
    "few.csv",
    "log-*.csv",
    "log-1.csv --columns user,item,click",
    "offers.tsv",
    "visits.parquet",
)


def test_what_is_told_and_written_of_tables_is_the_golden_file(automtl, films, golden):
    Path("data/films.csv").rename("films.csv")
    for name, content in FILES.items():
        Path(name).write_bytes(content)
    with duckdb.connect() as db:
        db.sql(VISITS).write_parquet("visits.parquet")
    texts = []
    for arguments in INIT:
        ended = automtl("data", "init", *arguments.split(), "--out", "made.yaml", "--force")
        texts += [f"$ automtl data init {arguments}", ended.out, Path("made.yaml").read_text()]
        assert (ended.code, ended.err) == (0, "")
    golden("init.txt", "\n".join(texts))


def test_faulty_rows_of_a_messy_file_are_left_out_as_the_settings_say(automtl, here):
    Path("films.csv").write_text(MESSY)
    automtl("data", "init", "films.csv", "--labels", "liked,loved,buy")
    made = automtl("data", "describe", "films.yaml", "--rows", "1", "--json").json()["prepared"]
    assert (sum(made["rows"].values()), made["fields"]) == (298, 2)


def test_the_commands_that_it_tells_work_from_anywhere(automtl, films, tmp_path, monkeypatch):
    out = tmp_path / "my settings.yaml"
    made = automtl("data", "init", "data/films.csv", "--out", out, "--json").json()
    assert made["next"] == [f"automtl data describe '{out}'", f"automtl search '{out}'"]
    monkeypatch.chdir(tmp_path)
    assert automtl("data", "describe", out).code == 0
    assert automtl("search", out, "--dry-run").code == 0


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
    init = ("data", "init", "data/films.csv")
    Path("films.yaml").write_text("mine")
    Path("mine.csv").write_text("user,click\n1,2\n")
    for options in ([], ["--out", "lost/films.yaml"], ["--out", "mine.csv", "--force"]):
        ended = automtl(*init, *options)
        assert (ended.code, ended.out) == (73, "")
    assert (Path("films.yaml").read_text(), len(Path("mine.csv").read_text())) == ("mine", 15)
    for content in ("a: 1\n", "[", ""):
        Path("films.yaml").write_text(content)
        assert automtl(*init, "--force").code == 73
    Path("films.yaml").write_text("dataset: table\n")
    assert automtl(*init, "--force").code == 0
    assert settings("films.yaml")["files"] == "films.csv"


@pytest.mark.parametrize("content", [MESSY.encode(), ACTIONS.encode(), WORDS])
def test_from_python_settings_are_those_that_are_written(automtl, here, content):
    Path("table.csv").write_bytes(content)
    automtl("data", "init", "table.csv")
    written, seen = settings("table.yaml"), peek("table.csv")
    assert written == TableGuess(seen, guess(seen)).dataset()
    assert TableSettings.parse({k: v for k, v in written.items() if k != "name"}, "dataset")


def test_files_that_do_not_fit_are_named(automtl, here):
    files = {"a.csv": "user_id,click\n", "b.csv": "user_id,klick\n", "log.csv": ""}
    for name, head in files.items():
        Path(name).write_text(head + "1,0\n2,1\n" * 20)
    with duckdb.connect() as db:
        for name in ("a", "b"):
            db.read_csv(f"{name}.csv").write_parquet(f"{name}.parquet")
    for words, code, told in (
        (["?.parquet"], 65, "b.parquet: lacks the column 'click'"),
        (["?.csv"], 65, "b.csv: lacks the column 'click' (did you mean 'klick'?)"),
        (["lgo.csv"], 66, "did you mean 'log.csv'?"),
        (["log.csv", "--columns", "user"], 2, "has 2 columns, and 1 column"),
        (["log.csv", "--columns", "user,user"], 2, "has 2 columns, and 2 columns are named"),
        (["a.csv", "--columns", "user,click"], 2, "a.csv: has a header"),
    ):
        ended = automtl("data", "init", *words)
        assert (ended.code, told in ended.err) == (code, True), ended.err
    assert [path.name for path in here.glob("*.yaml")] == ["small.yaml"]
    ended = automtl("search", "smal.yaml")
    assert (ended.code, "(did you mean 'small.yaml'?)" in ended.err) == (66, True)


def test_a_label_that_tells_another_one_is_no_leak_and_no_warning_is_said_twice(automtl, here):
    lines = [f"{n % 50},{n % 7 / 2},{n // 50 % 5},{int(n // 50 % 5 > 2)},0" for n in range(2000)]
    Path("films.csv").write_text("\n".join(["user_id,price,rating,liked,gone", *lines]))
    automtl("data", "init", "films.csv")
    text = Path("films.yaml").read_text().replace("  sparse:", "  sparse:\n    gone: integer")
    Path("films.yaml").write_text(text)
    shown = "".join(automtl("data", "describe", "films.yaml")[1:])
    assert "alone predicts" not in shown
    assert shown.count("the same in all training rows: gone") == 1


def test_one_command_leads_from_a_table_to_a_plan(automtl, films):
    ended = automtl("search", "data/films.csv", "--labels", "liked", "--dry-run")
    assert "films.yaml, to be corrected there; labels: liked\nrow: left out (a different val" in ended.err
    again = automtl("train", "data/films.csv", "--model", "linear", "--dry-run", "--json")
    assert again.json()["plan"]["tasks"] == ["liked"]
    other = automtl("search", "data/films.csv", "--labels", "rating")
    assert (other.code, "with other rows or labels (liked)" in other.err) == (2, True)
    Path("numbers.csv").write_text("a,b\n" + "0.1,1.5\n0.2,2.5\n0.3,3.5\n" * 9)
    none = automtl("search", "numbers.csv")
    assert (none.code, "no column looks like a label" in none.err) == (2, True)
    assert not Path("numbers.yaml").exists()
