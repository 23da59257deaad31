"""Hooks of the inspection plugin: stages that look at the data and at the networks of runs."""

from collections.abc import Mapping

from automtl_core.plugin import hookimpl


@hookimpl
def automtl_register_stages() -> Mapping[str, str]:
    """Register the checks of data, and the measurements on test rows."""
    return {
        "data-checks": "automtl_inspection.data_checks:DataChecks",
        "baselines": "automtl_inspection.baselines:BaselineStage",
        "behaviour": "automtl_inspection.behaviour:BehaviourStage",
        "drift": "automtl_inspection.shifts:DriftStage",
        "importance": "automtl_inspection.importance:ImportanceStage",
    }
