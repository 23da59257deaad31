"""Trials on a Ray cluster of this machine."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import pytest

from automtl_core.errors import UsageError
from automtl_engines.ray import Ray, RaySettings
from automtl_testing.trials import check_engine

ALONE = RaySettings(address="127.0.0.1:1")


def test_without_ray_one_line_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(UsageError, match="needs a library that is not installed: ray") as raised,
        Ray(ALONE, 2).executor(),
    ):
        pass
    assert raised.value.fix == "pip install 'automtl[ray]'"


def test_processes_of_the_cluster_import_nothing_of_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = []

    def init(**options: object) -> None:
        folders.append((Path.cwd(), list(Path.cwd().iterdir())))
        raise ConnectionError

    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(is_initialized=lambda: False, init=init))
    with pytest.raises(UsageError), Ray(ALONE, 2).executor():
        pass
    ((folder, files),) = folders
    assert (folder != tmp_path, files, Path.cwd()) == (True, [], tmp_path)


def test_the_engine_keeps_its_contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    options = {"num_cpus": 2, "include_dashboard": False, "log_to_driver": False}
    with TemporaryDirectory(
        prefix="ray-", dir="/tmp"
    ) as short:  # its sockets have names of 107 bytes at most
        ray.init(address="local", object_store_memory=100_000_000, _temp_dir=short, **options)
        try:
            check_engine(Ray(RaySettings(), 2), tmp_path)
            assert ray.is_initialized(), "the connection of a script is kept"
        finally:
            ray.shutdown()
