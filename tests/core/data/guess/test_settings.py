"""Settings of a table follow from what is seen of it, and from the labels that somebody names."""

import pytest

from automtl_core.data.guess.peek import peek
from automtl_core.data.guess.settings import settings, undecided
from automtl_core.errors import UsageError

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
