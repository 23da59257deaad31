import random
from pathlib import Path

import pytest

from automtl_aliexpress import DENSE, ITEMS, PAGES, SPARSE, AliExpress, AliExpressSettings
from automtl_core.plugin import DataError
from automtl_testing import check_dataset


def table(columns: tuple[str, ...], rows: list[dict[str, object]]) -> str:
    """Return a raw file without a header; columns that a row does not name hold 0."""
    return "".join(",".join(str(row.get(column, 0)) for column in columns) + "\n" for row in rows)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with 400 items on 40 pages, and 100 on 10 pages for the test."""
    draw = random.Random(0)
    (tmp_path / "NL").mkdir()
    for part, first, pages in (("train", 0, 40), ("test", 40, 10)):
        of_pages: list[dict[str, object]] = [
            {"search_id": first + k, "user_2": draw.randrange(9)} for k in range(pages)
        ]
        items: list[dict[str, object]] = [
            {
                "search_id": first + k % pages,
                "item_2": draw.random(),
                "item_19": draw.randrange(20),
                "feedback": draw.choice([0, 0, 1, 2]),
            }
            for k in range(10 * pages)
        ]
        (tmp_path / "NL" / f"nl_user_{part}.csv").write_text(table(PAGES, of_pages))
        (tmp_path / "NL" / f"nl_item_{part}.csv").write_text(table(ITEMS, items))
    return tmp_path


def test_there_are_16_categorical_fields_and_63_numbers() -> None:
    assert (len(SPARSE), len(DENSE)) == (16, 63)
    assert len({*SPARSE, *DENSE}) == len(PAGES) + len(ITEMS) - 3  # two ids of the page, one label


def test_it_keeps_the_contract_and_lists_are_pages(folder: Path) -> None:
    dataset = AliExpress(AliExpressSettings.parse({"list": "search_id"}))
    prepared = check_dataset(dataset, folder, folder / "work")
    assert [len(prepared.part(part)) for part in ("train", "validation", "test")] == [360, 40, 100]
    groups = prepared.part("test").groups
    assert groups is not None
    assert len({*groups.tolist()}) == 10
    clicks, conversions = prepared.part("test").labels.T
    assert 0 < conversions.sum() < clicks.sum()
    assert (conversions <= clicks).all()


def test_other_feedback_is_a_fault(folder: Path) -> None:
    file = folder / "NL" / "nl_item_train.csv"
    file.write_text(file.read_text() + table(ITEMS, [{"feedback": 3}]))
    with pytest.raises(DataError, match=r"nl_item_train.csv:401: feedback"):
        check_dataset(AliExpress(AliExpressSettings()), folder, folder / "work")
