"""Raw files of a dataset become its tables, within the rows that may be left out of all of them."""

import pytest

from automtl_core.data.prepare.sources import read, survey, workshop
from automtl_core.data.progress import silent
from automtl_core.errors import DataError


def test_files_are_surveyed_and_read(shop, shop_dir, tmp_path):
    stages = []
    sources = survey(shop, "shop", shop_dir, lambda stage, done: stages.append(stage))
    [source] = sources["shop"]
    assert (source.name, source.survey.bytes) == ("shop.csv", (shop_dir / "shop.csv").stat().st_size)
    with workshop(shop_dir, tmp_path / "here", None) as (db, work_dir):
        assert work_dir.parent == tmp_path / "here"
        assert read(db, shop, sources, work_dir, lambda stage, done: stages.append(stage)) == []
        assert len(db.table("shop").fetchall()) == 100
    assert list((tmp_path / "here").iterdir()) == []
    assert stages == ["check", "read"]


@pytest.mark.parametrize("most", [1, 2])
def test_rows_that_are_left_out_count_over_all_tables(shop, shop_dir, tmp_path, monkeypatch, most):
    (shop_dir / "shop.csv").write_text("user,city,price,click,buy\nu,c,x,0,0\nu,c,1,0,0\n")
    file = shop.files()["shop"]
    monkeypatch.setattr(type(shop), "files", lambda self: {"shop": file, "again": file})
    monkeypatch.setattr(
        "automtl_core.data.prepare.sources.find",
        lambda *_: {table: [(shop_dir / "shop.csv", file)] for table in ("shop", "again")},
    )
    chosen = type(shop)(type(shop.settings)(bad_rows="skip", max_bad_rows=most))
    sources = survey(chosen, "shop", shop_dir, silent)
    with workshop(shop_dir, tmp_path, None) as (db, work_dir):
        if most == 2:
            assert [one.fault.line for one in read(db, chosen, sources, work_dir, silent)] == [2, 2]
            return
        with pytest.raises(DataError, match="price: expected a number"):
            read(db, chosen, sources, work_dir, silent)
