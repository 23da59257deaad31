"""Denormal numbers are zeros in all threads of torch within a block, and numbers after it."""

import json
import subprocess
import sys
import traceback

import pytest
import torch
import yaml
from finished_runs import REGISTRY, SEARCH

from automtl_core.denormals import exact, flushed, flushes
from automtl_core.workflow.workflow import Workflow

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
        "from automtl_core.denormals import flushed\n"
        "import numpy\n"
        "with flushed():\n"
        "    for kind in (numpy.float16, numpy.float32, numpy.float64):\n"
        "        numpy.finfo(kind).smallest_subnormal\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_exact_numbers_within_a_block():
    with flushed():
        with exact():
            assert not flushes()
            assert float("1e-310") > 0
        assert flushes()
    with exact():
        assert not flushes()


@pytest.mark.parametrize("strategy", ["random", "pd-darts-entropy"])
def test_no_document_is_read_or_written_while_denormal_numbers_are_zeros(
    strategy, common, tmp_path, monkeypatch
):
    changed = []

    def watched(module, name):
        call = getattr(module, name)

        def watching(*args, **kwargs):
            if flushes():
                caller = traceback.extract_stack(limit=2)[0]
                changed.append(f"{name} in {caller.filename}:{caller.lineno}")
            return call(*args, **kwargs)

        monkeypatch.setattr(module, name, watching)

    for module, names in ((json, ("loads", "load", "dumps", "dump")), (yaml, ("load", "safe_dump"))):
        for name in names:
            watched(module, name)
    settings = {"candidates": 2, "rung_epochs": 1} if strategy == "random" else SEARCH["strategy"]
    flow = Workflow(REGISTRY)
    layers = [common, {"space": SEARCH["space"], "strategy": {**settings, "name": strategy}}]
    path = flow.search(flow.job(layers), tmp_path).path
    flow.evaluate(path)
    assert changed == []
