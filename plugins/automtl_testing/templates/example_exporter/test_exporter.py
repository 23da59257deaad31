from pathlib import Path

from automtl_testing import check_exporter

from example_exporter.exporter import TorchScript


def test_contract(tmp_path: Path) -> None:
    check_exporter(TorchScript, tmp_path)


def test_exports_show_how_torch_loads_the_network() -> None:
    assert "jit.load" in TorchScript.source()
