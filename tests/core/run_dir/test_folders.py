from pathlib import Path
from types import SimpleNamespace

import pytest

from automtl_core.errors import UsageError
from automtl_core.run_dir.folders import default_raw_folder, prepared_folder, raw_folder

READS = SimpleNamespace(files=lambda: {"log": "log.csv"})
READS_NOTHING = SimpleNamespace(files=dict)


@pytest.fixture(autouse=True)
def unset(monkeypatch):
    for name in ("AUTOMTL_DATA", "AUTOMTL_PREPARED"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("empty", [None, ""])
def test_folders_are_below_the_working_one(monkeypatch, empty):
    if empty is not None:
        monkeypatch.setenv("AUTOMTL_DATA", empty)
        monkeypatch.setenv("AUTOMTL_PREPARED", empty)
    assert default_raw_folder("shop") == Path("data/shop")
    assert prepared_folder() == Path("prepared")


def test_the_environment_says_otherwise(monkeypatch, tmp_path):
    monkeypatch.setenv("AUTOMTL_DATA", str(tmp_path / "raw"))
    monkeypatch.setenv("AUTOMTL_PREPARED", str(tmp_path / "made"))
    assert default_raw_folder("shop") == tmp_path / "raw" / "shop"
    assert prepared_folder() == tmp_path / "made"


def test_what_is_given_comes_first_and_holds_from_everywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert raw_folder(READS, "shop", Path("mine")) == tmp_path / "mine"
    assert raw_folder(READS, "shop", None) == tmp_path / "data" / "shop"
    assert raw_folder(READS_NOTHING, "shop", Path("mine")) is None


def test_an_address_is_refused_with_a_remedy():
    with pytest.raises(UsageError, match=r"^s3://bucket/feed: is an address") as caught:
        raw_folder(READS, "shop", Path("s3://bucket/feed"))
    assert "copy the files" in caught.value.fix
