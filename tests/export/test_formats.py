"""The built-in formats of exports."""

import pytest

from automtl_core.errors import UsageError
from automtl_export import formats
from automtl_export.formats import Onnx, Torch
from automtl_testing import check_exporter


@pytest.mark.parametrize("form", [Torch, pytest.param(Onnx, marks=pytest.mark.needs_extra("onnx"))])
def test_formats_keep_their_contract(form, tmp_path):
    check_exporter(form, tmp_path)


def test_a_library_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(formats, "find_spec", lambda name: name != "onnxscript" or None)
    with pytest.raises(UsageError, match="ONNX needs onnxscript") as caught:
        Onnx.check()
    assert caught.value.fix == "install it: pip install 'automtl[onnx]'"
