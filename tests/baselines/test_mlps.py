import pytest
import torch

from automtl_core.modules.network import Separate

BOTTOM_WEIGHTS = {"bottom.0": 3.0, "towers.tops.0.0": 1.0, "towers.tops.1.0": 10.0}


def test_all_tasks_read_one_bottom(network, logits):
    # x = 2: bottom 3 * 2
    assert logits(network("shared-bottom", BOTTOM_WEIGHTS), 2)[0] == pytest.approx([6, 60])


def test_the_bottom_and_the_towers_have_hidden_layers(network, logits):
    weights = {**BOTTOM_WEIGHTS, "bottom.4": 2.0, "towers.tops.0.4": -1.0, "towers.tops.1.4": 1.0}
    model = network("shared-bottom", weights, expert_layers=(1, 1), tower_layers=(1,))
    # bottom 2 * 3 * 2 = 12, no activation behind the last layer of a tower
    assert logits(model, 2)[0] == pytest.approx([-12, 120])


def test_every_task_moves_the_bottom_and_its_own_tower(network, moved):
    names = moved(network("shared-bottom", BOTTOM_WEIGHTS), 1)
    assert {"bottom.0.weight", "towers.tops.1.0.weight", "inputs.embedding.table.weight"} <= names
    assert "towers.tops.0.0.weight" not in names


SINGLE_WEIGHTS = {
    "tasks.0.mlp.0": 3.0,
    "tasks.0.towers.tops.0.0": 1.0,
    "tasks.1.mlp.0": 5.0,
    "tasks.1.towers.tops.0.0": 10.0,
}


def test_each_task_has_embeddings_of_its_own(network, logits):
    model = network("single-task", SINGLE_WEIGHTS)
    model.tasks[1].inputs.embedding.table.weight.data.fill_(1.0)
    assert logits(model, 2)[0] == pytest.approx([6, 50])


@pytest.mark.parametrize("task", [0, 1])
def test_the_loss_of_a_task_moves_its_own_part_and_nothing_else(network, moved, task):
    names = moved(network("single-task", SINGLE_WEIGHTS), task)
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


STITCH_WEIGHTS = {
    "layers.0.layers.0.0": 1.0,
    "layers.0.layers.1.0": 3.0,
    "towers.tops.0.0": 10.0,
    "towers.tops.1.0": 100.0,
}


def test_a_task_takes_most_of_its_own_values_and_the_rest_of_the_others(network, logits):
    # x = 2: 2 and 6; 0.9 * 2 + 0.1 * 6 and 0.1 * 2 + 0.9 * 6
    assert logits(network("cross-stitch", STITCH_WEIGHTS), 2)[0] == pytest.approx([24, 560])


def test_a_row_of_the_matrix_says_what_a_task_takes(network, logits):
    model = network("cross-stitch", STITCH_WEIGHTS)
    model.layers[0].unit.alpha.data = torch.tensor([[1.0, 0.5], [0.0, 1.0]], dtype=torch.float64)
    assert logits(model, 2)[0] == pytest.approx([50, 600])


def test_a_unit_stands_behind_each_layer(network, logits):
    weights = {**STITCH_WEIGHTS, "layers.1.layers.0.0": 2.0, "layers.1.layers.1.0": 1.0}
    model = network("cross-stitch", weights, expert_layers=(1, 1))
    # (2.4, 5.6) from the first; then (4.8, 5.6) -> 0.9 * 4.8 + 0.1 * 5.6 and 0.1 * 4.8 + 0.9 * 5.6
    assert logits(model, 2)[0] == pytest.approx([48.8, 552])


@pytest.mark.parametrize(
    ("tasks", "alpha"), [(1, [[0.9]]), (3, [[0.9, 0.05, 0.05], [0.05, 0.9, 0.05], [0.05, 0.05, 0.9]])]
)
def test_units_start_near_separate_tasks(space, tasks, alpha):
    model = space("cross-stitch", tasks=[f"t{k}" for k in range(tasks)]).supernet().network
    for mine, expected in zip(model.layers[0].unit.alpha.tolist(), alpha, strict=True):
        assert mine == pytest.approx(expected)
