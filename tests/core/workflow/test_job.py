"""What a job makes of its configuration, and what it says that it depends on."""

from importlib.metadata import version
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from torch import nn

from automtl_core.errors import PluginError, UsageError
from automtl_core.registry.kinds import OPS, SPACES
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.config import default, load_config
from automtl_core.space import SearchSpace
from automtl_core.training.recipe import Recipe
from automtl_core.workflow.job import Job
from automtl_core.workflow.models import models
from automtl_core.workflow.versions import environment, origin, plugins, versions
from automtl_desan.ops import Zero
from automtl_testing import plain_schema

REGISTRY = load_registry()


def test_all_that_is_wrong_with_a_configuration_is_told_at_once():
    components = {"space": {"layer": 3}, "strategy": {"rounds": "many"}, "dataset": {"rows": True}}
    wrong = {**components, "training": {"epoch": 3}}
    with pytest.raises(UsageError) as caught:
        Job.load(REGISTRY, default(REGISTRY), wrong)
    assert str(caught.value).splitlines() == [
        "training.epoch is not a setting (did you mean 'epochs'?)",
        "space.layer is not a setting (did you mean 'layers'?)",
        "strategy.rounds: expected a whole number from 1, given 'many'",
        "dataset.rows: expected a whole number from 100 or null, given true",
    ]
    assert len(caught.value.fix.splitlines()) == 4


def test_settings_are_parsed_once_and_written_out(small):
    job = small(space={"name": "desan", "experts": 3})
    assert job.components["space"].experts == job.config.space.settings["experts"] == 3
    assert job.config.dataset.settings["split"] == job.dataset().settings.split == "random"
    assert job.dataset().settings is job.components["dataset"]
    assert job.having(seed=5).config.seed == 5
    assert job.config.seed == 0


def test_losses_are_named_by_task_and_what_is_wrong_with_them_is_told(small):
    job = small(training={"losses": {"click": {"name": "focal"}, "*": "softmax"}})
    assert job.components["training.losses.click"].gamma == job.config.training.losses["click"].gamma == 2.0
    assert job.config.training.losses["*"].settings == {}
    assert set(job.recipe().loss_classes) == {"focal", "softmax"}
    assert "losses" in plugins(job, job.space(plain_schema()))
    for losses, message in (
        ("focla", "no loss is called 'focla'"),
        ({"click": {"name": "focal", "gamma": -1}}, r"training\.losses\.click\.gamma: expected a number"),
        ({"name": "focal", "beta": 2}, r"training\.losses\.beta is not a setting"),
        ({"click": 3}, r"training\.losses\.click: expected a name"),
    ):
        with pytest.raises(UsageError, match=message):
            small(training={"losses": losses})
    with pytest.raises(UsageError, match=r"training\.losses names 'clic', which is not a task"):
        small(training={"losses": {"clic": "focal"}}).checked(plain_schema())


def test_supernets_stop_by_validation_rows_and_decide_by_rows_of_the_training_part(small):
    job = small(strategy={"name": "pd-darts"})
    prepared = job.prepare()
    whole = job.problem(prepared)
    data = job.search_problem(prepared, whole).data
    part = prepared.part("validation")
    assert np.array_equal(data.validation.ids, part.ids)
    assert np.array_equal(data.validation.labels, part.labels)
    assert len(data.train) + len(data.held_out) == len(whole.data.train)
    rows = np.concatenate([data.train.dense, data.held_out.dense])
    assert np.array_equal(np.sort(rows, axis=0), np.sort(whole.data.train.dense, axis=0))


class Net(nn.Module):
    def __init__(self, made):
        super().__init__()
        self.made = made

    def forward(self, features):
        return self.made(features.dense)


BUILT = {
    "nothing": (None, "build returns NoneType, expected a torch.nn.Module"),
    "one column": (Net(lambda dense: dense.new_zeros(len(dense), 1)), r"returns \[2, 1\] for 2 rows"),
    "flat": (Net(lambda dense: dense.new_zeros(len(dense))), r"returns \[2\] for 2 rows, expected \[2, 2\]"),
    "tuple": (Net(lambda dense: (dense, dense)), "returns tuple"),
}


@pytest.mark.parametrize(("built", "problem"), BUILT.values(), ids=BUILT.keys())
def test_a_space_that_builds_no_network_for_the_tasks_is_an_error_that_names_it(common, built, problem):
    class Odd(SearchSpace):
        def build(self, choose):
            return built

    registry = REGISTRY.adding(SPACES, "odd", Odd, plugin="workbench")
    job = Job.resolve(load_config(default(registry), common, {"space": "odd"}), registry)
    with pytest.raises(PluginError, match=f"the space 'odd' of plugin 'workbench': .*{problem}"):
        job.checked(SimpleNamespace(schema=plain_schema()))


def test_a_configuration_can_be_used_again_also_with_defaults_that_a_model_does_not_read():
    features = {"aggregates": ["a", ["a", "b"], "c"]}
    settings = {"features": features, "training": {"embedding_decay": 0.01}}
    job = Job.load(REGISTRY, {"dataset": "synthetic", "space": "desan", "strategy": "random", **settings})
    assert Job.load(REGISTRY, yaml.safe_load(job.config.to_yaml())).config == job.config
    recipe = Recipe().model_dump(mode="json")
    jobs = models(["boosting"], REGISTRY, {"dataset": "synthetic"}, {"training": recipe, "precision": "fp32"})
    assert jobs["boosting"].config.training == Recipe()


def space_of(job):
    return job.space(SimpleNamespace(schema=plain_schema()))


@pytest.mark.parametrize("used", [True, False])
def test_an_architecture_names_the_plugins_of_its_space_and_of_ops_in_use(used):
    registry = REGISTRY.adding(OPS, "mine", Zero, plugin="workbench")
    space = {"name": "desan", "ops": ["identity", "mine" if used else "zero"]}
    job = Job.resolve(load_config(default(registry), {"space": space}), registry)
    named = origin(job.registry, job.config.space, space_of(job)).plugins
    assert set(named) == {"desan", *["workbench"] * used}
    assert ("plugin workbench" in versions(job, space_of(job))) == used


@pytest.mark.parametrize("within", [False, True], ids=["alone", "in a mean"])
def test_libraries_and_plugins_of_a_space_are_named_as_far_as_they_are_there(within):
    class Depends(REGISTRY.get(SPACES, "mmoe")):
        libraries = ("pandas", "no-such-library")

    registry = REGISTRY.adding(SPACES, "depends", Depends, plugin="workbench")
    mean = {"name": "average", "models": ["depends", {"name": "desan", "ops": ["identity"]}]}
    layer = {"space": mean if within else "depends"}
    job = Job.resolve(load_config(default(registry), layer), registry)
    named = {"baselines", "workbench", "desan"} if within else {"workbench"}
    assert set(origin(job.registry, job.config.space, space_of(job)).plugins) >= named
    assert versions(job, space_of(job))["pandas"] == version("pandas")
    assert environment(job, space_of(job)).libraries == {"pandas": version("pandas")}
