"""Which columns tell rows that were seen together."""

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
    assert (other.role, other.reason) == ("unused", "an id of events, and another column tells the lists")
    assert listed(rows(a_id=pieces["request_id"], session_id=number)).dataset()["list"] == "session_id"


def test_columns_with_another_role_and_lists_that_are_named_are_left(listed):
    found = listed(rows(request_id=number))
    assert "list" not in found.apart({"list": None}).dataset()
    assert "list" not in found.apart({"sparse": ["request_id"]}).dataset()
    assert not [one for one in found.remarks({"list": None}) if "ranked" in one]
