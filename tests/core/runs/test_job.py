"""What a job makes of its configuration."""

from types import SimpleNamespace

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
