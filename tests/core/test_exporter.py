"""The contract of formats: what they are given, and what an export takes of them."""

import pytest

from automtl_core.errors import PluginError
from automtl_core.exporter import Exporter
from automtl_export.formats import Onnx, Torch


def test_the_source_of_load_is_a_function():
    for form, library in ((Torch, "import torch"), (Onnx, "import onnxruntime")):
        assert form.source().startswith("def load(folder: Path) -> Predict:\n")
        assert library in form.source()


def test_a_source_that_is_not_in_a_file_is_an_error():
    names = {"Exporter": Exporter, "__name__": "elsewhere"}
    exec("class Mine(Exporter):\n    @staticmethod\n    def load(folder):\n        pass", names)  # noqa: S102
    with pytest.raises(PluginError, match=r"source of Mine\.load is not available"):
        names["Mine"].source()
