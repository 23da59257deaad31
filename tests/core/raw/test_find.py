import pytest

from automtl_core.dataset.dataset import TEXT, Dataset, DatasetSettings, Label, RawFile, Sparse
from automtl_core.errors import DataError, InputMissingError
from automtl_core.raw.find import find, source_of

LOG = RawFile("log.csv", {"a": TEXT})


def dataset(files, source=""):
    class Shop(Dataset):
        version = 1
        fields = (Sparse("a"),)
        labels = (Label("click"),)

        def files(self):
            return files

        def rows(self, db):
            return db.table("log")

    made = Shop(DatasetSettings())
    made.__class__.source = source
    return made


def test_all_missing_files_are_named_at_once(tmp_path):
    (tmp_path / "there.csv").touch()
    files = {name: RawFile(f"{name}.csv", {"a": TEXT}) for name in ("there", "log", "users")}
    with pytest.raises(InputMissingError) as error:
        find(tmp_path, dataset(files, "https://example.org (CC0)"), "shop")
    assert str(error.value).splitlines() == [
        f"{tmp_path}/log.csv: raw file of dataset shop not found",
        f"{tmp_path}/users.csv: raw file of dataset shop not found",
    ]
    assert error.value.fix == (
        "name the folder of its raw files: --data-dir FOLDER; get them from https://example.org (CC0); "
        "or try `--dataset synthetic`, which needs no files"
    )
    with pytest.raises(
        InputMissingError, match=r"needs a folder with its raw files: there\.csv, log\.csv, users\.csv"
    ):
        find(None, dataset(files), "shop")


def test_a_raw_file_that_links_elsewhere_is_refused(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (tmp_path / "log.csv").touch()
    (data / "log.csv").symlink_to(tmp_path / "log.csv")
    with pytest.raises(DataError, match="links to a file outside"):
        find(data, dataset({"log": LOG}), "shop")


def test_a_pattern_finds_all_its_files_in_order(tmp_path):
    for name in ("log2.csv", "log1.csv", "other.csv"):
        (tmp_path / name).touch()
    file = RawFile("log*.csv", {"a": TEXT})
    found = find(tmp_path, dataset({"log": file}), "shop")
    assert found == {"log": [source_of(tmp_path / name, file, tmp_path) for name in ("log1.csv", "log2.csv")]}
    assert [source.name for source in found["log"]] == ["log1.csv", "log2.csv"]


def test_a_file_whose_name_is_a_pattern_for_another_is_the_one_that_is_meant(tmp_path):
    for name in ("data[1].csv", "data1.csv"):
        (tmp_path / name).write_text("a\nx\n")
    shop = dataset({"log": RawFile("data[1].csv", {"a": TEXT})})
    assert [one.name for one in find(tmp_path, shop, "shop")["log"]] == ["data[1].csv"]
    (tmp_path / "data[1].csv").unlink()
    assert [one.name for one in find(tmp_path, shop, "shop")["log"]] == ["data1.csv"]
