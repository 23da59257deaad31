"""Simulated raw files of any dataset: the same for a seed, as declared, and prepared without a fault."""

import csv
from pathlib import Path

import pytest

from automtl_core.data.prepare.prepare import prepare
from simulated import SIMULATORS

from .samples import DATASETS

every_dataset = pytest.mark.parametrize("name", DATASETS)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@every_dataset
def test_the_same_seed_makes_the_same_bytes(tmp_path: Path, name: str) -> None:
    for folder, seed in (("one", 3), ("same", 3), ("other", 4)):
        (tmp_path / folder).mkdir()
        SIMULATORS[name](tmp_path / folder, 1500, seed)
    one, same, other = (content(tmp_path / folder) for folder in ("one", "same", "other"))
    assert one == same
    assert one.keys() == other.keys()
    assert all(one[path] != other[path] for path in one)


@every_dataset
def test_files_are_as_declared(folders: dict[str, Path], name: str) -> None:
    declared = DATASETS[name]().files().values()
    found = []
    for file in declared:
        [path] = folders[name].glob(file.path)
        found.append(path)
        with path.open(newline="") as opened:
            records = list(csv.reader(opened))
        if file.header:
            assert records.pop(0) == list(file.columns)
        if file.cut_tail:
            assert len(records.pop()) == len(file.columns) - 1
        for values, column in zip(zip(*records, strict=True), file.columns.values(), strict=True):
            given = set(values) - {""}
            assert not column.among or given <= set(column.among)
            if column.kind == "integer":
                assert all(value.lstrip("-").isdecimal() for value in given)
    assert set(found) == {path for path in folders[name].rglob("*") if path.is_file()}
    assert not [path for path in found if b"\r" in path.read_bytes()]


@every_dataset
def test_every_row_is_accepted(tmp_path: Path, name: str) -> None:
    (tmp_path / "raw").mkdir()
    SIMULATORS[name](tmp_path / "raw", 4000, 0)
    prepared = prepare(DATASETS[name](), name, tmp_path / "raw", tmp_path / "prepared")
    assert prepared.manifest["rejected"] == 0
    assert sum(prepared.manifest["rows"].values()) > 100


@every_dataset
def test_one_row_can_be_asked_for(tmp_path: Path, name: str) -> None:
    SIMULATORS[name](tmp_path, 1, 0)


def test_headers_are_the_real_ones(real_data: Path, folders: dict[str, Path]) -> None:
    compared = 0
    for name in ("ijcai15", "kuairand"):
        for path in (real_data / name).rglob("*.csv"):
            with (
                path.open() as real,
                (folders[name] / path.relative_to(real_data / name)).open() as simulated,
            ):
                assert real.readline() == simulated.readline()
            compared += 1
    assert compared >= 6
