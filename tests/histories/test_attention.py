import pytest
import torch

from automtl_histories.attention import SelfAttention, TargetAttention
from automtl_testing import check_history_encoder


@pytest.mark.parametrize("encoder", [TargetAttention, SelfAttention])
def test_contract(encoder):
    check_history_encoder(encoder)


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
