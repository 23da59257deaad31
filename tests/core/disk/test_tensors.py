"""Large tensors in temporary files without a name, and files with the bytes that safetensors writes."""

import tempfile
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn

from automtl_core.disk import tensors
from automtl_core.disk.tensors import KINDS, copy_like, copy_of, is_in_file, write_tensors, zeros_like


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.setattr(tensors, "LARGE", 4096)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def large():
    return torch.arange(2048.0).view(32, 64)


def mapped(folder):
    return Path("/proc/self/maps").read_text().count(str(folder))


def test_a_copy_of_a_large_tensor_is_in_a_file_without_a_name(folder):
    tensor = large()
    copy = copy_of(tensor)
    tensor.zero_()
    assert torch.equal(copy, large()), "the copy does not follow"
    assert mapped(folder) == 1
    assert is_in_file(copy)
    assert not list(folder.iterdir())
    del copy
    assert mapped(folder) == 0


def test_a_copy_of_a_small_tensor_is_in_memory(folder):
    copy = copy_of(torch.arange(3))
    assert copy.tolist() == [0, 1, 2]
    assert not is_in_file(copy)
    assert mapped(folder) == 0


def test_a_copy_is_in_memory_where_there_is_no_room_for_a_file(folder, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(folder / "gone"))
    copy = copy_of(large())
    assert torch.equal(copy, large())
    assert not is_in_file(copy)


@pytest.mark.parametrize("in_file", [True, False])
def test_the_state_of_a_tensor_is_where_the_tensor_is(in_file):
    weight = nn.Parameter(copy_of(large()) if in_file else large())
    zeros = zeros_like(weight.detach())
    assert (zeros.shape, zeros.dtype, zeros.any().item()) == (weight.shape, weight.dtype, False)
    assert is_in_file(zeros) == in_file
    copy = copy_like(large(), weight)
    assert torch.equal(copy, large())
    assert is_in_file(copy) == in_file


TENSORS = {
    f'{name} ä"\\\n{kind}': torch.arange(6).reshape(2, 3).to(kind) for kind in KINDS for name in ("b", "a")
}


@pytest.mark.parametrize(
    "named", [{}, TENSORS, {"empty": torch.zeros(0, 4), "scalar": torch.tensor(7), "z": torch.ones(3)}]
)
def test_the_bytes_are_those_of_safetensors(tmp_path, named):
    metadata = {"automtl": 'a "text" with ä and \u2028'}
    write_tensors(tmp_path / "file", named, metadata)
    assert (tmp_path / "file").read_bytes() == safetensors.torch.save(named, metadata)
