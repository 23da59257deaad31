"""Outputs of the networks by hand, and who is moved by the loss of a task."""

import math

import pytest
import torch

from automtl_baselines.funnel import funnel_steps, product
from automtl_core.choices import Architecture
from automtl_core.dataset.encodings import plain
from automtl_core.dataset.schema import Schema, SparseField, Task
from automtl_core.modules.features import Features
from automtl_core.modules.network import Separate
from automtl_core.registry.plugins import load_registry
from automtl_core.settings.settings import Component
from automtl_testing import check_space, sample_schema

LOG3 = math.log(3.0)
BOTTOM_WEIGHTS = {"bottom.0": 3.0, "towers.tops.0.0": 1.0, "towers.tops.1.0": 10.0}
SINGLE_WEIGHTS = {
    "tasks.0.mlp.0": 3.0,
    "tasks.0.towers.tops.0.0": 1.0,
    "tasks.1.mlp.0": 5.0,
    "tasks.1.towers.tops.0.0": 10.0,
}
STITCH_WEIGHTS = {
    "layers.0.layers.0.0": 1.0,
    "layers.0.layers.1.0": 3.0,
    "towers.tops.0.0": 10.0,
    "towers.tops.1.0": 100.0,
}
MMOE_WEIGHTS = {
    "experts.0.0": 1.0, "experts.1.0": 3.0, "gating.0.linear": [[0.0], [LOG3 / 2]],
    "gating.1.linear": [[0.0], [0.0]], "towers.tops.0.0": 1.0, "towers.tops.1.0": 10.0,
}  # fmt: skip
CGC_WEIGHTS = {
    "layer.experts.0.0.0": 1.0, "layer.experts.1.0.0": 3.0, "layer.experts.2.0.0": 7.0,
    "layer.gating.0.linear": [[0.0], [LOG3 / 2]], "layer.gating.1.linear": [[0.0], [0.0]],
    "towers.tops.0.0": 1.0, "towers.tops.1.0": 10.0,
}  # fmt: skip
CGC_SIZES = {"shared_experts": 1, "task_experts": 1}
PLE_SIZES = {"levels": 2, "shared_experts": 1, "task_experts": 1}
PLE_WEIGHTS = {
    "levels.0.experts.0.0.0": 1.0, "levels.0.experts.1.0.0": 3.0, "levels.0.experts.2.0.0": 5.0,
    "levels.0.gating.0.linear": [[0.0], [LOG3 / 2]], "levels.0.gating.1.linear": [[LOG3 / 2], [0.0]],
    "levels.0.shared_gating.linear": [[0.0], [0.0], [0.0]],
    "levels.1.experts.0.0.0": 1.0, "levels.1.experts.1.0.0": 2.0, "levels.1.experts.2.0.0": 3.0,
    "levels.1.gating.0.linear": [[0.0], [LOG3 / 8]], "levels.1.gating.1.linear": [[LOG3 / 7], [0.0]],
    "towers.tops.0.0": 2.0, "towers.tops.1.0": 10.0,
}  # fmt: skip
# The scores of p = 3 and q = 2 are 9 / 5 * log 3 and 4 / 5 * log 3: weights 3/4 and 1/4.
AITM_WEIGHTS = {
    "mlps.0.0": 1.0, "mlps.1.0": 3.0, "transfers.0.passed_on.0": 0.5, "transfers.0.value": 1.0,
    "transfers.0.key": LOG3 / 5, "transfers.0.query": 1.0,
    "towers.tops.0.0": 4.0, "towers.tops.1.0": 10.0,
}  # fmt: skip
TASKS = ("buy<click", "click")
ESMM_WEIGHTS = {"mlps.0.0": 1.0, "mlps.1.0": 1.0, "towers.tops.0.0": LOG3 / 2, "towers.tops.1.0": 0.0}
HIDDEN = {"bottom.4": 2.0, "towers.tops.0.4": -1.0, "towers.tops.1.4": 1.0}
STITCHES = {"layers.1.layers.0.0": 2.0, "layers.1.layers.1.0": 1.0}
DEEP = {"expert_layers": (1, 1)}
BY_HAND = {
    # bottom 3 * 2
    "one bottom": ("shared-bottom", BOTTOM_WEIGHTS, {}, [6, 60]),
    # bottom 2 * 3 * 2 = 12, no activation behind the last layer of a tower
    "hidden layers": ("shared-bottom", BOTTOM_WEIGHTS | HIDDEN, DEEP | {"tower_layers": (1,)}, [-12, 120]),
    # 2 and 6; 0.9 * 2 + 0.1 * 6 and 0.1 * 2 + 0.9 * 6
    "a stitch": ("cross-stitch", STITCH_WEIGHTS, {}, [24, 560]),
    # (2.4, 5.6) from the first; then (4.8, 5.6) -> 0.9 * 4.8 + 0.1 * 5.6 and 0.1 * 4.8 + 0.9 * 5.6
    "a stitch behind each layer": ("cross-stitch", STITCH_WEIGHTS | STITCHES, DEEP, [48.8, 552]),
    # experts 2 and 6; the first task weighs them 1/4 and 3/4, the second equally
    "a softmax of the input": ("mmoe", MMOE_WEIGHTS, {"experts": 2}, [5, 40]),
    # experts 2 | 6 | 14; the first task 1/4 * 2 + 3/4 * 14, the second (6 + 14) / 2
    "own and shared experts": ("cgc", CGC_WEIGHTS, CGC_SIZES, [11, 100]),
    # experts 2 | 6 | 10; tasks 1/4 * 2 + 3/4 * 10 and 3/4 * 6 + 1/4 * 10, shared (2 + 6 + 10) / 3
    # level 1 on (8, 7, 6): experts 8 | 14 | 18; gates of 8 and 7: 1/4 * 8 + 3/4 * 18 and 3/4 * 14 + 1/4 * 18
    "levels": ("ple", PLE_WEIGHTS, PLE_SIZES, [31, 150]),
    # click 1/2, buy given click 3/4, so that buy has odds of 3/8 to 5/8; columns as in the schema
    "a task after another": ("esmm", ESMM_WEIGHTS, {"tasks": TASKS}, [math.log(3 / 5), 0]),
    # buy q = 2, click 6, passed on as p = 3; buy z = 3/4 * 3 + 1/4 * 2; columns as in the schema
    "attention to the task before": ("aitm", AITM_WEIGHTS, {"tasks": TASKS}, [11, 60]),
}
"""Model, weights, sizes, and the logits of its tasks for x = 2."""


