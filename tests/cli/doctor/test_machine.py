"""Checks of the machine."""

from pathlib import Path

import pytest
import torch

from automtl_cli.doctor import machine
from automtl_cli.doctor.check import size
from automtl_core.training import compute
from automtl_core.training.compute import CPU, Compute

MIB = 1 << 20
GIB = 1 << 30


def test_threads_are_a_warning_only_if_they_are_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    assert machine.threads().status == "ok"
    monkeypatch.delenv("OMP_NUM_THREADS")
    check = machine.threads()
    assert check.status == "warning"
    assert "OMP_NUM_THREADS=1" in (check.remedy or "")
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert machine.threads().status == "ok"


@pytest.mark.parametrize(
    ("precision", "fast", "status"),
    [("fp32", True, "ok"), ("fp32", False, "ok"), ("bf16", True, "ok"), ("bf16", False, "warning")],
)
def test_slow_bf16_is_a_warning_if_it_is_used(
    precision: compute.Precision, fast: bool, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compute, "_has_bf16", lambda: fast)
    check = machine.bf16(Compute(torch.device("cpu"), precision))
    assert check.status == status
    assert ("is slower than fp32" in check.result) != fast


def test_a_gpu_that_torch_cannot_use_is_a_warning(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(machine, "NVIDIA", tmp_path / "version")
    assert machine.device(CPU.device).status == "ok"
    (tmp_path / "version").touch()
    assert machine.device(CPU.device).status == "warning"


def test_free_memory_is_that_of_the_machine_or_of_its_container(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(machine, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(machine, "CGROUP", tmp_path)
    assert machine.free_memory() is None
    assert machine.memory().status == "ok"
    (tmp_path / "meminfo").write_text("MemTotal: 9000000 kB\nMemAvailable: 8388608 kB\n")
    assert machine.free_memory() == 8 * GIB
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text(f"{200 * MIB}\n")
    assert machine.free_memory() == 8 * GIB
    (tmp_path / "memory.max").write_text(f"{300 * MIB}\n")
    assert machine.free_memory() == 100 * MIB
    assert (machine.memory().status, machine.memory().result) == ("warning", "100 MiB free")


def test_a_folder_that_does_not_exist_is_checked_above(tmp_path: Path) -> None:
    check = machine.folder("runs", tmp_path / "a" / "b")
    assert check.status == "ok"
    assert f"to be created in {tmp_path}" in check.result
    assert not list(tmp_path.iterdir())
    assert machine.folder("runs", tmp_path, needed=1 << 60).status == "warning"


def test_a_folder_that_is_a_file_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "runs").touch()
    assert machine.folder("runs", tmp_path / "runs" / "a").status == "problem"


def test_sizes() -> None:
    assert [size(n) for n in (0, 1536, 3 * MIB, 5.5 * GIB)] == ["0 bytes", "2 KiB", "3 MiB", "5.5 GiB"]
