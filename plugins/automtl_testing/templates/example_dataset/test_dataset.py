from pathlib import Path

import pytest
from automtl_core.plugin import DatasetSettings
from automtl_testing import check_dataset

from example_dataset.dataset import Shop

HEADER = "customer,item,price,seconds,click,buy\n"
LOG = HEADER + "".join(f"c{k % 7},i{k % 5},{k % 9},{k},{k % 2},{k % 4 // 3}\n" for k in range(200))


@pytest.mark.parametrize("split", ["random", "time", "user"])
def test_contract(split: str, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(LOG)
    check_dataset(Shop(DatasetSettings.parse({"split": split})), tmp_path, tmp_path / "work")


def test_an_equal_row_counts_once(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(LOG + LOG.removeprefix(HEADER))
    prepared = check_dataset(Shop(DatasetSettings()), tmp_path, tmp_path / "work")
    assert sum(len(prepared.part(part)) for part in ("train", "validation", "test")) == 200
