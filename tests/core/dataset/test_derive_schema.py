"""The schema before any row is read has the names and relations of the schema of the prepared data."""

from dataclasses import replace
from pathlib import Path

import pytest

from automtl_core.data.prepare.prepare import prepare
from automtl_core.dataset.derive_schema import UNKNOWN_SIZE, expected_schema
from automtl_core.registry.kinds import DATASETS
from automtl_core.registry.plugins import load_registry

SYNTHETIC = load_registry().get(DATASETS, "synthetic")


@pytest.mark.parametrize("kind", ["pairs", "history"])
def test_it_differs_from_the_prepared_schema_only_in_what_rows_define(kind: str, tmp_path: Path) -> None:
    dataset = SYNTHETIC(SYNTHETIC.settings_class.parse({"kind": kind, "rows": 300}))
    expected = expected_schema(dataset)
    prepared = prepare(dataset, "synthetic", None, tmp_path).schema
    assert {field.size for field in expected.sparse} == {UNKNOWN_SIZE}
    sizes = [field.size for field in prepared.sparse]
    fields = tuple(replace(f, size=size) for f, size in zip(expected.sparse, sizes, strict=True))
    assert replace(expected, sparse=fields) == prepared


def test_relations_of_tasks_skip_those_that_are_not_learned() -> None:
    dataset = SYNTHETIC(SYNTHETIC.settings_class.parse({"tasks": ["like"]}))
    assert [(task.name, task.after) for task in expected_schema(dataset).tasks] == [("like", None)]
