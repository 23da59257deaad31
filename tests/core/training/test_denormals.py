"""Denormal numbers are zeros in all threads of torch within a block, and numbers after it."""

import subprocess
import sys

import pytest
import torch

from automtl_core.training.denormals import flushed, flushes

LARGE = 1_000_000
"""Number of products for which torch uses all threads."""


def products() -> torch.Tensor:
    return torch.full((LARGE,), 1e-30) * 1e-10


def test_all_threads_compute_with_zeros_within_the_block():
    assert (products() > 0).all()  # all threads exist before the block
    with flushed():
        assert flushes()
        assert (products() == 0).all()
    assert not flushes()
    assert (products() > 0).all()


def test_a_block_in_a_block_changes_nothing():
    with flushed():
        with flushed():
            assert flushes()
        assert (products() == 0).all()


def test_an_error_ends_the_block():
    with pytest.raises(ValueError, match="within"), flushed():
        raise ValueError("within")
    assert not flushes()
    assert (products() > 0).all()


def test_numpy_does_not_warn_within_the_block():
    code = (
        "from automtl_core.training.denormals import flushed\n"
        "import numpy\n"
        "with flushed():\n"
        "    for kind in (numpy.float16, numpy.float32, numpy.float64):\n"
        "        numpy.finfo(kind).smallest_subnormal\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
