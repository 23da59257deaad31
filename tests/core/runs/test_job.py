"""What a job makes of its configuration."""

from types import SimpleNamespace

import pytest

from automtl_core.errors import UsageError
from automtl_core.kinds import OPS
from automtl_core.plugins import load_registry
from automtl_core.runs.config import default, load_config
from automtl_core.runs.job import Job
from automtl_core.testing import plain_schema
from automtl_desan.ops import Zero

REGISTRY = load_registry()


def job_with(registry, *ops):
    return Job.resolve(load_config(default(registry), {"space": {"name": "desan", "ops": ops}}), registry)


def space_of(job):
    return job.space(SimpleNamespace(schema=plain_schema()))


def test_an_architecture_says_which_plugins_supplied_its_space_and_each_of_its_ops():
    job = job_with(REGISTRY.adding(OPS, "mine", Zero, plugin="workbench"), "identity", "mine")
    assert set(job.origin(space_of(job)).plugins) == {"desan", "workbench"}
    assert "plugin workbench" in job.versions(space_of(job))


def test_a_plugin_whose_op_is_not_in_use_is_not_named():
    job = job_with(REGISTRY.adding(OPS, "mine", Zero, plugin="workbench"), "identity", "zero")
    assert set(job.origin(space_of(job)).plugins) == {"desan"}


def test_all_that_is_wrong_with_a_configuration_is_told_at_once():
    wrong = {
        "space": {"layer": 3},
        "strategy": {"level": "dual"},
        "dataset": {"rows": True},
        "training": {"epoch": 3},
    }
    with pytest.raises(UsageError) as caught:
        Job.load(REGISTRY, default(REGISTRY), wrong)
    assert str(caught.value).splitlines() == [
        "training.epoch is not a setting (did you mean 'epochs'?)",
        "space.layer is not a setting (did you mean 'layers'?)",
        "strategy.level: expected single or bi, given 'dual'",
        "dataset.rows: expected a whole number from 100, given true",
    ]
    commands = ["training", "space desan", "strategy pd-darts", "dataset synthetic"]
    remedies = str(caught.value.fix).splitlines()
    assert [remedy.rpartition("automtl settings ")[2] for remedy in remedies] == commands


def test_a_wrong_name_and_a_wrong_setting_are_told_together():
    with pytest.raises(UsageError, match=r"(?s)no space is called 'desam'.*dataset\.row is not a setting"):
        Job.load(REGISTRY, default(REGISTRY), {"space": "desam", "dataset": {"row": 1}})
