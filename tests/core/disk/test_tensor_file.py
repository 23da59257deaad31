"""Files of tensors have the bytes that safetensors writes."""

import pytest
import safetensors.torch
import torch

from automtl_core.disk.tensor_file import KINDS, write_tensors

TENSORS = {
    f'{name} ä"\\\n{kind}': torch.arange(6).reshape(2, 3).to(kind) for kind in KINDS for name in ("b", "a")
}


@pytest.mark.parametrize(
    "tensors",
    [{}, TENSORS, {"empty": torch.zeros(0, 4), "scalar": torch.tensor(7), "z": torch.ones(3)}],
)
def test_the_bytes_are_those_of_safetensors(tmp_path, tensors):
    metadata = {"automtl": 'a "text" with ä and \u2028'}
    write_tensors(tmp_path / "file", tensors, metadata)
    assert (tmp_path / "file").read_bytes() == safetensors.torch.save(tensors, metadata)
