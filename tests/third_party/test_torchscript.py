"""A format of forty lines: exports are compared with the network on test rows before they are written."""

import json
import runpy
import sys
import warnings

import pytest
import torch
from torchscript import TorchScript

from automtl_testing import check_exporter


def test_it_keeps_its_contract(tmp_path):
    check_exporter(TorchScript, tmp_path)


def test_a_run_is_exported(install, automtl, trained, monkeypatch, capsys, tmp_path):
    install("", "torchscript", value="torchscript")
    assert "torchscript" in automtl("list", "exporters")[1]
    code, out, err = automtl("export", trained, "--format", "torchscript", "--out", "served", "--json")
    assert code == 0, err
    result = json.loads(out)
    assert (result["format"], result["real"]) == ("torchscript", True)
    assert result["largest_difference"] < 1e-5
    monkeypatch.syspath_prepend(tmp_path / "served")
    monkeypatch.delitem(sys.modules, "encode", raising=False)
    warnings.filterwarnings("ignore", category=DeprecationWarning)  # of TorchScript
    runpy.run_path(str(tmp_path / "served" / "example.py"), run_name="__main__")
    del sys.modules["encode"]
    assert len(capsys.readouterr().out.splitlines()) == 3


@pytest.mark.parametrize(
    ("columns", "code", "words"),
    [(1, 69, "returns [100, 1], expected [100, 4]"), (4, 65, "differs from the")],
)
def test_a_graph_that_predicts_otherwise_is_not_written(
    columns, code, words, install, automtl, trained, monkeypatch, tmp_path
):
    install("", "torchscript", value="torchscript")
    ones = staticmethod(lambda folder: lambda rows: torch.ones(len(rows["ids"]), columns).numpy())
    monkeypatch.setattr(TorchScript, "load", ones)
    ended = automtl("export", trained, "--format", "torchscript", "--out", "served")
    assert (ended[0], words in ended[2]) == (code, True), ended[2]
    assert not (tmp_path / "served").exists()
