"""Copies of a network by task: which one predicts a task, how many there are, and how they are loaded."""

import torch
from torch import nn

from automtl_core.modules.by_task import PLACES, ByTask, copies_of, shaped_for
from automtl_core.modules.ensemble import Ensemble


class Constant(nn.Module):
    """A network of three tasks that predicts its weights for each row."""

    def __init__(self, value=0.0):
        super().__init__()
        self.weight = nn.Parameter(torch.full((3,), value))

    def forward(self, features):
        return self.weight.expand(2, 3)


def test_each_task_is_predicted_by_its_copy():
    network = ByTask([Constant(1.0), Constant(2.0)], [1, 0, 1])
    assert network(None).tolist() == [[2.0, 1.0, 2.0]] * 2


def test_copies_are_counted_also_in_ensembles():
    network = ByTask([Constant(), Constant(), Constant()], [2, 0, 1])
    counts = [copies_of(one) for one in (Constant(), network, Ensemble([network, Constant()]))]
    assert counts == [1, 3, 4]


def test_weights_of_copies_are_loaded_into_as_many_copies():
    copies = ByTask([Constant(1.0), Constant(2.0)], [1, 0, 1])
    for saved, blank in (
        (copies, Constant()),
        (Ensemble([copies, Constant(3.0)]), Ensemble([Constant(), Constant()])),
        (Constant(4.0), Constant()),
    ):
        state = saved.state_dict()
        loaded = shaped_for(blank, state)
        loaded.load_state_dict(state)
        assert torch.equal(loaded(None), saved(None))
        assert copies_of(loaded) == copies_of(saved)
    assert copies.state_dict()[PLACES].tolist() == [1, 0, 1]
