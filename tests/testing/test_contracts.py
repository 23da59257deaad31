"""Each kind of object has contract tests, settings reach the objects, and each test has an outcome."""

from unittest import SkipTest

import pytest

from automtl_core.errors import UnknownNameError, UsageError
from automtl_core.registry.kinds import FIELD_KINDS, KINDS, SPACES
from automtl_core.registry.plugins import load_registry
from automtl_core.space import SearchSpace
from automtl_testing.contracts import CHECKS, SCHEMAS, Subject, check_installed

REGISTRY = load_registry()


def subject(kind, name, registry=REGISTRY, **settings):
    return Subject(registry, kind, name, settings, None)


def test_each_kind_has_tests():
    assert CHECKS.keys() == KINDS.keys()


class Refuses(SearchSpace):
    """A space for regressions alone."""

    def build(self, choose):
        if any(task.kind == "binary" for task in self.schema.tasks):
            raise UsageError("there are binary tasks", "leave them out")


def check(tested, folder):
    return CHECKS[tested.kind.plural](tested, tested.parsed(), folder)


def test_a_space_may_refuse_data(tmp_path):
    registry = REGISTRY.adding(SPACES, "refuses", Refuses)
    with pytest.raises(SkipTest) as refused:
        check(subject(SPACES, "refuses", registry), tmp_path)
    told = str(refused.value).splitlines()
    assert [line.partition(":")[0] for line in told] == list(SCHEMAS)
    assert "there are binary tasks" in told[0]
    assert "takes_encodings" in told[-1]


@pytest.mark.needs_extra("boosting")
def test_a_learner_has_a_contract_of_its_own(tmp_path):
    with pytest.raises(SkipTest, match=r"numbers alone: .*training algorithm"):
        check(subject(SPACES, "boosting"), tmp_path)


def test_settings_reach_the_object(tmp_path):
    check(subject(FIELD_KINDS, "dense", scaling="minmax"), tmp_path)
    assert '"minmax"' in next(tmp_path.rglob("encoder.json")).read_text()


BROKEN = """
from dataclasses import dataclass
from typing import ClassVar
import numpy as np
from torch import nn
from automtl_core import hookimpl
from automtl_core.fields.encode import FieldEncoder
from automtl_core.fields.field import FieldKind, FieldLearner, Read
from automtl_core.search.strategy import SearchStrategy
from automtl_core.space import SearchSpace
from automtl_core.training.metric import Metric

class Nothing(SearchStrategy):
    def search(self, listener): return None
    def state_dict(self): return {}
    def load_state_dict(self, state): pass

class Typo(Nothing):
    def search(self, listener): return self.nothing

class Empty(SearchSpace):
    def build(self, choose): return nn.Linear(1, 1)

@dataclass(frozen=True)
class Length(FieldEncoder):
    columns: tuple[str, ...]
    size: int = 3
    kind: ClassVar[str] = "length"
    def reads(self, name): return dict.fromkeys(self.columns, "texts")
    def encode(self, *columns): return sum(np.array(list(map(len, texts)), np.int32) for texts in columns)

@dataclass(frozen=True)
class Lengths(FieldKind):
    columns: tuple[str, ...] = ()
    encoders: ClassVar = (Length,)
    def reads(self): return dict.fromkeys(self.columns, Read("text"))
    def faults(self):
        if not self.columns: yield "name columns"
    def learner(self, source): return FieldLearner(self.reads(), Length(self.columns))

@hookimpl
def automtl_register_strategies(): return {"nothing": Nothing, "typo": Typo}
@hookimpl
def automtl_register_search_spaces(): return {"empty": Empty}
@hookimpl
def automtl_register_metrics():
    return {"undefined": Metric("undefined", lambda labels, predictions, users: float("nan"))}
@hookimpl
def automtl_register_field_kinds(): return {"lengths": Lengths}
@hookimpl
def automtl_register_report_sections(): return {"chapter": lambda record: []}
@hookimpl
def automtl_register_presets(): return {"misspelt": {"trainin": {"epochs": 2}}}
"""
REASONS = {
    "nothing": "search must return a SearchResult, got NoneType",
    "typo": "AttributeError: 'Typo' object has no attribute 'nothing'",
    "undefined": "returns nan, expected a finite number",
    "empty": "TypeError",
    "lengths": "a sample field cannot be declared: name columns; set its attributes",
    "misspelt": "trainin",
}


@pytest.mark.parametrize(("name", "reason"), REASONS.items())
def test_the_reason_is_the_violated_requirement(install, name, reason):
    install(BROKEN, "broken")
    loading, outcome = check_installed(load_registry(), name)
    assert (loading.plugin, loading.state) == ("broken", "passed")
    assert (outcome.plugin, outcome.name, outcome.state) == ("broken", name, "failed")
    assert reason in outcome.reason
    assert "\n" not in outcome.reason


def test_a_section_of_a_report_needs_a_run(install):
    install(BROKEN, "broken")
    *_, outcome = check_installed(load_registry(), "chapter")
    assert (outcome.state, outcome.reason.partition(":")[0]) == ("skipped", "a section needs a finished run")


def test_an_error_of_a_plugin_has_the_line_of_its_code(install):
    module = install(BROKEN, "broken")
    *_, outcome = check_installed(load_registry(), "typo")
    line = 1 + BROKEN.splitlines().index("    def search(self, listener): return self.nothing")
    assert f"{module}.py:{line})" in outcome.reason


def test_members_stand_for_a_family():
    names = [outcome.name for outcome in check_installed(load_registry(), "ndcg-*")]
    assert names == ["metrics", *(f"ndcg-{number}" for number in (2, 16))]


def test_a_plugin_that_is_not_loaded_fails(install, monkeypatch):
    module = install("raise RuntimeError('no licence key')", "broken")
    for name in ("broken", module.replace("_", ".")):
        (outcome,) = check_installed(load_registry(), name)
        assert (outcome.state, outcome.reason) == ("failed", "RuntimeError: no licence key")
    with pytest.raises(UnknownNameError, match="not loaded: broken \\(RuntimeError"):
        list(check_installed(load_registry(), "lost-op"))
    monkeypatch.setenv("AUTOMTL_DISABLE_PLUGINS", "metrics")
    (outcome,) = check_installed(load_registry(), "metrics")
    assert outcome.reason == "disabled by AUTOMTL_DISABLE_PLUGINS"
