import duckdb
import numpy as np
import pandas as pd
import pytest

from automtl_inspection.guess.facts import Facts, Odd, facts_of


@pytest.fixture
def facts():
    """Return what a column with these texts holds."""

    def find(*texts):
        with duckdb.connect() as db:
            db.execute("CREATE TABLE head (c0 VARCHAR, line BIGINT)")
            db.executemany("INSERT INTO head VALUES (?, ?)", [[text, n] for n, text in enumerate(texts, 2)])
            return facts_of(db, [Facts("price")])[0]

    return find


@pytest.mark.parametrize(
    ("texts", "kind"),
    [(("1", "-20"), "integer"), (("1", "2.5"), "number"), (("1", "x"), "text"), (("01", "2"), "number")],
)
def test_the_kind_is_what_all_values_can_be_read_as(facts, texts, kind):
    assert facts(*texts).kind == kind


def test_values_are_counted_without_blanks_and_numbers_have_ends(facts):
    found = facts("a", "b", "a", None, "7")
    assert (found.name, found.rows, found.values, found.single, found.numbers) == ("price", 4, 3, 2, 1)
    assert (found.example, sorted(found.few)) == ("a", ["7", "a", "b"])
    found = facts("10", "9", "2")
    assert (found.low, found.high, found.mean) == ("2", "10", 7.0)


NUMBERS = [str(n) for n in range(100)]


def test_blanks_among_numbers_and_texts(facts):
    found = facts(*NUMBERS, "NaN", "NA", "-", "\\N")
    assert (found.kind, found.rows, found.blanks) == ("integer", 100, ("-", "NA", "NaN", "\\N"))
    texts = facts("a", "b", "NA", "null", "none")
    assert (texts.values, texts.blanks) == (4, ("null",))
    assert facts("no", "yes", "NA").bits == ("no", "yes")


@pytest.mark.parametrize(
    ("texts", "bits"),
    [
        (("0", "1"), ("0", "1")),
        (("1", "-1"), ("-1", "1")),
        (("0.0", "1.0"), ("0.0", "1.0")),
        (("YES", "no"), ("no", "YES")),
        (("True", "False"), ("False", "True")),
        *(((low, high), (low, high)) for low, high in (("нет", "да"), ("否", "是"), ("N", "Y"))),
        (("1", "2"), None),
        (("a", "b"), None),
        (("1",), None),
    ],
)
def test_binary_columns(facts, texts, bits):
    assert facts(*texts * 20).bits == bits


@pytest.mark.parametrize(
    ("texts", "form"),
    [
        (("1,234", "12,345,678", "950", "1,000.50"), "numbers with thousands separators"),
        (("1 234", "950"), "numbers with thousands separators"),
        (("0,5", "12,25", "3"), "numbers with decimal commas"),
        (("1.234,5", "0,5"), "numbers with decimal commas"),
        (("$5", "7.50 €", "12%"), "numbers with units"),
        (("1.234", "12.000", "950", "1.234.567", "7"), "numbers with points as thousands separators"),
        (("1.234", "2.345", "950", "12.500", "7"), "numbers with points as thousands separators"),
        (("1.234", "0.345", "950", "12.500", "7"), ""),
        (("1.234", "2.345", "12.500"), ""),
        (("31.12.2024", "1.1.2024 10:30", "2024.01.31 10:30:00"), "dates in this form are not read"),
        (("12/31/2024", "1/1/2024, 10:30 PM"), "dates in this form are not read"),
        (("1,2,3", "4"), ""),
        (("a", "1,5"), ""),
    ],
)
def test_forms_of_numbers(facts, texts, form):
    assert facts(*texts * 10).form.partition(":")[0] == form


def test_how_a_column_tells_a_time(facts):
    assert facts(*(f"{1_500_000_000_000 + n}" for n in range(30))).clock == "seconds"
    assert facts(*(f"202401{n:02}" for n in range(1, 30))).clock == "calendar"
    assert facts("2024-01-31", "2024-02-01").clock == "date"
    assert facts(*NUMBERS).clock == ""
    found = facts(*(f"{1_500_000_000 + n}" for n in range(30)), "15")
    assert (found.clock, found.odd_clock, found.odd) == ("seconds", Odd(1, 32, "15"), None)


@pytest.mark.parametrize(("values", "jumps"), [(range(40), ""), (range(0, 4000, 10), ""), (None, "y")])
def test_integers_are_codes_where_a_binary_column_jumps_between_neighbours(values, jumps):
    random = np.random.default_rng(0)
    x = random.choice(300 if values is None else values, 6000)
    rate = random.random(300)[x] if values is None else 0.5 + 0.4 * np.sin(x / max(values) * 6)
    head = pd.DataFrame({"c0": x, "c1": random.random(6000) < rate, "line": range(6000)})  # noqa: F841
    with duckdb.connect() as db:
        db.execute("CREATE TABLE head AS SELECT c0::VARCHAR AS c0, c1::VARCHAR AS c1, line FROM head")
        assert facts_of(db, [Facts("x"), Facts("y")])[0].jumps == jumps
