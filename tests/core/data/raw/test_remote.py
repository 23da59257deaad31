"""Remote files: nothing is read without the word of the user, and copies follow their originals."""

import http.server
import json
import os
import threading
from functools import partial
from pathlib import Path

import duckdb
import pytest

from automtl_core.data.raw import remote as module
from automtl_core.data.raw.find import find
from automtl_core.data.raw.remote import load_extension, local_folder, url_of
from automtl_core.dataset.dataset import TEXT, RawFile
from automtl_core.errors import DataError, InputMissingError, SetupError, StorageError, UsageError

COLUMNS = {"a": TEXT}


class Files:
    """A dataset, as far as its files go."""

    source = ""

    def __init__(self, *patterns):
        self.patterns = patterns

    def files(self):
        return {f"table {n}": RawFile(pattern, COLUMNS) for n, pattern in enumerate(self.patterns)}


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A folder in place of an object store: DuckDB reads it by the same functions."""
    folder = tmp_path / "store"
    for name in ("day=1/x.csv", "day=2/x.csv", "day=2/y.parquet"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"a\r\n1\n\n" + name.encode())
    monkeypatch.setattr(module, "url_of", lambda path: str(path))
    monkeypatch.setattr(module, "load_extension", lambda db: None)
    return folder


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("s3://bucket/logs", "s3://bucket/logs"),
        ("https://host:81/a/b", "https://host:81/a/b"),
        ("gs://bucket", "gs://bucket"),
        ("data/s3", None),
        ("s3", None),
        ("/s3:/bucket", None),
    ],
)
def test_addresses_survive_as_paths(folder, expected):
    assert url_of(Path(folder)) == expected
    assert url_of(None) is None


def test_no_file_is_read_without_the_word_of_the_user(tmp_path):
    for attempt in (
        lambda: local_folder(Files("x.csv"), "shop", Path("s3://bucket/a"), tmp_path, allowed=False),
        lambda: find(Path("s3://bucket/a"), Files("x.csv"), "shop"),
    ):
        with pytest.raises(UsageError, match="s3://bucket/a") as caught:
            attempt()
        assert "--allow-remote" in caught.value.fix
    assert list(tmp_path.iterdir()) == []


def test_the_environment_is_the_word_of_the_user_too(store, tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOMTL_ALLOW_REMOTE", "1")
    assert local_folder(Files("day=1/x.csv"), "shop", store, tmp_path, allowed=False).parent == tmp_path


def test_local_folders_and_datasets_without_files_are_left_alone(tmp_path):
    assert local_folder(Files("x.csv"), "shop", tmp_path, tmp_path, allowed=False) == tmp_path
    where = Path("s3://bucket/a")
    assert local_folder(Files(), "shop", where, tmp_path, allowed=False) == where


def test_copies_have_the_bytes_and_names_of_their_originals(store, tmp_path):
    folder = local_folder(Files("day=*/*.csv"), "shop", store, tmp_path / "prepared", allowed=True)
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))
    assert found == ["day=1/x.csv", "day=2/x.csv", "index.json"]
    for name in found[:2]:
        assert (folder / name).read_bytes() == (store / name).read_bytes()


def test_only_changed_files_are_copied_again(store, tmp_path, monkeypatch):
    copied = []
    copy = module._copy
    monkeypatch.setattr(
        module, "_copy", lambda db, file, path: copied.append(file.name) or copy(db, file, path)
    )

    def again(*patterns):
        copied.clear()
        return local_folder(Files(*patterns), "shop", store, tmp_path / "prepared", allowed=True)

    again("day=*/*.csv")
    assert copied == ["day=1/x.csv", "day=2/x.csv"]
    again("day=*/*.csv")
    assert copied == []
    (store / "day=2/x.csv").write_bytes(b"a\n2\n")
    os.utime(store / "day=1/x.csv", (1e9, 1e9))
    folder = again("day=*/*.csv")
    assert copied == ["day=1/x.csv", "day=2/x.csv"]
    assert (folder / "day=2/x.csv").read_bytes() == b"a\n2\n"
    again("day=1/*.csv")
    assert copied == []
    assert not (folder / "day=2/x.csv").exists()
    (folder / "index.json").write_text("no json")
    again("day=1/*.csv")
    assert copied == ["day=1/x.csv"]
    assert json.loads((folder / "index.json").read_text()).keys() == {"day=1/x.csv"}


def test_missing_and_large_files_are_named(store, tmp_path, monkeypatch):
    with pytest.raises(InputMissingError, match=r"store/z-\*\.csv: raw file of dataset shop not found"):
        local_folder(Files("z-*.csv"), "shop", store, tmp_path / "prepared", allowed=True)
    monkeypatch.setattr(module, "WHOLE", 3)
    with pytest.raises(DataError, match=r"day=1/x\.csv: has 17 bytes, and text files may have 3") as caught:
        local_folder(Files("day=1/x.csv"), "shop", store, tmp_path / "prepared", allowed=True)
    assert "Parquet" in caught.value.fix


def test_a_large_parquet_file_is_copied_row_by_row(store, tmp_path, monkeypatch):
    duckdb.sql("SELECT range AS a FROM range(1000)").write_parquet(str(store / "day=2/y.parquet"))
    monkeypatch.setattr(module, "WHOLE", 3)
    folder = local_folder(Files("day=2/y.parquet"), "shop", store, tmp_path / "prepared", allowed=True)
    rows = duckdb.read_parquet(f"{folder}/day=2/y.parquet", hive_partitioning=False)
    assert rows.fetchall() == [(n,) for n in range(1000)]


def test_a_web_server_cannot_list_files(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "load_extension", lambda db: None)
    with pytest.raises(UsageError, match="a web server does not list"):
        local_folder(Files("*.csv"), "shop", Path("https://host/a"), tmp_path, allowed=True)


def test_without_the_extension_the_error_says_what_to_do(monkeypatch):
    class Offline:
        def execute(self, command):
            raise duckdb.IOException(f"{command}: no network")

    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(SetupError, match="cannot load its extension httpfs") as caught:
        load_extension(Offline())
    assert f"duckdb-extension-httpfs=={duckdb.__version__}" in caught.value.fix


def test_files_of_a_web_server(tmp_path):
    with duckdb.connect() as db:
        commands = ["LOAD httpfs", *module._packaged()]
        if not any(_runs(db, command) for command in commands):
            pytest.skip("DuckDB's extension httpfs is not installed")
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "x.csv").write_text("a\n1\n")
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "www"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = Path(f"http://127.0.0.1:{server.server_port}")
        folder = local_folder(Files("x.csv"), "shop", url, tmp_path, allowed=True)
        assert (folder / "x.csv").read_text() == "a\n1\n"
        with pytest.raises(InputMissingError):
            local_folder(Files("y.csv"), "shop", url, tmp_path, allowed=True)
        server.shutdown()
    with pytest.raises(StorageError):
        local_folder(Files("x.csv"), "shop", url, tmp_path, allowed=True)


def _runs(db, command):
    try:
        db.execute(command)
    except duckdb.Error:
        return False
    return True
