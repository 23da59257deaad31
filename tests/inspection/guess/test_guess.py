"""Which columns are taken for what."""

from dataclasses import replace
from pathlib import Path

import pytest

from automtl_core.errors import UsageError
from automtl_inspection.guess.facts import Facts, Glimpse, Odd, Parts
from automtl_inspection.guess.guess import TableGuess, guess
from automtl_inspection.guess.peek import peek
from automtl_inspection.guess.rules import UNDECIDED

SEEN = 1000


def facts(name, kind="integer", values=100, **others):
    """Return facts of numbers from 0 to 99, or of texts."""
    told = {"rows": SEEN, "numbers": 0 if kind == "text" else SEEN, "low": "0", "high": "99", "mean": 50.0}
    return Facts(name, kind, values=values, **{"example": "7", **told, **others})


def bits(name, few=("0", "1"), **others):
    kind = "text" if few[0].isalpha() else "number" if "." in few[0] else "integer"
    return facts(
        name, kind, **{"values": 2, "few": few, "high": "1", "bits": few, "ones": SEEN // 2, **others}
    )


def guessed(*columns, header=True):
    return guess(Glimpse(Path(), "a.csv", False, ",", header, SEEN, SEEN, columns))


def dataset(*columns):
    seen = Glimpse(Path(), "a.csv", False, ",", True, SEEN, SEEN, columns)
    return TableGuess(seen, guess(seen)).dataset()


WORDS = {"example": "big red", "parts": {" ": Parts(300, 2000, 30)}}
CASES = {
    "id": (facts("item_id"), "sparse", "integer"),
    "few integers": (facts("hour", values=20), "sparse", "integer"),
    "y beside x": (facts("y", "number"), "dense", {}),
    "years": (facts("sale_year", values=5), "dense", {}),
    "negative integers": (facts("balance", low="-9", high="9999", mean=1.0), "dense", {}),
    "skewed integers": (facts("visits", high="100000"), "dense", {"scaling": "log"}),
    "flag or blank": (facts("flag", "text", 1, rows=10), "sparse", "text"),
    "tags": (facts("tags", "text", parts={"|": Parts(300, 2000, 30)}), "multi", "|"),
    "words in combinations": (facts("kinds", "text", 160, **WORDS), "multi", " "),
    "names of words": (facts("kinds", "text", 140, **WORDS), "sparse", "text"),
    "tags that all differ": (facts("tags", "text", SEEN, parts={"|": Parts(SEEN, 5000, 30)}), "multi", "|"),
    "prose": (facts("title", "text", parts={",": Parts(300, 1500, 1200)}), "sparse", "text"),
    "separator in few rows": (facts("city", "text", parts={",": Parts(20, 1020, 90)}), "sparse", "text"),
    "click": (bits("click"), "labels", {}),
    "click as a data frame writes it": (bits("Clicked", ("0.0", "1.0")), "labels", {}),
    "is": (bits("is_member"), "labels", {}),
    "true": (bits("label", ("False", "True")), "labels", {"positive": ["True"]}),
    "id with gaps in a data frame": (facts("item_id", "number"), "sparse", "text"),
    "minus one": (bits("click", ("-1", "1")), "labels", {"positive": ["1"]}),
    "numbers named like a click": (facts("click_price"), "dense", {}),
    "count of clicks": (facts("click_count", values=3), "sparse", "integer"),
    "rating": (facts("rating", values=5), "labels", {"kind": "regression"}),
    "target": (facts("target", "number"), "labels", {"kind": "regression"}),
    "mean rating": (facts("avg_rating", "number"), "dense", {}),
    "steps": (facts("time"), "time", None),
    "duration": (facts("watch_time"), "dense", {}),
    "seconds": (facts("user_id", low="1600000000", high="1700000000", mean=1.65e9), "sparse", "integer"),
}


@pytest.mark.parametrize(("column", "role", "setting"), CASES.values(), ids=CASES.keys())
def test_what_a_column_is_taken_for(column, role, setting):
    found, *_ = guessed(column, bits("click"), facts("x", "number"))
    assert (found.role, found.setting) == (role, setting)
    assert not found.candidate


@pytest.mark.parametrize("others", [[facts("rank")], [facts("rating")], [bits("liked"), bits("disliked")]])
@pytest.mark.parametrize("few", [("0", "1"), ("0.0", "1.0"), ("no", "yes")])
@pytest.mark.parametrize("name", ["loved", "click_count"])
def test_columns_of_bits_that_may_be_labels_are_no_inputs(name, few, others):
    for odd in (None, Odd(1, 7, "2")):
        found, *_ = guessed(bits(name, few, odd_bits=odd), *others)
        assert (found.role, found.reason, found.candidate) == ("unused", UNDECIDED, True)


def test_columns_of_bits_are_inputs_beside_named_labels_that_they_do_not_imply():
    others = bits("seen", only_where=["click"]), bits("viewed"), bits("is_new"), bits("owned")
    *found, field = of(["click"], bits("click", only_where=["viewed"]), *others)
    assert [each.role for each in found] == ["labels", "unused", "unused", "unused"]
    assert (field.role, "known only after the event" in field.doubt) == ("sparse", True)


UNUSED = {
    "list": (Facts("a", "nested"), "nested lists"),
    "blank": (Facts("a"), "blank in all rows"),
    "id of rows": (facts("id", values=SEEN, high="99999"), "a different value in each row"),
    "prose": (facts("a", "text", 950), "a different value in nearly each row"),
    "numbers but for some": (
        facts("a", "text", 500, numbers=950, odd=Odd(50, 7, "none")),
        "except in 50 rows: if these are blanks, name their texts in `blanks`",
    ),
    "date of birth": (facts("birth_date", "time"), "not the time of the row"),
}


@pytest.mark.parametrize(("column", "reason"), UNUSED.values(), ids=UNUSED.keys())
def test_what_is_not_used(column, reason):
    (found,) = guessed(column)
    assert found.role == "unused"
    assert reason in found.reason


def test_different_numbers_and_the_finest_time_are_used():
    found = guessed(facts("income", values=SEEN, high="99999"), facts("score", "number", SEEN))
    assert [each.role for each in found] == ["dense", "dense"]
    found = guessed(facts("day", "time", 30), facts("instant", "time", 900), facts("month", "time", 12))
    assert [each.role for each in found] == ["unused", "time", "unused"]


def of(labels, *columns):
    return guess(Glimpse(Path(), "a.csv", False, ",", True, SEEN, SEEN, columns), labels)


MISNAMED = {"clik": "did you mean 'click'", "city": "is unknown", "a": "city=a", "pay": "units, such as '7'"}


@pytest.mark.parametrize(("label", "message"), MISNAMED.items(), ids=MISNAMED)
def test_labels_that_cannot_be_guessed(label, message):
    pay = facts("pay", "text", 90, form="numbers with units: write them without")
    with pytest.raises(UsageError, match=message):
        of([label], bits("click"), facts("city", "text", 3, few=("a", "b", "c")), pay)


def test_values_that_do_not_fit_the_role():
    odd, other = Odd(1, 7, "x"), Odd(1, 7, "2")
    found = guessed(facts("price", odd=odd), bits("click", odd_bits=other), facts("item_id", odd=odd))
    assert [each.odd for each in found] == [odd, other, None]


def action(**others):
    return replace(facts("action", "text", 3, few=("buy", "cart", "view"), **others), example="view")


def test_users_and_long_tails():
    columns = [facts("item_id"), facts("user_age"), facts("customerId", "text"), facts("uid")]
    assert dataset(*columns)["user"] == "customerId"
    assert dataset(facts("item_id")).get("user") is None
    short = facts("a_id", values=2000, single=100)
    tail = facts("b_id", values=1500, single=900, rows=5000)
    assert dataset(short, tail, facts("c_id", values=900, single=900))["min_count"] == {"b_id": 2}


def test_a_time_decides_on_the_split():
    at = facts("when", "time", clock="date")
    assert [dataset(at)[key] for key in ("split", "time")] == ["time", "when"]
    assert "split" not in dataset(facts("time"))
    assert dataset(facts("x")).get("time") is None


def guessed_apart(seen, labels=(), others=None):
    return TableGuess(seen, guess(seen, labels)).apart(others or {})


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


def test_the_split_by_time_is_about_the_guessed_time(table):
    seen = table()
    said = "rows are split by time (ts): the latest 10% are for the test, the 10% before for validation; "
    earlier = "each row reads the earlier rows of its user_id, with their buy, click; if these are known "
    earlier += "late, set `history_delay` and `label_delay`; `history: null` takes each row for itself"
    assert [*guessed_apart(seen).remarks()] == [said + "`split: random` splits at random", earlier]
    other, _ = guessed_apart(seen).remarks({"test_fraction": 0.2})
    assert "the latest 20% are for the test" in other
    for others in ({"time": "when"}, {"sparse": ["ts"]}, {"dense": {"ts": {}}}):
        chosen = guessed_apart(seen, (), others)
        assert "split" not in chosen.dataset()
        assert chosen.dataset().get("time") is None
        assert [*chosen.remarks(others)] == []
    assert [*guessed_apart(seen).remarks({"split": "user"})] == [earlier]
    for others in ({"split": "random"}, {"history": None}, {"user": "shop"}):
        chosen = guessed_apart(seen, (), others)
        assert "history" not in chosen.dataset()
        assert earlier not in chosen.remarks(others)


def test_events_lack_the_attributes_of_users_and_users_with_one_row_have_none(tmp_path):
    """Of 33 days, hours and weekdays are fields; of ten days, hours alone."""
    times = [1_600_000_000 + 14_400 * n for n in range(200)]
    rows = [f"u{n % 40},{n % 40 % 3},{n % 40 % 2},i{n % 7},{at},{n % 2}" for n, at in enumerate(times)]
    (tmp_path / "t.csv").write_text("\n".join(["user_id,age_group,device,item_id,ts,click", *rows]))
    guessed = guessed_apart(peek(str(tmp_path / "t.csv")))
    assert guessed.dataset()["history"] == {"fields": ["item_id"]}
    assert [*guessed.dataset()["fields"]] == ["ts:hour", "ts:weekday"]
    (tmp_path / "t.csv").write_text("\n".join(["user_id,age_group,device,item_id,ts,click", *rows[:60]]))
    few = guessed_apart(peek(str(tmp_path / "t.csv"))).dataset()
    assert "history" not in few
    assert few["fields"] == {"ts:hour": {"kind": "time-part", "column": "ts", "part": "hour"}}


def test_doubts_are_said_once_for_all_columns_unless_they_are_named(tmp_path):
    lines = [f"{n % 30},{n % 70},{n % 80},{n % 2}" for n in range(200)]
    (tmp_path / "t.csv").write_text("\n".join(["user_id,x,z,click", *lines]))
    table = guessed_apart(peek(str(tmp_path / "t.csv")))
    (said,) = table.remarks()
    assert said.startswith("x, z: taken as numeric, since these are integers without a telling name; if they")
    assert [*table.remarks({"dense": ["x", "z"]})] == []


def test_columns_with_another_role(tmp_path):
    item = Facts("item", "text", 5000, 1500, single=900)
    price = Facts("price", "number", 5000, 1500, low="0", high="9", mean=5.0)
    seen = Glimpse(tmp_path, "a.csv", False, ",", True, 5000, 5000, [item, price])
    assert guessed_apart(seen).dataset()["min_count"] == {"item": 2}
    assert "min_count" not in guessed_apart(seen, (), {"dense": ["item"]}).dataset()
    assert guessed_apart(seen, (), {"vectors": {"price": "p.csv"}}).dataset()["sparse"]["price"] == "text"
    for weights in ("price", {"click": "price"}):
        assert "dense" not in guessed_apart(seen, (), {"weights": weights}).dataset()


@pytest.mark.parametrize(
    ("rows", "size"), [(0, 128), (10_000, 128), (30_000, 256), (100_000, 1024), (10**9, 2048)]
)
def test_batches_fit_the_rows(tmp_path, rows, size):
    layer = TableGuess(Glimpse(tmp_path, "a.csv", False, ",", True, rows, rows, ()), ()).layer()
    assert layer["training"] == {"batch_size": size}
