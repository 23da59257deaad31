"""Modules without weights."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from automtl_core.modules.cost import meta


def test_modules_have_shapes_and_no_values() -> None:
    with meta():
        linear = nn.Linear(3, 4)
        table = nn.init.trunc_normal_(torch.empty(2, 5), std=0.1)
    assert [tuple(p.shape) for p in linear.parameters()] == [(4, 3), (4,)]
    assert linear.weight.is_meta
    assert table.is_meta
    assert tuple(table.shape) == (2, 5)


def test_a_tensor_of_another_device_keeps_its_values() -> None:
    with meta():
        drawn = torch.zeros(1000, device="cpu").normal_(generator=torch.Generator().manual_seed(0))
    assert drawn.std().item() == pytest.approx(1, abs=0.1)


def test_the_compiler_of_torch_is_not_imported() -> None:
    code = (
        "import sys; from torch import nn; from automtl_core.modules.cost import meta\n"
        "with meta(): nn.Sequential(nn.Embedding(3, 2), nn.Linear(2, 2), nn.GRU(2, 2))\n"
        "print('torch._dynamo' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"