@pytest.mark.parametrize(("name", "weights", "sizes", "expected"), BY_HAND.values(), ids=BY_HAND)
def test_logits_are_those_worked_out_by_hand(network, logits, name, weights, sizes, expected):
    assert logits(network(name, weights, **sizes), 2)[0] == pytest.approx(expected)


MOVES = [
    ("shared-bottom", {}, 1, ("bottom.0.", "towers.tops.1.0.", "inputs."), ("towers.tops.0.",)),
    ("single-task", {}, 0, ("tasks.0.inputs.", "tasks.0.mlp.0."), ("tasks.1.",)),
    ("single-task", {}, 1, ("tasks.1.inputs.", "tasks.1.mlp.0."), ("tasks.0.",)),
    ("mmoe", {"experts": 2}, 0, ("experts.0.0.", "experts.1.0.", "gating.0."), ("gating.1.",)),
    (
        "cgc", CGC_SIZES, 0, ("layer.experts.0.0.0.", "layer.experts.2.0.0."),
        ("layer.experts.1.", "layer.gating.1."),
    ),
    (
        "ple", PLE_SIZES, 0, ("levels.0.shared_gating.linear.", "levels.0.experts.1.0.0."),
        ("levels.1.experts.1.", "levels.0.gating.1."),
    ),
    ("esmm", {"tasks": TASKS}, 0, ("towers.tops.0.0.", "towers.tops.1.0."), ("nothing",)),
    ("esmm", {"tasks": TASKS}, 1, ("towers.tops.1.0.",), ("towers.tops.0.0.",)),
    ("aitm", {"tasks": TASKS}, 0, ("mlps.0.0.", "mlps.1.0.", "transfers.0.passed_on.0."), ("nothing",)),
    ("aitm", {"tasks": TASKS}, 1, ("mlps.1.0.",), ("mlps.0.", "transfers.", "towers.tops.0.")),
]  # fmt: skip
"""Model, sizes, a task, what its loss moves, and what not."""


@pytest.mark.parametrize(("name", "sizes", "task", "reached", "others"), MOVES)
def test_the_loss_of_a_task_moves_what_it_reads_and_nothing_else(
    network, moved, name, sizes, task, reached, others
):
    weights = {model: of_model for model, of_model, *_ in reversed(BY_HAND.values())}
    names = moved(network(name, weights.get(name, SINGLE_WEIGHTS), **sizes), task)
    assert all(any(one.startswith(part) for one in names) for part in reached)
    assert not [one for one in names if one.startswith(others)]


def test_each_task_has_embeddings_of_its_own(network, logits):
    model = network("single-task", SINGLE_WEIGHTS)
    model.tasks[1].inputs.embedding.table.weight.data.fill_(1.0)
    assert logits(model, 2)[0] == pytest.approx([6, 50])


def test_every_weight_belongs_to_one_part_also_with_more_than_ten_tasks(space):
    model = space("single-task", tasks=[f"t{k}" for k in range(12)]).supernet().network
    assert isinstance(model, Separate)
    parts = model.separate_parts()
    assert list(parts) == [f"t{k}" for k in range(12)]
    for name in model.state_dict():
        assert sum(name.startswith(prefix) for prefix in parts.values()) == 1


def test_a_row_of_the_matrix_says_what_a_task_takes(network, logits):
    model = network("cross-stitch", STITCH_WEIGHTS)
    model.layers[0].unit.alpha.data = torch.tensor([[1.0, 0.5], [0.0, 1.0]], dtype=torch.float64)
    assert logits(model, 2)[0] == pytest.approx([50, 600])


