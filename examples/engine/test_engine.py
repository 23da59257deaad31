import os
from pathlib import Path

from automtl_core.plugin import Settings
from automtl_example_engine import Processes
from automtl_testing import check_engine


def test_contract(tmp_path: Path) -> None:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # which workers inherit
    check_engine(Processes(Settings(), 2), tmp_path)
