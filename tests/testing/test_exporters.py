"""The contract of formats of exports."""

import pytest
import torch

from automtl_export.formats import Torch
from automtl_testing import check_exporter


class Nothing(Torch):
    """Writes no file."""

    @classmethod
    def write(cls, graph, folder):
        pass


class Constant(Torch):
    """Predicts one half."""

    @staticmethod
    def load(folder):
        return lambda rows: __import__("numpy").full((len(rows["ids"]), 3), 0.5)


class Dependent(Torch):
    """Uses a name of its module."""

    @staticmethod
    def load(folder):
        return lambda rows: torch.zeros(len(rows["ids"]), 2)


@pytest.mark.parametrize(
    ("form", "error", "problem"),
    [
        (Nothing, AssertionError, "writes no file"),
        (Constant, AssertionError, "differ from the network's by|not"),
        (Dependent, NameError, "torch"),
    ],
)
def test_a_format_that_breaks_the_contract_is_named(form, error, problem, tmp_path):
    with pytest.raises(error, match=problem):
        check_exporter(form, tmp_path)
