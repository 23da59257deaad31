"""A check names the violated requirement, and a new plugin of each kind works as it is written."""

import os
import subprocess
import sys
from pathlib import Path
from unittest import SkipTest

import pytest
from failures import DATASET
from projects import installed

from automtl_core.errors import UnknownNameError, UsageError
from automtl_core.registry.kinds import FIELD_KINDS, KINDS as REGISTERED, SPACES
from automtl_core.registry.plugins import load_registry
from automtl_core.space import SearchSpace
from automtl_testing.commands import KINDS, new
from automtl_testing.contracts import CHECKS, SCHEMAS, Subject, check_installed

OPS = """
from torch import nn
from automtl_core import hookimpl

class Op(nn.Module):
    def __init__(self, in_dim, out_dim, dropout):
        super().__init__()
        self.linear = nn.Linear(in_dim, out_dim)

    def forward(self, x):
        return self.linear(x)

class Narrow(Op):
    def forward(self, x):
        return super().forward(x)[:, :1]

@hookimpl
def automtl_register_ops():
    return {"sound": Op, "narrow": Narrow}
"""


def test_a_sound_object_passes(automtl, install):
    install(OPS, "mine")
    for name in ("sound", "mlp-4"):
        ended = automtl("check", name)
        assert ended.code == 0, ended.err
        assert ended.out.splitlines()[-1] == "2 objects: 2 passed, 0 failed, 0 skipped"


def test_a_broken_op_fails_with_its_reason(automtl, install):
    install(OPS, "mine")
    ended = automtl("check", "narrow")
    assert ended.code == 69
    (first, *_) = [line for line in ended.out.splitlines() if "failed: " in line]
    assert first.split("  ")[0] == "mine"
    assert "op narrow" in first
    assert "the op 'narrow' of plugin 'mine' maps [2, 7] to [2, 1]" in first
    assert "objects of narrow failed: op 'narrow'" in ended.err
    assert "Traceback" not in ended.err


def test_json_holds_each_outcome(automtl, install):
    install(OPS, "mine")
    ended = automtl("check", "bag", "--json")
    assert ended.json() == [
        {"plugin": "datasets", "kind": "plugin", "name": "datasets", "state": "passed",
         "reason": ""},
        {"plugin": "datasets", "kind": "field kind", "name": "bag", "state": "skipped",
         "reason": "fields of bags are checked with a dataset"},
    ]  # fmt: skip


def test_raw_files_that_are_missing(automtl, install):
    install(DATASET % "return db.table('log')", "shop")
    ended = automtl("check", "shop")
    assert ended.code == 69
    assert "name the folder of its raw files: --data-dir FOLDER" in ended.out
    Path("log.csv").write_text("item,click\n" + "".join(f"i{k % 5},{k % 2}\n" for k in range(60)))
    assert automtl("check", "shop", "--data-dir", ".").code == 0
    ended = automtl("check", "shop", "--data-dir", ".", "--set", "dataset.min_count=70")
    assert ended.code == 0


@pytest.fixture(scope="module")
def projects(tmp_path_factory):
    """Return a folder with a new project of each kind, and its metadata, as pip would install it."""
    folder = tmp_path_factory.mktemp("projects")
    for kind in KINDS:
        path = Path(new(f"automtl-new-{kind}", kind, folder)["path"])
        installed(path, path)
    return folder


def test_the_tests_of_new_projects_pass(projects):
    paths = os.pathsep.join([*map(str, projects.iterdir()), *sys.path])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib"]
    done = subprocess.run(
        [*command, *projects.iterdir()],
        cwd=projects,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "23 passed" in done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_is_listed(automtl, projects, kind, monkeypatch):
    project = projects / f"automtl-new-{kind}"
    monkeypatch.chdir(project)
    monkeypatch.syspath_prepend(project)
    name, registered = f"new-{kind}", KINDS[kind]
    (row,) = [row for row in automtl("plugins", "--json").json() if row["name"] == name]
    assert row["problem"] is None
    assert row["provides"][registered.plural] == [name]
    assert automtl("list", registered.plural, "--json").json()[name]["description"]


def test_the_files_and_the_next_commands_are_shown(automtl, here):
    written = automtl("new", "automtl-swish", "--kind", "op", "--out", "my plugins", "--json").json()
    assert written["files"] == ["README.md", "automtl_swish.py", "pyproject.toml", "test_op.py"]
    assert all((here / "my plugins" / "automtl-swish" / file).is_file() for file in written["files"])
    assert written["next"][:2] == ["cd 'my plugins/automtl-swish'", "pip install -e '.[dev]'"]
    assert "automtl check swish" in automtl("new", "automtl-swish", "--kind", "op").out


def test_wrong_names_and_settings_are_refused_and_nothing_is_written(here, refused):
    refused("usage.txt")
    assert [path.name for path in here.iterdir()] == ["small.yaml"]


def test_an_existing_folder_stays(automtl, here):
    command = ("new", "automtl-mine", "--kind", "metric")
    (here / "automtl-mine").mkdir()
    assert automtl(*command).code == 0  # an empty folder is filled
    (here / "automtl-mine" / "automtl_mine.py").write_text("changed")
    ended = automtl(*command)
    assert ended.code == 73
    assert "automtl-mine: exists already" in ended.err
    assert (here / "automtl-mine" / "automtl_mine.py").read_text() == "changed"
    assert automtl(*command, "--out", "small.yaml").code == 73  # a file
    assert {path.name for path in here.iterdir()} == {"automtl-mine", "small.yaml"}


REGISTRY = load_registry()


def subject(kind, name, registry=REGISTRY, **settings):
    return Subject(registry, kind, name, settings, None)


def test_each_kind_has_tests():
    assert CHECKS.keys() == REGISTERED.keys()


class Refuses(SearchSpace):
    """A space for regressions alone."""

    def build(self, choose):
        if any(task.kind == "binary" for task in self.schema.tasks):
            raise UsageError("there are binary tasks", "leave them out")


def checked(tested, folder):
    return CHECKS[tested.kind.plural](tested, tested.parsed(), folder)


def test_a_space_may_refuse_data(tmp_path):
    registry = REGISTRY.adding(SPACES, "refuses", Refuses)
    with pytest.raises(SkipTest) as refused:
        checked(subject(SPACES, "refuses", registry), tmp_path)
    told = str(refused.value).splitlines()
    assert [line.partition(":")[0] for line in told] == list(SCHEMAS)
    assert "there are binary tasks" in told[0]
    assert "takes_encodings" in told[-1]


@pytest.mark.needs_extra("boosting")
def test_a_learner_has_a_contract_of_its_own(tmp_path):
    with pytest.raises(SkipTest, match=r"numbers alone: .*training algorithm"):
        checked(subject(SPACES, "boosting"), tmp_path)


def test_settings_reach_the_object(tmp_path):
    checked(subject(FIELD_KINDS, "dense", scaling="minmax"), tmp_path)
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

class Leaves(Nothing):
    def search(self, listener): raise SystemExit(3)

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
def automtl_register_strategies():
    return {"nothing": Nothing, "typo": Typo, "leaves": Leaves, "lost": "automtl_no_such_module:Lost"}
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
    "leaves": "SystemExit: 3",
    "lost": "ModuleNotFoundError: No module named 'automtl_no_such_module'",
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
