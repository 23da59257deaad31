"""TorchJD that is not there."""

import subprocess
import sys

import pytest

from automtl_balancers.library import torchjd
from automtl_core.errors import UsageError


@pytest.mark.parametrize("missing", ["torchjd.aggregation", "qpsolvers"])
def test_what_is_missing_is_told(monkeypatch, missing):
    for name in [name for name in sys.modules if name.startswith("torchjd")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == missing else name)
    with pytest.raises(UsageError, match=r"training\.balancer: UPGrad needs TorchJD") as error:
        torchjd("aggregation", "UPGrad")
    assert error.value.fix == "install them: pip install 'automtl[torchjd]'"


def test_it_is_not_imported_before_it_is_needed():
    code = "import sys, automtl_balancers.aggregators; sys.exit('torchjd' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
