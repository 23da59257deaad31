from pathlib import Path

from automtl_example_exporter import TorchScript
from automtl_testing import check_exporter


def test_contract(tmp_path: Path) -> None:
    check_exporter(TorchScript, tmp_path)


def test_exports_show_how_torch_loads_the_network() -> None:
    assert "jit.load" in TorchScript.source()
