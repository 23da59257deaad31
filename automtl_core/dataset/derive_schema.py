"""The schema of a dataset: from its fitted fields, or from its declarations alone."""

from collections.abc import Mapping, Sequence

from automtl_core.dataset.dataset import (
    Dataset,
    Label,
    dense_fields,
    histories_of,
    learned,
    names_of,
    sparse_fields,
)
from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task

UNKNOWN_SIZE = 2
"""Vocabulary size of a categorical field in `expected_schema`: the unseen id and a value."""


def schema_of(
    dataset: Dataset, sparse: Sequence[SparseField], scales: Mapping[str, tuple[float, float]]
) -> Schema:
    """Return the schema of a dataset.

    Args:
        dataset: The dataset, with its settings.
        sparse: The fitted categorical fields, in the order of `sparse_fields`.
        scales: Regression label -> mean and standard deviation in the training part.

    """
    labels = {label.name: label for label in dataset.labels}
    tasks = names_of(learned(dataset))

    def nearest(name: str | None, relation: str) -> str | None:
        """Return the nearest learned label along a relation."""
        while name is not None and name not in tasks:
            name = getattr(labels[name], relation)
        return name

    def task(label: Label) -> Task:
        after, given = nearest(label.after, "after"), nearest(label.given, "given")
        return Task(label.name, after, label.kind, *scales.get(label.name, (0.0, 1.0)), given=given)

    return Schema(
        tuple(sparse),
        tuple(DenseField(field.name) for field in dense_fields(dataset)),
        tuple(map(task, learned(dataset))),
        histories=histories_of(dataset),
    )


def expected_schema(dataset: Dataset) -> Schema:
    """Return the schema before any row is read: sizes of vocabularies and scales of labels are unknown.

    Raises:
        ArtifactError: the dataset has no field or no task.

    """
    sparse = [
        SparseField(field.name, UNKNOWN_SIZE, "bag" if field.gives == "bags" else "single")
        for field in sparse_fields(dataset)
    ]
    return schema_of(dataset, sparse, {})
