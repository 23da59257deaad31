import duckdb
import pytest

from automtl_core.data.raw.sql import codes, count, create, literal, number_values, quoted


@pytest.fixture
def db():
    with duckdb.connect() as connection:
        yield connection


@pytest.mark.parametrize("name", ["plain", 'a "quoted" one', "it's", "a; DROP TABLE b", "select", "ü 漢"])
def test_any_name_and_any_text_passes_as_it_is(db, name):
    db.execute(f"CREATE TABLE t AS SELECT {literal(name)} AS {quoted(name)}")
    assert db.table("t").project(quoted(name)).fetchall() == [(name,)]
    assert db.table("t").columns == [name]


def test_values_are_numbered_in_their_order_without_blanks(db):
    number_values(db, "field", "SELECT unnest([30, 4, NULL, 30, 100]) AS value", None)
    assert db.execute(f"FROM {codes('field')} ORDER BY code").fetchall() == [(4, 0), (30, 1), (100, 2)]


def test_buckets_depend_on_the_value_alone(db):
    number_values(db, "few", "SELECT unnest(['a', 'b']) AS value", 5)
    number_values(db, "many", "SELECT unnest(['c', 'b', 'a', 'd', 'e', 'f']) AS value", 5)
    few, many = (dict(db.execute(f"FROM {codes(field)}").fetchall()) for field in ("few", "many"))
    assert few.items() <= many.items()
    assert set(many.values()) <= set(range(5))


def test_a_table_is_made_of_rows_and_counted(db):
    create(db, "my rows", db.sql("SELECT * FROM range(7)"))
    assert count(db, quoted("my rows")) == 7
    create(db, "more", db.sql("SELECT * FROM range(2)"))
    assert count(db, "more") == 2
