import hashlib
from pathlib import Path

import duckdb
import pytest

from automtl_core.data.raw.find import find, survey
from automtl_core.dataset.dataset import TEXT, Dataset, DatasetSettings, Label, RawFile, Sparse
from automtl_core.errors import DataError, InputMissingError

LOG = RawFile("log.csv", {"a": TEXT})


def dataset(files: dict[str, RawFile], source: str = "") -> Dataset:
    class Shop(Dataset):
        version = 1
        fields = (Sparse("a"),)
        labels = (Label("click"),)

        def files(self) -> dict[str, RawFile]:
            return files

        def rows(self, db: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
            return db.table("log")

    made = Shop(DatasetSettings())
    made.__class__.source = source
    return made


def test_all_missing_files_are_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "there.csv").touch()
    files = {name: RawFile(f"{name}.csv", {"a": TEXT}) for name in ("there", "log", "users")}
    with pytest.raises(InputMissingError) as error:
        find(tmp_path, dataset(files, "https://example.org (CC0)"), "shop")
    assert str(error.value).splitlines() == [
        f"{tmp_path}/log.csv: raw file of dataset shop not found",
        f"{tmp_path}/users.csv: raw file of dataset shop not found",
    ]
    assert error.value.fix == (
        "get them from https://example.org (CC0); or try `--dataset synthetic`, which needs no files"
    )
    with pytest.raises(
        InputMissingError, match=r"needs a folder with its raw files: there\.csv, log\.csv, users\.csv"
    ):
        find(None, dataset(files), "shop")


def test_a_raw_file_that_links_elsewhere_is_refused(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (tmp_path / "log.csv").touch()
    (data / "log.csv").symlink_to(tmp_path / "log.csv")
    with pytest.raises(DataError, match="links to a file outside"):
        find(data, dataset({"log": LOG}), "shop")


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"1,2\n", 1),
        (b"1,2\n3,4", 2),
        (b"", 0),
        (b"1,2\n\n3,4\n", None),
        (b'"1",2\n', None),
        (b"1,2\r\n", None),
        (b"1,2\0\n", None),
    ],
)
def test_a_survey_tells_of_the_content(tmp_path: Path, content: bytes, lines: int | None) -> None:
    (tmp_path / "log.csv").write_bytes(content)
    found = survey(tmp_path / "log.csv", ",")
    assert found == (len(content), hashlib.sha256(content).hexdigest(), lines, content.count(b","))


def test_blank_lines_are_seen_where_chunks_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "log.csv").write_bytes(b"1,2\n\n3,4\n")
    for size in range(1, 11):
        monkeypatch.setattr("automtl_core.data.raw.find.HASH_CHUNK", size)
        assert survey(tmp_path / "log.csv", ",").lines is None


def test_a_pattern_finds_all_its_files_in_order(tmp_path: Path) -> None:
    for name in ("log2.csv", "log1.csv", "other.csv"):
        (tmp_path / name).touch()
    file = RawFile("log*.csv", {"a": TEXT})
    found = find(tmp_path, dataset({"log": file}), "shop")
    assert found == {"log": [(tmp_path / "log1.csv", file), (tmp_path / "log2.csv", file)]}
