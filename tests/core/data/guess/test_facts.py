import duckdb
import pytest

from automtl_core.data.guess.facts import facts_of


@pytest.fixture
def facts():
    """Return what a column with these texts holds."""

    def find(*texts):
        with duckdb.connect() as db:
            db.execute("CREATE TABLE head (c VARCHAR)")
            db.executemany("INSERT INTO head VALUES (?)", [[text] for text in texts])
            return facts_of(db, "price", "c")

    return find


@pytest.mark.parametrize(
    ("texts", "kind"),
    [(("1", "-20"), "integer"), (("1", "2.5"), "number"), (("1", "x"), "text"), (("01", "2"), "number")],
)
def test_the_kind_is_what_all_values_can_be_read_as(facts, texts, kind):
    assert facts(*texts).kind == kind


def test_values_are_counted_without_blanks(facts):
    found = facts("a", "b", "a", None, "7")
    assert (found.name, found.rows, found.values, found.single, found.numbers) == ("price", 4, 3, 2, 1)
    assert found.example == "a"
    assert sorted(found.few) == ["7", "a", "b"]


def test_numbers_have_ends_and_a_mean(facts):
    found = facts("10", "9", "2")
    assert (found.low, found.high, found.mean) == ("2", "10", 7.0)


def test_texts_may_hold_several_values(facts):
    parts = facts("a|b", "b|c|d", "a").parts["|"]
    assert (parts.rows, parts.parts, parts.values) == (2, 6, 4)
