import pytest

WEIGHTS = {"bottom.0": 3.0, "towers.tops.0.0": 1.0, "towers.tops.1.0": 10.0}


def test_all_tasks_read_one_bottom(network, logits):
    # x = 2: bottom 3 * 2
    assert logits(network("shared-bottom", WEIGHTS), 2)[0] == pytest.approx([6, 60])


def test_the_bottom_and_the_towers_have_hidden_layers(network, logits):
    weights = {**WEIGHTS, "bottom.4": 2.0, "towers.tops.0.4": -1.0, "towers.tops.1.4": 1.0}
    model = network("shared-bottom", weights, expert_layers=(1, 1), tower_layers=(1,))
    # bottom 2 * 3 * 2 = 12, no activation behind the last layer of a tower
    assert logits(model, 2)[0] == pytest.approx([-12, 120])


def test_every_task_moves_the_bottom_and_its_own_tower(network, moved):
    names = moved(network("shared-bottom", WEIGHTS), 1)
    assert {"bottom.0.weight", "towers.tops.1.0.weight", "inputs.embedding.table.weight"} <= names
    assert "towers.tops.0.0.weight" not in names
