import torch

from automtl_histories.recurrent import GRU
from automtl_testing import check_history_encoder


def test_contract():
    check_history_encoder(GRU)


def test_it_reads_from_the_earliest_to_the_latest_event():
    encoder = GRU(3, 1)
    events = torch.randn(1, 4, 3)
    states, _ = encoder.gru(events.flip(1))
    found = encoder(events, torch.zeros(1, 1), torch.ones(1, 4, dtype=torch.bool))
    assert torch.allclose(found, states[:, -1], atol=1e-6)
