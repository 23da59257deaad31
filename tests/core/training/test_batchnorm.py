import torch
from torch import nn

from automtl_core.modules.features import Features
from automtl_core.training.batches import Batch
from automtl_core.training.compute import CPU, recalibrate_batchnorm


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.drop, self.norm = nn.Dropout(0.5), nn.BatchNorm1d(1, momentum=0.25)

    def forward(self, features):
        return self.norm(self.drop(features.dense))


def batch(*values):
    rows = torch.tensor(values)[:, None]
    return Batch(Features(torch.zeros(len(values), 1).long(), rows), torch.zeros(len(values), 1))


def test_statistics_are_plain_means_over_batches_without_dropout():
    net = Net().train()
    net.norm.running_mean.fill_(100.0)
    recalibrate_batchnorm(net, [batch(1.0, 3.0), batch(10.0, 14.0)], CPU)
    assert net.norm.running_mean.item() == (2 + 12) / 2
    assert net.norm.running_var.item() == (2 + 8) / 2
    assert net.norm.num_batches_tracked.item() == 2


def test_momentum_is_given_back_and_the_network_evaluates():
    net = Net().train()
    recalibrate_batchnorm(net, [batch(1.0, 3.0)], CPU)
    assert net.norm.momentum == 0.25
    assert not any(module.training for module in net.modules())
