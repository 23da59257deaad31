"""Records of compressed files, and files that cannot be opened."""

import gzip
import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from automtl_core.data.raw.delimited import opened
from automtl_core.dataset.dataset import RawFile
from automtl_core.errors import DataError, InputMissingError

from .logs import COLUMNS, Read


def test_gzip(read: Read, tmp_path: Path) -> None:
    file = RawFile("log.csv.gz", COLUMNS)
    packed = gzip.compress(b"\xef\xbb\xbfuser,tag,click\n1,a,0\n")
    assert read(packed + gzip.compress(b"2,b,1\n"), file) == ([["1", "a", "0"], ["2", "b", "1"]], [])
    for damaged in (
        packed[:-9],
        packed[:20],
        packed + b"more",
        b"user,tag,click\n",
        packed[:30] + b"?" + packed[31:],
    ):
        with pytest.raises(DataError, match=r"log\.csv\.gz: (cut off|not a \.gz file, or damaged)"):
            read(damaged, file)


def test_zstandard(read: Read) -> None:
    zstd: Any = pytest.importorskip("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
    file = RawFile("log.csv.zst", COLUMNS)
    packed = zstd.compress(b"user,tag,click\n1,a,0\n")
    assert read(packed, file) == ([["1", "a", "0"]], [])
    for damaged in (packed[:-3], packed + b"more", b"user,tag,click\n"):
        with pytest.raises(DataError, match=r"log\.csv\.zst: (cut off|not a \.zst file, or damaged)"):
            read(damaged, file)


def test_zstandard_needs_a_package(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(DataError, match=r"log\.csv\.zst: \.zst cannot be read") as error:
        read(b"", RawFile("log.csv.zst", COLUMNS))
    assert error.value.fix == "run `pip install 'automtl[zst]'`, or decompress the file"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path / "none.csv.gz", tmp_path):
        with pytest.raises(InputMissingError, match="cannot be read"), opened(path):
            pass
