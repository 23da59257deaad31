"""The built-in formats of exports."""

import pytest

from automtl_export.formats import Onnx, Torch
from automtl_testing import check_exporter


@pytest.mark.parametrize("form", [Torch, pytest.param(Onnx, marks=pytest.mark.needs_extra("onnx"))])
def test_formats_keep_their_contract(form, tmp_path):
    check_exporter(form, tmp_path)
