import pytest
import torch

from automtl_histories.pooling import Decay, Mean
from automtl_testing import check_history_encoder

EVENTS = torch.tensor([[[4.0, 8.0], [2.0, 0.0]], [[5.0, 1.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]])
KNOWN = torch.tensor([[True, True], [True, False], [False, False]])
QUERY = torch.zeros(3, 1)


@pytest.mark.parametrize("encoder", [Mean, Decay])
def test_contract(encoder):
    check_history_encoder(encoder)


def test_the_mean_leaves_out_padding():
    assert Mean(2, 1)(EVENTS, QUERY, KNOWN).tolist() == [[3.0, 4.0], [5.0, 1.0], [0.0, 0.0]]


def test_late_events_weigh_more_at_a_learned_rate():
    encoder = Decay(2, 1)
    with torch.no_grad():
        encoder.rates.copy_(torch.tensor([30.0, -30.0]))  # only the latest event, and all alike
    found = encoder(EVENTS, QUERY, KNOWN)
    assert found.tolist() == [pytest.approx([4.0, 4.0]), [5.0, 1.0], [0.0, 0.0]]
