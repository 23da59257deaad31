import math

import pytest
import torch

from automtl_core.choices import Architecture
from automtl_core.dataset.encodings import plain
from automtl_core.modules.features import Features
from automtl_core.registry.kinds import SPACES
from automtl_core.registry.plugins import load_registry
from automtl_testing import check_space, sample_schema

WEIGHTS = {
    "experts.0.0": 1.0, "experts.1.0": 3.0, "gating.0.linear": [[0.0], [math.log(3.0) / 2]],
    "gating.1.linear": [[0.0], [0.0]], "towers.tops.0.0": 1.0, "towers.tops.1.0": 10.0,
}  # fmt: skip


def test_each_task_weighs_all_experts_by_a_softmax_of_the_input(network, logits):
    # x = 2: experts 2 and 6; the first task weighs them 1/4 and 3/4, the second equally
    assert logits(network("mmoe", WEIGHTS, experts=2), 2)[0] == pytest.approx([5, 40])


def test_a_task_moves_all_experts_and_no_gate_of_another(network, moved):
    names = moved(network("mmoe", WEIGHTS, experts=2), 0)
    assert {"experts.0.0.weight", "experts.1.0.weight", "gating.0.linear.weight"} <= names
    assert "gating.1.linear.weight" not in names


REGISTRY = load_registry()
SMALL = {"embedding_dim": 4, "expert_layers": [8], "tower_layers": []}


def sample_space(name, schema):
    cls = REGISTRY.get(SPACES, name)
    return cls(schema, cls.settings_class(**SMALL), REGISTRY.op, REGISTRY.history_encoder)


@pytest.mark.parametrize("parts", [(), ("matches", "last-2")])
def test_it_is_mmoe_that_reads_the_history_by_target_attention_alone(parts):
    schema = sample_schema(histories=True).encoded(plain().with_answers(history=parts))
    made = sample_space("din-mmoe", schema)
    assert made.schema.history_inputs() == ["past:attention"]
    check_space(made)
    same = sample_space("mmoe", schema.encoded(plain().with_answers(history=("attention",))))
    assert made.cost(Architecture({})) == same.cost(Architecture({}))


CGC_WEIGHTS = {
    "layer.experts.0.0.0": 1.0, "layer.experts.1.0.0": 3.0, "layer.experts.2.0.0": 7.0,
    "layer.gating.0.linear": [[0.0], [math.log(3.0) / 2]], "layer.gating.1.linear": [[0.0], [0.0]],
    "towers.tops.0.0": 1.0, "towers.tops.1.0": 10.0,
}  # fmt: skip
CGC_SIZES = {"shared_experts": 1, "task_experts": 1}


def test_a_task_weighs_its_own_and_the_shared_experts(network, logits):
    # x = 2: experts 2 | 6 | 14; the first task 1/4 * 2 + 3/4 * 14, the second (6 + 14) / 2
    assert logits(network("cgc", CGC_WEIGHTS, **CGC_SIZES), 2)[0] == pytest.approx([11, 100])


def test_a_task_moves_no_expert_of_another(network, moved):
    names = moved(network("cgc", CGC_WEIGHTS, **CGC_SIZES), 0)
    assert {"layer.experts.0.0.0.weight", "layer.experts.2.0.0.weight"} <= names
    assert not [name for name in names if name.startswith(("layer.experts.1.", "layer.gating.1."))]


LOG3 = math.log(3.0)
PLE_SIZES = {"levels": 2, "shared_experts": 1, "task_experts": 1}
PLE_WEIGHTS = {
    "levels.0.experts.0.0.0": 1.0, "levels.0.experts.1.0.0": 3.0, "levels.0.experts.2.0.0": 5.0,
    "levels.0.gating.0.linear": [[0.0], [LOG3 / 2]], "levels.0.gating.1.linear": [[LOG3 / 2], [0.0]],
    "levels.0.shared_gating.linear": [[0.0], [0.0], [0.0]],
    "levels.1.experts.0.0.0": 1.0, "levels.1.experts.1.0.0": 2.0, "levels.1.experts.2.0.0": 3.0,
    "levels.1.gating.0.linear": [[0.0], [LOG3 / 8]], "levels.1.gating.1.linear": [[LOG3 / 7], [0.0]],
    "towers.tops.0.0": 2.0, "towers.tops.1.0": 10.0,
}  # fmt: skip


def test_a_level_reads_what_the_level_before_made_of_its_own_part(network, logits):
    # x = 2: experts 2 | 6 | 10; tasks 1/4 * 2 + 3/4 * 10 and 3/4 * 6 + 1/4 * 10, shared (2 + 6 + 10) / 3
    # level 1 on (8, 7, 6): experts 8 | 14 | 18; gates of 8 and 7: 1/4 * 8 + 3/4 * 18 and 3/4 * 14 + 1/4 * 18
    assert logits(network("ple", PLE_WEIGHTS, **PLE_SIZES), 2)[0] == pytest.approx([31, 150])


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


def test_a_task_reaches_the_experts_of_another_only_through_the_shared_part_of_earlier_levels(network, moved):
    names = moved(network("ple", PLE_WEIGHTS, **PLE_SIZES), 0)
    assert {"levels.0.shared_gating.linear.weight", "levels.0.experts.1.0.0.weight"} <= names
    assert not [name for name in names if name.startswith(("levels.1.experts.1.", "levels.0.gating.1."))]


def test_one_level_is_cgc(space):
    features = Features(torch.tensor([[1], [2], [3]]), torch.zeros(3, 0))
    cgc, ple = (
        space(name, **more).supernet().network for name, more in [("cgc", {}), ("ple", {"levels": 1})]
    )
    ple.load_state_dict({k.replace("layer.", "levels.0.", 1): v for k, v in cgc.state_dict().items()})
    assert torch.equal(cgc.eval()(features), ple.eval()(features))


LOG2 = math.log(2.0)
STEM_WEIGHTS = {
    "experts.0.0.0": 1.0, "experts.1.0.0": 1.0, "experts.2.0.0": 1.0,
    "towers.tops.0.0": 1.0, "towers.tops.1.0": 10.0,
    "gating.0.linear": [[0.0], [LOG2 / 8], [0.0]], "gating.1.linear": [[0.0], [0.0], [LOG2 / 10]],
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
