"""Copies to a device without values; those to a GPU are tested in tests/device."""

import torch

from automtl_core.modules.transfer import indices, sent


def test_without_values_there_are_only_shapes():
    with torch.device("meta"):
        assert indices([2, 0], torch.zeros(3)).device.type == "meta"
    assert sent(torch.arange(3), torch.device("meta")).shape == (3,)
