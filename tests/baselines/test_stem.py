import math

import pytest
import torch

from automtl_core.modules.features import Features

LOG2 = math.log(2.0)
WEIGHTS = {
    "experts.0.0.0": 1.0, "experts.1.0.0": 1.0, "experts.2.0.0": 1.0,
    "towers.tops.0.0": 1.0, "towers.tops.1.0": 10.0,
    "gating.0.linear": [[0.0], [LOG2 / 8], [0.0]], "gating.1.linear": [[0.0], [0.0], [LOG2 / 10]],
}  # fmt: skip


@pytest.fixture
def model(network):
    """Tables of x, 2 x and 3 x: of two tasks and the shared one."""
    made = network("stem", WEIGHTS)
    for scale, inputs in enumerate(made.inputs, start=1):
        inputs.embedding.table.weight.data *= scale
    return made


def test_a_task_weighs_the_experts_of_all_tables_by_its_own_and_the_shared_embeddings(model, logits):
    # x = 2: experts 2, 4 and 6; gates read 2 + 6 and 4 + 6: weights (1, 2, 1) / 4 and (1, 1, 2) / 4
    assert logits(model, 2)[0] == pytest.approx([4, 45])


@pytest.mark.parametrize("task", [0, 1])
def test_a_task_teaches_its_own_and_the_shared_experts_and_embeddings_only(model, moved, task):
    names, other = moved(model, task), 1 - task
    for part in (task, 2):
        assert {f"inputs.{part}.embedding.table.weight", f"experts.{part}.0.0.weight"} <= names
    assert {f"gating.{task}.linear.weight", f"towers.tops.{task}.0.weight"} <= names
    kept = (f"inputs.{other}.", f"experts.{other}.", f"gating.{other}.", f"towers.tops.{other}.")
    assert not [name for name in names if name.startswith(kept)]


def test_all_tasks_together_teach_every_part(model):
    model(Features(torch.tensor([[1], [2]]), torch.zeros(2, 0))).sum().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_each_table_may_have_several_experts(space):
    model = space("stem", experts=2).supernet().network
    assert [len(group) for group in model.experts] == [2, 2, 2]
    assert [gating_network.linear.out_features for gating_network in model.gating] == [6, 6]
