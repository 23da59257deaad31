"""The contract test of kinds of tasks is tried on right and wrong kinds in `tests/core/tasks`."""

from automtl_core.tasks.kinds import task_kind
from automtl_testing.samples import sample_part, sample_schema
from automtl_testing.tasks import check_task_kind


def test_sample_labels_are_allowed_and_the_kinds_of_samples_keep_the_contract():
    schema = sample_schema()
    part = sample_part(schema, 100, seed=0)
    for task, labels in zip(schema.tasks, part.labels.T, strict=True):
        assert not task.type.wrong(labels).any()
        check_task_kind(type(task_kind(task.kind)))
