"""Each kind of object has contract tests, and settings reach the objects."""

import pytest

from automtl_core.errors import UsageError
from automtl_core.registry.kinds import DATASETS, FIELD_KINDS, KINDS, METRICS, OPS, SPACES, STRATEGIES
from automtl_core.registry.plugins import load_registry
from automtl_core.space import SearchSpace
from automtl_testing.contracts import (
    CHECKS,
    CONFIGURABLE,
    SCHEMAS,
    NotSupportedError,
    Subject,
    contract_tests,
)
from automtl_testing.ops import OP_CHECKS

REGISTRY = load_registry()


def subject(kind, name, registry=REGISTRY, **settings):
    return Subject(registry, kind, name, settings, None)


def test_each_kind_has_tests():
    assert CHECKS.keys() == KINDS.keys()


def test_the_tests_of_an_op_are_the_parts_of_its_check(tmp_path):
    tests = dict(contract_tests(subject(OPS, "mlp-8")))
    assert tests.keys() == OP_CHECKS.keys()
    for test in tests.values():
        test(tmp_path)


def test_a_space_is_tested_on_each_schema():
    assert [name for name, _ in contract_tests(subject(SPACES, "mmoe"))] == list(SCHEMAS)


class Refuses(SearchSpace):
    """A space for regressions alone."""

    def build(self, choose):
        if any(task.kind == "binary" for task in self.schema.tasks):
            raise UsageError("there are binary tasks", "leave them out")


def test_a_space_may_refuse_data(tmp_path):
    registry = REGISTRY.adding(SPACES, "refuses", Refuses)
    tests = dict(contract_tests(subject(SPACES, "refuses", registry)))
    with pytest.raises(NotSupportedError, match="there are binary tasks"):
        tests["categorical fields"](tmp_path)
    with pytest.raises(NotSupportedError, match="takes_encodings"):
        tests["encodings and histories"](tmp_path)


@pytest.mark.needs_extra("boosting")
def test_a_learner_has_a_contract_of_its_own(tmp_path):
    tests = dict(contract_tests(subject(SPACES, "boosting")))
    with pytest.raises(NotSupportedError, match="training algorithm"):
        tests["numbers alone"](tmp_path)


@pytest.mark.parametrize(
    ("kind", "name", "settings", "fault"),
    [
        (STRATEGIES, "darts", {"epoch": 2}, "strategy.epoch"),
        (DATASETS, "synthetic", {"rows": "many"}, "dataset.rows"),
        (FIELD_KINDS, "dense", {"scaling": 3}, "field.scaling"),
        (METRICS, "gauc", {"k": 3}, "the metric 'gauc' has no settings"),
    ],
)
def test_wrong_settings_are_errors(kind, name, settings, fault):
    with pytest.raises(UsageError, match=fault):
        list(contract_tests(subject(kind, name, **settings)))


def test_settings_reach_the_object(tmp_path):
    ((_, test),) = contract_tests(subject(FIELD_KINDS, "dense", scaling="minmax"))
    test(tmp_path)
    assert '"minmax"' in next(tmp_path.rglob("encoder.json")).read_text()


def test_settings_have_the_key_of_their_kind():
    assert set(CONFIGURABLE.values()) == {
        "space", "strategy", "scheduler", "dataset", "field", "balancer", "engine",
    }  # fmt: skip
