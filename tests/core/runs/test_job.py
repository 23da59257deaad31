"""What a job makes of its configuration."""

from automtl_core.kinds import OPS, SPACES
from automtl_core.plugins import load_registry
from automtl_core.runs.config import load_config
from automtl_core.runs.job import Job
from automtl_core.testing import plain_schema
from automtl_desan.ops import Zero

REGISTRY = load_registry()


def job_with(registry, *ops):
    config = load_config({"space": {"name": "desan", "ops": list(ops)}, "strategy": {"name": "random"}})
    return Job.resolve(config, registry)


def space_of(job):
    cls = job.registry.get(SPACES, "desan")
    return cls(plain_schema(), cls.settings_class.parse(job.config.space.settings, "space"), job.registry.op)


def test_an_architecture_says_which_plugins_supplied_its_space_and_each_of_its_ops():
    registry = REGISTRY.adding(OPS, "mine", Zero, plugin="workbench")
    job = job_with(registry, "identity", "mine")
    origin = job.origin(space_of(job))
    assert set(origin.plugins) == {"desan", "workbench"}
    assert "plugin workbench" in job.versions(space_of(job))


def test_a_plugin_whose_op_is_not_in_use_is_not_named():
    job = job_with(REGISTRY.adding(OPS, "mine", Zero, plugin="workbench"), "identity", "zero")
    assert set(job.origin(space_of(job)).plugins) == {"desan"}
