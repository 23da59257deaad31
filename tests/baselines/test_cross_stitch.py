import pytest
import torch

WEIGHTS = {
    "layers.0.layers.0.0": 1.0,
    "layers.0.layers.1.0": 3.0,
    "towers.tops.0.0": 10.0,
    "towers.tops.1.0": 100.0,
}


def test_a_task_takes_most_of_its_own_values_and_the_rest_of_the_others(network, logits):
    # x = 2: 2 and 6; 0.9 * 2 + 0.1 * 6 and 0.1 * 2 + 0.9 * 6
    assert logits(network("cross-stitch", WEIGHTS), 2)[0] == pytest.approx([24, 560])


def test_a_row_of_the_matrix_says_what_a_task_takes(network, logits):
    model = network("cross-stitch", WEIGHTS)
    model.layers[0].unit.alpha.data = torch.tensor([[1.0, 0.5], [0.0, 1.0]], dtype=torch.float64)
    assert logits(model, 2)[0] == pytest.approx([50, 600])


def test_a_unit_stands_behind_each_layer(network, logits):
    weights = {**WEIGHTS, "layers.1.layers.0.0": 2.0, "layers.1.layers.1.0": 1.0}
    model = network("cross-stitch", weights, expert_layers=(1, 1))
    # (2.4, 5.6) from the first; then (4.8, 5.6) -> 0.9 * 4.8 + 0.1 * 5.6 and 0.1 * 4.8 + 0.9 * 5.6
    assert logits(model, 2)[0] == pytest.approx([48.8, 552])


@pytest.mark.parametrize(
    ("tasks", "alpha"),
    [(1, [[0.9]]), (3, [[0.9, 0.05, 0.05], [0.05, 0.9, 0.05], [0.05, 0.05, 0.9]])],
)
def test_units_start_near_separate_tasks(space, tasks, alpha):
    model = space("cross-stitch", tasks=[f"t{k}" for k in range(tasks)]).supernet().network
    for mine, expected in zip(model.layers[0].unit.alpha.tolist(), alpha, strict=True):
        assert mine == pytest.approx(expected)


def test_units_are_learned(network, moved):
    assert "layers.0.unit.alpha" in moved(network("cross-stitch", WEIGHTS), 0)
