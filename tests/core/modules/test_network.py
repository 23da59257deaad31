import torch
from torch import nn

from automtl_core.modules.network import Penalised, Separate


class Plain(nn.Module):
    def forward(self, features):
        return features.dense


class Offering(Plain):
    def penalty(self, logits):
        return logits.sum()

    def separate_parts(self):
        return {"click": "click."}


def test_what_a_network_offers_is_seen_by_its_methods():
    assert isinstance(Offering(), Penalised)
    assert isinstance(Offering(), Separate)
    assert not isinstance(Plain(), Penalised | Separate)


def test_a_wrapper_hides_what_a_network_offers():
    # which is why `Compute` never wraps one
    assert not isinstance(torch.nn.Sequential(Offering()), Penalised)
