import torch
from torch import nn

from automtl_core.modules.features import Features


class Sum(nn.Module):
    def forward(self, features):
        return features.ids.sum(1) + features.dense.sum(1)


def test_examples_without_bags_and_histories_are_ids_and_numbers():
    features = Features(torch.tensor([[1, 2]]), torch.tensor([[0.5]]))
    assert (features.bags, features.histories) == ((), ())
    assert Sum()(features).tolist() == [3.5]
