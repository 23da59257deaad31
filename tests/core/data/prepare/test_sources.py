"""Raw files of a dataset become its tables, within the rows that may be left out of all of them."""

import pytest

from automtl_core.data.prepare.sources import bytes_of, database_limit, read, workshop
from automtl_core.data.progress import silent
from automtl_core.data.raw.find import find, source_of
from automtl_core.errors import DataError


def test_files_become_tables(shop, shop_dir, tmp_path):
    stages = []
    with workshop(shop_dir, tmp_path / "here", None) as (db, work_dir):
        assert work_dir.parent == tmp_path / "here"
        sources = find(shop_dir, shop, "shop")
        assert read(db, shop, sources, work_dir, lambda *told: stages.append(told)) == []
        assert len(db.table("shop").fetchall()) == 100
    assert list((tmp_path / "here").iterdir()) == []
    assert stages == [("read", 0)]


@pytest.mark.parametrize("most", [1, 2])
def test_rows_that_are_left_out_count_over_all_tables(shop, shop_dir, tmp_path, most):
    (shop_dir / "shop.csv").write_text("user,city,price,click,buy\nu,c,x,0,0\nu,c,1,0,0\n")
    source = source_of(shop_dir / "shop.csv", shop.files()["shop"], shop_dir)
    chosen = type(shop)(type(shop.settings)(bad_rows="skip", max_bad_rows=most))
    with workshop(shop_dir, tmp_path, None) as (db, work_dir):
        sources = {"shop": [source], "again": [source]}
        if most == 2:
            assert [one.fault.line for one in read(db, chosen, sources, work_dir, silent)] == [2, 2]
            return
        with pytest.raises(DataError, match="price: expected a number"):
            read(db, chosen, sources, work_dir, silent)


def test_the_database_leaves_some_of_the_memory_limit(shop_dir, tmp_path, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 16)
    with workshop(shop_dir, tmp_path, "1GiB") as (db, _):
        memory, threads = db.execute(
            "SELECT current_setting('memory_limit'), current_setting('threads')"
        ).fetchall()[0]
    assert memory == "424.0 MiB"
    assert threads == 3


@pytest.mark.parametrize(("limit", "left"), [(512, 204), (1024, 424), (8192, 7592)])
def test_python_has_600_mib_or_more_than_half_of_a_small_limit(limit, left):
    assert database_limit(limit << 20) >> 20 == left


@pytest.mark.parametrize(
    ("size", "expected"),
    [("100KB", 100_000), ("512mib", 512 << 20), ("1.5 GB", 1_500_000_000), ("2TiB", 2 << 40)],
)
def test_amounts_of_memory_are_read(size, expected):
    assert bytes_of(size) == expected
