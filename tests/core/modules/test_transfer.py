"""Copies of small tensors to the device of a network; tests/device has those to a GPU."""

import torch

from automtl_core.modules.transfer import indices, sent


def test_nothing_is_copied_on_the_cpu():
    tensor = torch.arange(3)
    assert sent(tensor, torch.device("cpu")) is tensor


def test_without_values_there_are_only_shapes():
    with torch.device("meta"):
        assert indices([2, 0], torch.zeros(3)).device.type == "meta"
    assert sent(torch.arange(3), torch.device("meta")).shape == (3,)


def test_places_select_entries_also_none():
    values = torch.tensor([5.0, 6.0, 7.0])
    assert values.index_select(0, indices((2, 0), values)).tolist() == [7.0, 5.0]
    assert values.index_select(0, indices((), values)).shape == (0,)
