"""Settings of a table follow from what is seen of it, and from the labels that somebody names."""

import pytest

from automtl_core.errors import UsageError
from automtl_inspection.guess.facts import Facts
from automtl_inspection.guess.guess import guess
from automtl_inspection.guess.peek import Glimpse, peek
from automtl_inspection.guess.settings import TableGuess


def guessed(seen, labels=(), others=None):
    return TableGuess(seen, guess(seen, labels)).apart(others or {})


def settings(seen, labels):
    return guessed(seen, labels).layer()


def undecided(seen, labels, others):
    return [each.name for each in guessed(seen, labels, others).candidates]


HEADER = "user_id,shop,tags,price,ts,click,buy,grade"


def row(n):
    tags = "|".join(tag for k, tag in enumerate("xyz") if n >> k & 1)
    ids, times = (7 * n % 90 + 100, f"{'ab'[n % 2]}s"), (f"{n % 13}.5", 1_600_000_000 + 17 * n)
    return ",".join(map(str, (*ids, tags, *times, n % 3 % 2, "no" if n % 5 else "yes", f"{n % 7}.25")))


@pytest.fixture
def table(tmp_path):
    def write(header=HEADER, name="t.csv"):
        (tmp_path / name).write_text("\n".join([*([header] if header else []), *map(row, range(300))]) + "\n")
        return peek(str(tmp_path / name))

    return write


def test_columns_have_the_role_that_they_look_like(table, tmp_path):
    assert settings(table(), []) == {
        "data_dir": str(tmp_path),
        "dataset": {
            "name": "table",
            "files": "t.csv",
            "separator": ",",
            "labels": {"click": {}, "buy": {"positive": ["yes"]}},
            "sparse": {"user_id": "integer", "shop": "text"},
            "dense": {"price": {}, "grade": {}},
            "multi": {"tags": "|"},
            "user": "user_id",
            "time": "ts",
            "split": "time",
        },
        "training": {"batch_size": 128},
    }


def test_labels_that_are_not_named_are_not_used(table):
    dataset = settings(table(), ["grade", "buy"])["dataset"]
    assert dataset["labels"] == {"buy": {"positive": ["yes"]}, "grade": {"kind": "regression"}}
    assert "click" not in {**dataset["sparse"], **dataset["dense"]}


def test_what_labels_mean_can_be_said(table):
    said = {"shop": {"positive": ["bs"]}, "buy": {"positive": ["no"]}}
    assert settings(table(), said)["dataset"]["labels"] == {name: said[name] for name in ("shop", "buy")}
    with pytest.raises(UsageError, match="label 'shop' holds as, bs: the positive value is"):
        settings(table(), ["shop"])


def test_columns_of_a_file_without_a_header_are_named(table):
    dataset = settings(table(""), ["c6"])["dataset"]
    assert dataset["columns"] == [f"c{n}" for n in range(1, 9)]
    assert dataset["labels"] == {"c6": {}}


def test_there_has_to_be_a_label(table):
    with pytest.raises(UsageError, match=r"label 'clik' is not a column \(did you mean 'click'\?\)"):
        settings(table(), ["clik"])


def test_columns_that_may_be_labels_are_no_inputs(tmp_path):
    lines = [f"{n % 30},{n % 2},{n % 3 % 2},{n % 5 % 2}" for n in range(200)]
    (tmp_path / "t.csv").write_text("\n".join(["user_id,liked,disliked,loved", *lines]))
    seen = peek(str(tmp_path / "t.csv"))
    for labels in ([], ["liked"]):
        assert settings(seen, labels)["dataset"]["sparse"] == {"user_id": "integer"}
        assert undecided(seen, labels, {}) == ["loved"]
    assert settings(seen, ["loved"])["dataset"]["labels"] == {"loved": {}}
    assert undecided(seen, ["loved"], {}) == []
    assert undecided(seen, ["liked"], {"sparse": 5}) == ["loved"]
    for told in ({"sparse": {"loved": "text"}}, {"sparse": ["loved"]}, {"labels": "loved"}):
        assert undecided(seen, ["liked"], told) == []


def test_the_split_by_time_is_about_the_guessed_time(table):
    seen = table()
    said = "rows are split by time (ts): the latest 10% are for the test, the 10% before for validation; "
    assert [*guessed(seen).remarks()] == [said + "`split: random` splits at random"]
    (other,) = guessed(seen).remarks({"test_fraction": 0.2})
    assert "the latest 20% are for the test" in other
    for others in ({"time": "when"}, {"sparse": ["ts"]}, {"dense": {"ts": {}}}):
        chosen = guessed(seen, (), others)
        assert "split" not in chosen.dataset()
        assert chosen.dataset().get("time") is None
        assert [*chosen.remarks(others)] == []
    assert [*guessed(seen).remarks({"split": "user"})] == []


def test_doubts_are_said_once_for_all_columns_unless_they_are_named(tmp_path):
    lines = [f"{n % 30},{n % 70},{n % 80},{n % 2}" for n in range(200)]
    (tmp_path / "t.csv").write_text("\n".join(["user_id,x,z,click", *lines]))
    table = guessed(peek(str(tmp_path / "t.csv")))
    (said,) = table.remarks()
    assert said.startswith("x, z: taken as dense, since these are integers without a telling name; if they")
    assert [*table.remarks({"dense": ["x", "z"]})] == []


def test_columns_with_another_role(tmp_path):
    item = Facts("item", "text", 5000, 1500, single=900)
    price = Facts("price", "number", 5000, 1500, low="0", high="9", mean=5.0)
    seen = Glimpse(tmp_path, "a.csv", False, ",", True, 5000, 5000, [item, price])
    assert guessed(seen).dataset()["min_count"] == {"item": 2}
    assert "min_count" not in guessed(seen, (), {"dense": ["item"]}).dataset()
    assert guessed(seen, (), {"vectors": {"price": "p.npy"}}).dataset()["sparse"]["price"] == "text"


@pytest.mark.parametrize(
    ("rows", "size"), [(0, 128), (10_000, 128), (30_000, 256), (100_000, 1024), (10**9, 2048)]
)
def test_batches_fit_the_rows(tmp_path, rows, size):
    layer = TableGuess(Glimpse(tmp_path, "a.csv", False, ",", True, rows, rows, ()), ()).layer()
    assert layer["training"] == {"batch_size": size}
