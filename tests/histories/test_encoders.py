import pytest
import torch

from automtl_histories.encoders import GRU, Decay, Mean, SelfAttention, TargetAttention

EVENTS = torch.tensor([[[4.0, 8.0], [2.0, 0.0]], [[5.0, 1.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]])
KNOWN = torch.tensor([[True, True], [True, False], [False, False]])
QUERY = torch.zeros(3, 1)


def test_the_mean_leaves_out_padding():
    assert Mean(2, 1)(EVENTS, QUERY, KNOWN).tolist() == [[3.0, 4.0], [5.0, 1.0], [0.0, 0.0]]


def test_late_events_weigh_more_at_a_learned_rate():
    encoder = Decay(2, 1)
    with torch.no_grad():
        encoder.rates.copy_(torch.tensor([30.0, -30.0]))  # only the latest event, and all alike
    found = encoder(EVENTS, QUERY, KNOWN)
    assert found.tolist() == [pytest.approx([4.0, 4.0]), [5.0, 1.0], [0.0, 0.0]]


def test_target_attention_learns_to_weigh_events_like_the_row():
    torch.manual_seed(0)
    encoder = TargetAttention(4, 2)
    optimiser = torch.optim.Adam(encoder.parameters(), lr=0.01)
    known = torch.ones(256, 6, dtype=torch.bool)
    for _ in range(600):
        kinds = torch.randint(0, 2, (256, 6))
        query = torch.eye(2)[torch.randint(0, 2, (256,))]
        events = torch.cat([torch.eye(2)[kinds], torch.ones(256, 6, 2)], dim=2)
        matches = (
            (kinds == query.argmax(1, keepdim=True)).sum(1).float()
        )  # how many events share the row's kind
        loss = (encoder(events, query, known)[:, 2] - matches).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss < 0.1


def test_self_attention_of_one_event_is_that_event_and_its_value():
    encoder = SelfAttention(3, 1)
    event = torch.randn(2, 1, 3)
    value = encoder.outside(encoder.inside(event).chunk(3, dim=2)[2])
    found = encoder(event, torch.zeros(2, 1), torch.ones(2, 1, dtype=torch.bool))
    assert torch.allclose(found, (event + value).squeeze(1), atol=1e-6)


def test_it_reads_from_the_earliest_to_the_latest_event():
    encoder = GRU(3, 1)
    events = torch.randn(1, 4, 3)
    states, _ = encoder.gru(events.flip(1))
    found = encoder(events, torch.zeros(1, 1), torch.ones(1, 4, dtype=torch.bool))
    assert torch.allclose(found, states[:, -1], atol=1e-6)
