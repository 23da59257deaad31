"""What holds for every hand-designed model."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from automtl_baselines.parts import Sizes
from automtl_baselines.plugin import automtl_register_search_spaces
from automtl_core.dataset.schema import Schema, SparseField, Task
from automtl_core.errors import UsageError
from automtl_core.modules.batch_ensemble import Scales
from automtl_core.modules.features import Features
from automtl_core.registry.kinds import SPACES
from automtl_core.registry.plugins import load_registry
from automtl_core.training.compute import CPU
from automtl_core.training.events import EventHandler
from automtl_core.training.fit import Fit
from automtl_inspection.behaviour import expert_use
from automtl_testing.samples import sample_part, sample_problem, sample_schema
from automtl_testing.spaces import check_space

REGISTRY = load_registry()
REGISTERED = list(automtl_register_search_spaces())
MODELS = [name for name in REGISTERED if name not in ("average", "boosting", "linear")]
"""Networks of experts and towers."""
ORDERED = ["aitm", "esmm"]


@pytest.mark.parametrize("name", MODELS)
def test_contracts_hold_for_deeper_networks_and_more_tasks(space, name):
    sizes = {"embedding_dim": 3, "expert_layers": (6, 4), "tower_layers": (5, 3), "dropout": 0.2}
    check_space(space(name, tasks=("pay<buy", "click", "buy<click", "share"), **sizes), architectures=1)


@pytest.mark.parametrize("name", [name for name in MODELS if name not in ORDERED])
def test_one_task_is_enough(space, name):
    check_space(space(name, tasks=["a"]), architectures=1)


@pytest.mark.parametrize("name", MODELS)
def test_a_step_on_logits_leaves_nothing_infinite(space, name):
    model = space(name, tasks=("buy<click", "click"), dropout=0.5).supernet().network.train()
    model(Features(torch.tensor([[0], [1], [4]]), torch.zeros(3, 0))).square().sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


SIZES = {"embedding_dim": 4, "expert_layers": (16, 8), "tower_layers": (8,)}


def train(problem):
    torch.manual_seed(0)
    network = problem.space.supernet().network
    for module in network.modules():
        if isinstance(module, nn.Embedding):
            module.weight.data.mul_(30)  # few steps do not move small embeddings far
    recipe = problem.recipe.model_copy(update={"learning_rate": 0.02, "embedding_decay": 0.0, "epochs": 6})
    return Fit(network, problem.data, recipe, problem.seed, problem.compute).run(EventHandler())


PRICE = Task("price", kind="regression")
AFTER_CLICK = Task("price", after="click", kind="regression")


@pytest.mark.parametrize("name", ORDERED)
@pytest.mark.parametrize(
    ("tasks", "reason"),
    [
        ((Task("a"), Task("b")), "needs a funnel of tasks"),
        ((Task("click"), AFTER_CLICK), "'price' is of kind regression"),
        ((PRICE, Task("buy", after="price")), "'price' is of kind regression"),
        ((Task("click"), AFTER_CLICK, Task("buy", after="price")), "'price' is of kind regression"),
        ((PRICE, Task("click"), Task("buy", after="click")), None),
    ],
)
def test_models_of_a_funnel_refuse_tasks_without_order_and_regressions_in_it(name, tasks, reason):
    cls = REGISTRY.get(SPACES, name)
    made = cls(Schema((SparseField("field", 5),), (), tasks), cls.settings_class(), REGISTRY.op)
    if reason is None:
        assert made.choices() == {}
        return
    with pytest.raises(UsageError, match=f"{name.upper()} .*{reason}") as error:
        made.choices()
    assert "dataset." in error.value.fix, "as a setting, not as Python"


@pytest.mark.parametrize("name", MODELS)
def test_training_learns_with_bags_a_regression_and_labels_that_are_often_missing(name):
    cls = REGISTRY.get(SPACES, name)
    problem = sample_problem(
        cls(sample_schema(), cls.settings_class(**SIZES), REGISTRY.op), rows=1000, missing=0.4
    )
    metrics = train(problem)
    assert metrics["price"].values["r2"] > 0.4, "of 0.64 that can be learned"
    assert min(metrics[task].values["auc"] for task in ("click", "like")) > 0.7
    assert all(500 < task.rows < 700 for task in metrics.values())


MEMBERS = {"tasks": ("buy<click", "click"), "embedding_dim": 3, "expert_layers": (4,), "members": 3}


def members_of(space, name):
    """Return a network of three members in evaluation, and for each of them a network that is that member."""
    model = space(name, **MEMBERS).supernet().network.double().eval()
    singles = [deepcopy(model) for _ in range(3)]
    for scales in zip(*map(scales_of, (model, *singles)), strict=True):
        scales[0].scale.data.normal_()
        for member, one in enumerate(scales[1:]):
            one.scale.data[:] = scales[0].scale[member]
    return model, singles


def scales_of(model):
    return [module for module in model.modules() if isinstance(module, Scales)]


IDS = Features(torch.tensor([[1], [2], [3], [4], [1]]), torch.zeros(5, 0))


@pytest.mark.parametrize("name", MODELS)
def test_the_prediction_is_the_mean_over_members(space, name):
    model, singles = members_of(space, name)
    alone = [single(IDS) for single in singles]
    assert not torch.allclose(alone[0], alone[1], atol=1e-6)
    assert torch.allclose(model(IDS), torch.stack(alone).mean(0), atol=1e-12)
    model.use_members(1)
    assert torch.allclose(model(IDS), alone[0], atol=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_in_training_row_i_belongs_to_member_i_mod_k(space, name):
    model, singles = members_of(space, name)
    model.train()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.eval()  # its statistics would be those of rows of all members
    expected = torch.stack([singles[i % 3](IDS)[i] for i in range(5)])
    assert torch.allclose(model(IDS), expected, atol=1e-12)


@pytest.mark.parametrize("name", ["mmoe", "ple", "stem"])
def test_gates_of_members_have_mean_weights(space, name):
    made = space(name, **MEMBERS)
    use = expert_use(made.supernet().network, sample_part(made.schema, 50, 0), CPU)
    assert all(sum(weights.values()) == pytest.approx(1) for weights in use.weights.values())


def test_models_of_earlier_versions_open_unless_their_inputs_were_searched():
    assert Sizes.parse({"features": "fixed"}) == Sizes()
    with pytest.raises(UsageError, match="does not have the setting features"):
        Sizes.parse({"features": "searched"}, "space", "mmoe")
