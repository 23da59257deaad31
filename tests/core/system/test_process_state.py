"""The state of a process: numbers that count as zeros, caches, environment and seeds."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from automtl_core.system import seeds
from automtl_core.system.process_state import CACHE, flushed, flushes, own_cache
from automtl_core.training.process import set_up

LARGE = 1_000_000
"""Number of products for which torch uses all threads."""


def products():
    return torch.full((LARGE,), 1e-30) * 1e-10


def test_all_threads_compute_with_zeros_within_the_block():
    assert (products() > 0).all()  # all threads exist before the block
    with flushed():
        with flushed():
            assert flushes()
        assert (products() == 0).all()
    assert not flushes()
    assert (products() > 0).all()
    with pytest.raises(ValueError, match="within"), flushed():
        raise ValueError("within")
    assert not flushes()


def test_numpy_does_not_warn_within_the_block():
    code = (
        "from automtl_core.system.process_state import flushed\n"
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
        with flushed(False):
            assert not flushes()
            assert float("1e-310") > 0
        assert flushes()
    with flushed(False):
        assert not flushes()


def test_statistics_are_off_unless_the_environment_turns_them_on(monkeypatch):
    name = "ORT_DISABLE_TELEMETRY"
    for before, after in ((None, "1"), ("0", "0")):
        monkeypatch.delenv(name, raising=False) if before is None else monkeypatch.setenv(name, before)
        set_up()
        assert os.environ[name] == after


def test_the_compiler_has_a_cache_folder_of_its_own(monkeypatch):
    for before in (None, "mine"):
        monkeypatch.delenv(CACHE, raising=False) if before is None else monkeypatch.setenv(CACHE, before)
        with own_cache():
            folder = Path(os.environ[CACHE])
            assert list(folder.iterdir()) == []
        assert (folder.exists(), os.environ.get(CACHE)) == (False, before)


def test_a_seed_follows_from_the_seed_of_the_run_and_from_every_word_of_the_purpose():
    found = [
        seeds.derive(0, "shuffle", 1),
        seeds.derive(0, "shuffle", 2),
        seeds.derive(1, "shuffle", 1),
        seeds.derive(0, "train", 1),
        seeds.derive(0, "shuffle"),
    ]
    assert len(set(found)) == len(found)
    assert all(0 <= seed < 2**63 for seed in found)


def test_seeds_are_the_same_on_every_machine_and_torch_draws_by_their_purpose():
    assert seeds.derive(7, "shuffle", 3) == 1607239670037233798
    seeds.seed_torch(0, "train", 1)
    first = torch.rand(3)
    seeds.seed_torch(0, "train", 2)
    assert not torch.equal(torch.rand(3), first)
    seeds.seed_torch(0, "train", 1)
    assert torch.equal(torch.rand(3), first)
