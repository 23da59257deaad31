import pytest

from automtl_core.modules.network import Separate

WEIGHTS = {
    "tasks.0.mlp.0": 3.0,
    "tasks.0.towers.tops.0.0": 1.0,
    "tasks.1.mlp.0": 5.0,
    "tasks.1.towers.tops.0.0": 10.0,
}


def test_each_task_has_an_mlp_and_a_tower(network, logits):
    # x = 2: 3 * 2 and 10 * 5 * 2
    assert logits(network("single-task", WEIGHTS), 2)[0] == pytest.approx([6, 100])


def test_each_task_has_embeddings_of_its_own(network, logits):
    model = network("single-task", WEIGHTS)
    model.tasks[1].inputs.embedding.table.weight.data.fill_(1.0)
    assert logits(model, 2)[0] == pytest.approx([6, 50])


@pytest.mark.parametrize("task", [0, 1])
def test_the_loss_of_a_task_moves_its_own_part_and_nothing_else(network, moved, task):
    names = moved(network("single-task", WEIGHTS), task)
    assert f"tasks.{task}.inputs.embedding.table.weight" in names
    assert f"tasks.{task}.mlp.0.weight" in names
    assert all(name.startswith(f"tasks.{task}.") for name in names)


def test_every_weight_belongs_to_one_part_also_with_more_than_ten_tasks(space):
    model = space("single-task", tasks=[f"t{k}" for k in range(12)]).supernet().network
    assert isinstance(model, Separate)
    parts = model.separate_parts()
    assert list(parts) == [f"t{k}" for k in range(12)]
    for name in model.state_dict():
        assert sum(name.startswith(prefix) for prefix in parts.values()) == 1
