"""Publishing generated raw files, marked as such."""

import json
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from automtl_core.data.simulate import MARKER, simulate_into
from automtl_core.dataset.dataset import Dataset, DatasetSettings, Label, Sparse
from automtl_core.errors import RunExistsError, StorageError, UsageError


class Shop(Dataset):
    """Writes `shop.csv`, one number a row, and fails on the way if `fail` is set."""

    version = 1
    fields = (Sparse("user"),)
    labels = (Label("buy"),)
    fail: BaseException | None = None

    def rows(self, db: duckdb.DuckDBPyConnection) -> pd.DataFrame:
        raise NotImplementedError

    def simulate(self, folder: Path, rows: int, seed: int) -> None:
        (folder / "shop.csv").write_text("".join(f"{seed + row}\n" for row in range(rows)))
        if self.fail:
            raise self.fail


class Bare(Shop):
    simulate = Dataset.simulate


@pytest.fixture
def shop() -> Shop:
    return Shop(DatasetSettings())


@pytest.mark.parametrize("there", [False, True])
def test_a_folder_appears_with_its_marker(tmp_path: Path, shop: Shop, there: bool) -> None:
    folder = tmp_path / "a" / "b"
    if there:
        folder.mkdir(parents=True)
    simulate_into(shop, "shop", folder, 3, 7)
    assert sorted(path.name for path in folder.iterdir()) == [MARKER, "shop.csv"]
    assert (folder / "shop.csv").read_text() == "7\n8\n9\n"
    assert json.loads((folder / MARKER).read_text()) == {"dataset": "shop", "rows": 3, "seed": 7}
    assert [path.name for path in folder.parent.iterdir()] == ["b"]


def test_what_a_folder_holds_is_not_touched(tmp_path: Path, shop: Shop) -> None:
    (tmp_path / "mine").write_text("x")
    for taken in (tmp_path, tmp_path / "mine"):
        with pytest.raises(RunExistsError, match=f"{taken}: holds something already") as error:
            simulate_into(shop, "shop", taken, 3, 7)
        assert error.value.exit_code == 73
        assert error.value.fix == "choose another folder"
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("failure", "shown"),
    [(KeyboardInterrupt(), KeyboardInterrupt), (OSError(28, "No space left"), StorageError)],
)
def test_nothing_is_left_of_a_failure(
    tmp_path: Path, shop: Shop, failure: BaseException, shown: type[BaseException]
) -> None:
    shop.fail = failure
    with pytest.raises(shown):
        simulate_into(shop, "shop", tmp_path / "b", 3, 7)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_simulated(tmp_path: Path, shop: Shop) -> None:
    with pytest.raises(UsageError, match="cannot simulate 0 rows"):
        simulate_into(shop, "shop", tmp_path / "b", 0, 7)
    with pytest.raises(UsageError, match="Bare cannot be simulated"):
        simulate_into(Bare(DatasetSettings()), "bare", tmp_path / "b", 3, 7)
    assert list(tmp_path.iterdir()) == []
