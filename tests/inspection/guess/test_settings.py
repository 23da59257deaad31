"""Settings of a table follow from what is seen of it, and from the labels that somebody names."""

import pytest

from automtl_core.errors import UsageError
from automtl_inspection.guess.peek import peek
from automtl_inspection.guess.settings import apart, remarks, settings, undecided

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
    with pytest.raises(UsageError, match="no column looks like a label"):
        settings(table(""), [])


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
    guessed = settings(seen, [])["dataset"]
    said = "rows are split by time (ts): the latest 10% are for the test, the 10% before for validation; "
    assert [*remarks(seen, [], apart(guessed, {}), {})] == [said + "`split: random` splits at random"]
    (other,) = remarks(seen, [], guessed, {"test_fraction": 0.2})
    assert "the latest 20% are for the test" in other
    for given in ({"time": "when"}, {"sparse": ["ts"]}, {"dense": {"ts": {}}}):
        chosen = apart(guessed, given)
        assert "split" not in chosen
        assert [*remarks(seen, [], chosen, given)] == []
    assert apart(guessed, {"sparse": ["ts"]})["time"] is None
    assert [*remarks(seen, [], guessed, {"split": "user"})] == []


def test_doubts_are_said_unless_the_column_is_named(tmp_path):
    lines = [f"{n % 30},{n % 70},{n % 2}" for n in range(200)]
    (tmp_path / "t.csv").write_text("\n".join(["user_id,x,click", *lines]))
    seen = peek(str(tmp_path / "t.csv"))
    guessed = settings(seen, [])["dataset"]
    (said,) = remarks(seen, [], guessed, {})
    assert said.startswith(
        "x: taken as dense, since these are integers without a telling name; if they are ids"
    )
    assert [*remarks(seen, [], guessed, {"dense": ["x"]})] == []


def test_rare_values_of_a_column_with_another_role():
    guessed = {"labels": {}, "sparse": {"item": "text"}, "dense": {}, "multi": {}, "time": None}
    guessed["min_count"] = {"item": 2}
    assert apart(guessed, {})["min_count"] == {"item": 2}
    assert "min_count" not in apart(guessed, {"dense": ["item"]})
