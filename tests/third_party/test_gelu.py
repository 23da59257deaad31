"""The plugin that the README shows, installed as anyone would install it."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from automtl_core.registry.kinds import OPS
from automtl_core.registry.plugins import load_registry

PLUGIN = Path(__file__).parent / "automtl_gelu"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    target = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    offline = ["--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*pip, *offline, "--target", target, PLUGIN], check=True)
    return target


def test_an_installed_op_is_found_and_maps_in_to_out(site, monkeypatch):
    monkeypatch.syspath_prepend(site)
    registry = load_registry()
    row = registry.supplier(OPS, "gelu")
    assert (row.name, row.distribution, row.version) == ("gelu", "automtl-gelu", "0.1.0"), row
    assert registry.describe(OPS, "gelu") == "Dropout, a linear layer and GELU."
    op = registry.op("gelu")(3, 5, 0.1).eval()
    x = torch.randn(4, 3)
    assert torch.equal(op(x), torch.nn.functional.gelu(op[1](x)))
    assert op(x).shape == (4, 5)
