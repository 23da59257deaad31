"""Which columns tell rows that were seen together."""

import pandas as pd
import pytest

from automtl_inspection.guess.guess import TableGuess, guess
from automtl_inspection.guess.peek import peek

COUNT, EACH, START = 60, 5, 1_600_000_000


def rows(**columns):
    """Return a table of lists of five rows, an hour apart: 20 users, 30 items, a click, and more columns."""
    base = {
        "user_id": lambda k, n: k % 20,
        "item_id": lambda k, n: (7 * k + 11 * n) % 30,
        "ts": lambda k, n: START + 3600 * k + n,
        "click": lambda k, n: (k + n) % 3 % 2,
    }
    columns = {name: cell for name, cell in (base | columns).items() if cell}
    lines = [
        ",".join(str(cell(k, n)) for cell in columns.values()) for k in range(COUNT) for n in range(EACH)
    ]
    return "\n".join([",".join(columns), *lines]) + "\n"


@pytest.fixture
def listed(tmp_path):
    """Return the guesses of a table."""

    def read(text):
        (tmp_path / "a.csv").write_text(text)
        seen = peek(str(tmp_path / "a.csv"))
        return TableGuess(seen, guess(seen))

    return read


def number(k, n):
    return f"r{k}"


NAMED = ("request_id", "requestId", "session", "search_id", "query_id", "qid", "impression_id", "page_id")


@pytest.mark.parametrize("name", [*NAMED, "x_id", "id"])
def test_a_column_whose_rows_have_one_user_and_close_times_tells_lists(listed, name):
    found = listed(rows(**{name: number}))
    assert found.dataset()["list"] == name
    assert name not in found.dataset()["sparse"]
    (remark,) = (one for one in found.remarks() if "ranked" in one)
    assert remark.startswith(f"rows with the same {name} are ranked against each other")
    assert "since they have one user and close times" in remark


OTHERS = {
    "users and items alone": {},
    "of several users": {"request_id": lambda k, n: f"r{(k + n) % 60}"},
    "far in time": {"session_id": lambda k, n: f"r{k % 30}"},
    "a row each": {"impression_id": lambda k, n: f"r{k}-{n}"},
    "few values": {"request_id": lambda k, n: f"r{k // 4}"},
    "devices": {"device_id": number},
    "baskets": {"basket_id": number},
    "amounts": {"price": lambda k, n: 100 + k},
    "times": {"ts": lambda k, n: START + 3600 * k},
}


@pytest.mark.parametrize("columns", OTHERS.values(), ids=OTHERS)
def test_other_columns_tell_none(listed, columns):
    found = listed(rows(**columns))
    assert "list" not in found.dataset()
    assert not [one for one in found.remarks() if "ranked" in one]


@pytest.mark.parametrize(("name", "expected"), [("qid", "qid"), ("x_id", None), ("page_id", None)])
def test_without_a_user_and_a_time_the_name_decides(listed, name, expected):
    assert listed(rows(user_id=None, ts=None, **{name: number})).dataset().get("list") == expected


def test_the_smallest_lists_count_and_a_telling_name_before_others(listed):
    session = {"session_id": lambda k, n: f"s{k - k % 20 % 2}"}  # of two users: none
    assert listed(rows(request_id=number, **session)).dataset()["list"] == "request_id"
    pieces = {"request_id": lambda k, n: f"r{k}-{n // 3}", "session_id": number}
    found = listed(rows(**pieces))
    assert found.dataset()["list"] == "request_id"
    (other,) = (each for each in found.columns if each.name == "session_id")
    assert (other.role, other.reason) == ("unused", "another column groups the rows into lists")
    assert listed(rows(a_id=pieces["request_id"], session_id=number)).dataset()["list"] == "session_id"


def groups(sizes, shared=0, span=1, total=1_000_000):
    """Return a table of requests of these sizes; the first ones are of two users each.

    Args:
        sizes: Number of rows of each request.
        shared: Number of requests with two users.
        span: Seconds from the first row of a request to its last one.
        total: Seconds from the first row of the table to its last one.

    """
    lines = ["user_id,request_id,ts,click"]
    for k, size in enumerate(sizes):
        first = START + k * (total - span) // (len(sizes) - 1)
        for n in range(size):
            at = first + span * (n == size - 1 > 0)
            lines.append(f"u{(k + (n if k < shared else 0)) % 20},r{k},{at},{(k + n) % 3 % 2}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("least", "too_few"),
    [
        ({"sizes": [1] * 20 + [2] * 20}, {"sizes": [1] * 21 + [2] * 20}),
        ({"sizes": [500] * 20}, {"sizes": [501] * 20}),
        ({"sizes": [2] * 20}, {"sizes": [1] + [2] * 19}),
        ({"sizes": [2] * 100, "shared": 10}, {"sizes": [2] * 100, "shared": 11}),
        ({"sizes": [2] * 50, "span": 50_000}, {"sizes": [2] * 50, "span": 50_001}),
    ],
    ids=["rows of a list", "most rows of a list", "lists", "share of one user", "share of the time"],
)
def test_the_least_that_tells_lists(listed, least, too_few):
    assert listed(groups(**least)).dataset().get("list") == "request_id"
    assert "list" not in listed(groups(**too_few)).dataset()


def test_times_may_be_dates_with_the_name_of_the_month(listed):
    found = listed(rows(request_id=number, ts=lambda k, n: f'"May {k // 2 + 1}, 2024"'))
    assert (found.dataset()["list"], found.dataset()["time"]) == ("request_id", "ts")


def test_columns_with_another_role_and_lists_that_are_named_are_left(listed):
    found = listed(rows(request_id=number))
    assert "list" not in found.apart({"list": None}).dataset()
    assert "list" not in found.apart({"sparse": ["request_id"]}).dataset()
    assert not [one for one in found.remarks({"list": None}) if "ranked" in one]


@pytest.fixture
def panel(tmp_path):
    """Return a function that describes a table of 40 people in six years each, in an order by people."""

    def described(**columns):
        columns = {"code": lambda p, y: p, "year": lambda p, y: 90 + y, "paid": lambda p, y: y % 2} | columns
        cells = {n: [cell(k // 6, k % 6) for k in range(240)] for n, cell in columns.items() if cell}
        pd.DataFrame(cells).to_csv(tmp_path / "a.csv", index=False)
        found = TableGuess(seen := peek(str(tmp_path / "a.csv")), guess(seen, ["paid"])).dataset()
        return [found.get(name) for name in ("user", "time", "split", "history")]

    return described


def test_rows_of_a_panel_have_a_time_and_read_the_earlier_ones_of_their_unit(panel):
    assert panel() == ["code", "year", "time", {}]
    assert panel(code=lambda p, y: p // 2) == [None] * 4  # two rows a year
    assert panel(day=lambda p, y: f"2020-01-{1 + p % 28:02}") == [None, "day", "time", None]
    # Rows in the order of years, of a shop with several a year, and without units.
    assert panel(year=lambda p, y: p // 8, code=lambda p, y: f"s{p % 20}") == ["code", "year", "time", {}]
    teams = {"id": lambda p, y: f"s{p % 20}", "team": lambda p, y: f"t{(p + y) % 30}", "code": None}
    assert panel(year=lambda p, y: p // 8, **teams) == ["id", "year", "time", {}]
    assert panel(year=lambda p, y: 1990 + p // 8, code=None) == [None, "year", "time", None]