@pytest.mark.parametrize(
    ("tasks", "alpha"), [(1, [[0.9]]), (3, [[0.9, 0.05, 0.05], [0.05, 0.9, 0.05], [0.05, 0.05, 0.9]])]
)
def test_units_start_near_separate_tasks(space, tasks, alpha):
    model = space("cross-stitch", tasks=[f"t{k}" for k in range(tasks)]).supernet().network
    for mine, expected in zip(model.layers[0].unit.alpha.tolist(), alpha, strict=True):
        assert mine == pytest.approx(expected)


@pytest.mark.parametrize("parts", [(), ("matches", "last-2")])
def test_it_is_mmoe_that_reads_the_history_by_target_attention_alone(parts):
    schema = sample_schema(histories=True).encoded(plain().with_answers(history=parts))
    made = load_registry().space(Component(name="din-mmoe"), schema)
    assert made.schema.history_inputs() == ["past:attention"]
    check_space(made)
    schema = schema.encoded(plain().with_answers(history=("attention",)))
    same = load_registry().space(Component(name="mmoe"), schema)
    assert made.cost(Architecture({})) == same.cost(Architecture({}))


def test_the_shared_gating_network_reads_the_shared_part(network, logits):
    weights = {**PLE_WEIGHTS, "levels.1.shared_gating.linear": [[0.0], [LOG3 / 6], [0.0]]}
    level = {
        name.replace("levels.1.", "levels.2."): w for name, w in PLE_WEIGHTS.items() if "levels.1." in name
    }
    level |= {"levels.2.gating.0.linear": [[-99.0], [0.0]], "levels.2.gating.1.linear": [[-99.0], [0.0]]}
    # the shared part of level 1 weighs 8 | 14 | 18 by its input 6: (8 + 3 * 14 + 18) / 5; level 2 reads that
    model = network("ple", {**weights, **level}, **{**PLE_SIZES, "levels": 3})
    shared = 3 * (8 + 3 * 14 + 18) / 5
    assert logits(model, 2)[0] == pytest.approx([2 * shared, 10 * shared])


def test_one_level_is_cgc(space):
    features = Features(torch.tensor([[1], [2], [3]]), torch.zeros(3, 0))
    cgc, ple = (
        space(name, **more).supernet().network for name, more in [("cgc", {}), ("ple", {"levels": 1})]
    )
    ple.load_state_dict({k.replace("layer.", "levels.0.", 1): v for k, v in cgc.state_dict().items()})
    assert torch.equal(cgc.eval()(features), ple.eval()(features))


STEM_WEIGHTS = {
    "experts.0.0.0": 1.0, "experts.1.0.0": 1.0, "experts.2.0.0": 1.0,
    "towers.tops.0.0": 1.0, "towers.tops.1.0": 10.0,
    "gating.0.linear": [[0.0], [math.log(2.0) / 8], [0.0]],
    "gating.1.linear": [[0.0], [0.0], [math.log(2.0) / 10]],
}  # fmt: skip


@pytest.fixture
def model(network):
    """Tables of x, 2 x and 3 x: of two tasks and the shared one."""
    made = network("stem", STEM_WEIGHTS)
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


def test_steps_of_a_funnel_are_columns_and_earlier_ones_come_first():
    tasks = (Task("pay", "buy"), Task("share"), Task("click"), Task("buy", "click"), Task("like", "click"))
    assert funnel_steps(Schema((SparseField("a", 2),), (), tasks), "ESMM") == [(3, 2), (4, 2), (0, 3)]


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (0.0, 0.0, -LOG3),
        (100.0, 100.0, 100 - math.log(2.0)),
        (-100.0, -100.0, -200.0),
        (1e4, -3.0, -3.0),
        (-3.0, 1e4, -3.0),
        (1e4, 1e4, 1e4 - math.log(2.0)),
        (-1e30, 1e30, -1e30),
    ],
)
def test_the_product_is_exact_where_probabilities_round_to_0_or_1(a, b, expected):
    out = product(torch.tensor(a), torch.tensor(b))
    assert out.dtype == torch.float32
    assert out.item() == pytest.approx(expected, rel=1e-6)


def test_transfers_follow_the_forest_from_its_roots(network, moved):
    # pay after buy after click, share alone
    model = network("aitm", 1.0, tasks=("pay<buy", "share", "click", "buy<click"))
    assert model.steps == [(3, 2), (0, 3)]
    for task, reached in {0: {0, 2, 3}, 1: {1}, 2: {2}, 3: {2, 3}}.items():
        assert {int(name.split(".")[1]) for name in moved(model, task) if name.startswith("mlps.")} == reached


def test_the_calibrator_counts_by_how_much_a_task_is_likelier_than_the_one_before(space):
    model = space("aitm", tasks=TASKS).supernet().network
    # buy and click of two rows: 3/4 above 1/2 by 1/4, and 1/10 below 1/2
    rows = torch.tensor([[LOG3, 0.0], [-math.log(9.0), 0.0]], dtype=torch.float64)
    assert model.penalty(rows).item() == pytest.approx(0.6 * (1 / 4 + 0) / 2 / 2)
    assert model.penalty(rows.flip(1)).item() == pytest.approx(0.6 * (0 + 4 / 10) / 2 / 2)
