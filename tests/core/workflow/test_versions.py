"""What a run says that it depends on."""

from importlib.metadata import version
from types import SimpleNamespace

import pytest

from automtl_core.errors import UnknownNameError
from automtl_core.registry.kinds import OPS, SPACES
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.config import default, load_config
from automtl_core.workflow.job import Job
from automtl_core.workflow.versions import environment, origin, versions
from automtl_desan.ops import Zero
from automtl_testing import plain_schema

REGISTRY = load_registry()


def job_with(registry, *ops):
    return Job.resolve(load_config(default(registry), {"space": {"name": "desan", "ops": ops}}), registry)


def space_of(job):
    return job.space(SimpleNamespace(schema=plain_schema()))


def test_an_architecture_names_the_plugins_of_its_space_and_of_ops_in_use():
    job = job_with(REGISTRY.adding(OPS, "mine", Zero, plugin="workbench"), "identity", "mine")
    assert set(origin(job, space_of(job)).plugins) == {"desan", "workbench"}
    assert "plugin workbench" in versions(job, space_of(job))
    job = job_with(REGISTRY.adding(OPS, "mine", Zero, plugin="workbench"), "identity", "zero")
    assert set(origin(job, space_of(job)).plugins) == {"desan"}


def test_libraries_of_a_space_are_named_as_far_as_they_are_there():
    class Depends(REGISTRY.get(SPACES, "mmoe")):
        libraries = ("pandas", "no-such-library")

    registry = REGISTRY.adding(SPACES, "depends", Depends, plugin="workbench")
    job = Job.resolve(load_config(default(registry), {"space": {"name": "depends"}}), registry)
    assert versions(job, space_of(job))["pandas"] == version("pandas")
    assert environment(job, space_of(job)).libraries == {"pandas": version("pandas")}


def test_a_mean_depends_on_what_its_models_depend_on():
    class Depends(REGISTRY.get(SPACES, "mmoe")):
        libraries = ("pandas",)

    registry = REGISTRY.adding(SPACES, "depends", Depends, plugin="workbench")
    space = {"name": "average", "models": ["depends", {"name": "desan", "ops": ["identity"]}]}
    job = Job.resolve(load_config(default(registry), {"space": space}), registry)
    assert set(origin(job, space_of(job)).plugins) == {"baselines", "workbench", "desan"}
    assert versions(job, space_of(job))["pandas"] == version("pandas")


def test_a_plugin_that_is_gone_is_named(common):
    registry = REGISTRY.adding(OPS, "mine", Zero, plugin="workbench")
    job = job_with(registry, "identity", "mine")
    recorded = origin(job, space_of(job)).plugins
    with (
        pytest.raises(UnknownNameError, match=r"op is called 'mine'.* not available: workbench") as error,
        REGISTRY.expecting(recorded),
    ):
        space_of(job_with(REGISTRY, "identity", "mine"))
    assert "install them again" in error.value.fix
    with (
        pytest.raises(UnknownNameError, match="no op is called 'other'") as error,
        registry.expecting(recorded),
    ):
        space_of(job_with(registry, "other"))
    assert "not available" not in str(error.value)
