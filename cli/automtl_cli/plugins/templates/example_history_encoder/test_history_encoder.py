import torch
from automtl_testing import check_history_encoder

from example_history_encoder.history_encoder import Largest


def test_contract() -> None:
    check_history_encoder(Largest)


def test_padding_is_not_the_largest() -> None:
    events = torch.tensor([[[-1.0, 5.0], [-2.0, 3.0], [0.0, 0.0]]])
    known = torch.tensor([[True, True, False]])
    assert Largest(2, 4)(events, torch.zeros(1, 4), known).tolist() == [[-1.0, 5.0]]
