"""Finding what plugins supply, by kind and name; adding to it."""

import sys
from dataclasses import replace

import pytest
from torch import nn

from automtl_core.errors import PluginError, UnknownNameError
from automtl_core.fields.kinds import BUILT_IN
from automtl_core.fields.numeric import Dense
from automtl_core.fields.sparse import Sparse
from automtl_core.registry.kinds import DATASETS, FIELD_KINDS, KINDS, OPS, PRESETS, STRATEGIES
from automtl_core.registry.plugins import load_registry
from automtl_core.registry.registry import PluginRow, Registry

MINE = PluginRow("mine", "automtl-mine", "1.5", "automtl_mine")


def linear(in_dim, out_dim, dropout):
    """One layer.

    More than one line.
    """
    return nn.Linear(in_dim, out_dim)


def supplying(**contents):
    return Registry([replace(MINE, provides=contents)])


class Wide(nn.Linear):
    """An op that remembers what it was made with."""

    def __init__(self, in_dim, out_dim, *more):
        super().__init__(in_dim, out_dim)
        self.more = more


class Deep(Wide):
    """A wide op in depth."""


FAMILY = supplying(ops={"wide-*": Wide, "wide-8": linear, "wide-deep-*": Deep})


def test_a_family_takes_a_number():
    made = FAMILY.op("wide-48")(2, 3, 0.5)
    assert isinstance(made, Wide)
    assert made.more == (0.5, 48)
    assert type(FAMILY.op("wide-8")(2, 3, 0.5)) is nn.Linear
    assert isinstance(FAMILY.op("wide-deep-7")(2, 3, 0.5), Deep)
    assert FAMILY.supplier(OPS, "wide-48").name == "mine"
    assert FAMILY.names(OPS) == ("wide-*", "wide-8", "wide-deep-*")


NO_NUMBERS = ["0", "-1", "007", "x", "", "1.5", "+3", " 3", "3\n", "٣", "*", "9" * 5000]


@pytest.mark.parametrize("number", NO_NUMBERS, ids=[ascii(n[:5]) for n in NO_NUMBERS])
def test_a_family_takes_nothing_else(number):
    with pytest.raises(UnknownNameError, match=r"known: .*wide-\*") as error:
        FAMILY.op(f"wide-{number}")
    assert "a whole number from 1 in place of `*`" in (error.value.fix or "")


def test_a_reference_is_imported_when_it_is_used(tmp_path, monkeypatch):
    (tmp_path / "automtl_test_late.py").write_text("def late(*sizes):\n    '''Comes late.'''\n")
    monkeypatch.syspath_prepend(tmp_path)
    registry = supplying(ops={"late": "automtl_test_late:late"})
    assert "automtl_test_late" not in sys.modules
    assert registry.describe(OPS, "late") == "Comes late."


def test_a_preset_may_be_a_file_of_a_package(tmp_path, monkeypatch):
    (tmp_path / "automtl_test_presets").mkdir()
    (tmp_path / "automtl_test_presets" / "__init__.py").touch()
    (tmp_path / "automtl_test_presets" / "long.yaml").write_text("training: {epochs: 99}\n")
    monkeypatch.syspath_prepend(tmp_path)
    files = {"long": "automtl_test_presets:long.yaml", "lost": "automtl_test_presets:lost.yaml"}
    registry = supplying(presets=files)
    assert registry.get(PRESETS, "long") == {"training": {"epochs": 99}}
    assert registry.describe(PRESETS, "long") == "sets training"
    with pytest.raises(PluginError, match="'lost' of plugin 'mine' cannot be used: FileNotFoundError"):
        registry.get(PRESETS, "lost")


LATE = {
    "no such module": ("ops", "automtl_no_such_module:Op", "ModuleNotFoundError"),
    "no such name": ("ops", "automtl_core.errors:no_such_name", "AttributeError"),
    "exits": ("ops", "automtl_test_exits:exits", "SystemExit: 4"),
    "no factory": ("ops", "automtl_core:__version__", "expected a factory, called with"),
    "another class": ("datasets", "builtins:dict", "subclass of automtl_core.dataset.dataset:Dataset"),
    "abstract": ("datasets", "automtl_core.dataset.dataset:Dataset", "Dataset does not define: "),
}


@pytest.mark.parametrize(("plural", "reference", "reason"), LATE.values(), ids=LATE.keys())
def test_a_reference_that_fails_names_plugin_and_reason(plural, reference, reason, tmp_path, monkeypatch):
    (tmp_path / "automtl_test_exits.py").write_text("def __getattr__(name):\n    raise SystemExit(4)\n")
    monkeypatch.syspath_prepend(tmp_path)
    registry = supplying(**{plural: {"late": reference}})
    assert registry.names(KINDS[plural]) == ("late",)
    with pytest.raises(PluginError) as error:
        registry.get(KINDS[plural], "late")
    assert "'late' of plugin 'mine' cannot be used: " in str(error.value)
    assert reason in str(error.value)
    assert error.value.exit_code == 69
    assert error.value.fix == "repair or upgrade automtl-mine 1.5, or set AUTOMTL_DISABLE_PLUGINS=mine"


def test_too_little_memory_is_no_fault_of_a_plugin(tmp_path, monkeypatch):
    (tmp_path / "automtl_test_large.py").write_text("raise MemoryError\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MemoryError):
        supplying(ops={"late": "automtl_test_large:Op"}).get(KINDS["ops"], "late")


def test_an_unknown_name_gets_the_nearest_the_known_and_the_plugins_that_failed():
    broken = PluginRow("broken", "automtl-broken", "1", "broken", problem="RuntimeError: boom")
    registry = Registry([replace(MINE, provides={"ops": {"linear": linear}}), broken])
    with pytest.raises(UnknownNameError) as error:
        registry.op("linea")
    message = str(error.value)
    assert "no op is called 'linea' (did you mean 'linear'?); known: linear" in message
    assert "plugins that are not loaded: broken (RuntimeError: boom)" in message
    assert "automtl plugins" in (error.value.fix or "")


def test_described_by_the_first_line():
    registry = supplying(ops={"linear": linear, "silent": lambda *sizes: None, "wide-*": Wide})
    assert registry.describe(OPS, "linear") == "One layer."
    assert registry.describe(OPS, "silent") == ""
    assert registry.describe(OPS, "wide-*") == registry.describe(OPS, "wide-8") != ""


def test_a_script_adds_to_a_registry_without_changing_it():
    before = supplying(ops={"linear": linear})
    first = before.adding(OPS, "wide-*", Wide)
    both = first.adding(OPS, "narrow", linear)
    assert (before.names(OPS), first.names(OPS)) == (("linear",), ("linear", "wide-*"))
    assert both.names(OPS) == ("linear", "narrow", "wide-*")
    row = both.supplier(OPS, "narrow")
    assert (row.name, row.version, [*row.provides["ops"]]) == ("script", "none", ["wide-*", "narrow"])
    assert [row.name for row in both.rows] == ["mine", "script"]


@pytest.mark.parametrize(
    ("name", "value", "plugin", "reason"),
    [
        ("linear", linear, "script", "the op 'linear' of plugin 'script' is already registered"),
        ("Narrow", linear, "script", "a name consists of"),
        ("narrow", dict, "script", "op 'narrow': expected a factory"),
        ("narrow", linear, "mine", "a plugin 'mine' is installed"),
    ],
)
def test_what_a_plugin_may_not_register_a_script_may_not_add(name, value, plugin, reason):
    with pytest.raises(PluginError, match=reason):
        supplying(ops={"linear": linear}).adding(OPS, name, value, plugin)
    with pytest.raises(PluginError, match="expected a subclass of"):
        supplying().adding(STRATEGIES, "mine", linear)
    with pytest.raises(PluginError, match="expected a subclass of"):
        supplying().adding(DATASETS, "mine", dict)


BLAMED = """
from torch import nn

class Lucky:
    def search(self):
        return self.nothing

class Net(nn.Module):
    def forward(self, x):
        return x[:, 0] @ x

def helper(x):
    return Net()(x)
"""


@pytest.mark.parametrize(
    ("things", "call", "blamed"),
    [
        ({"strategies": {"lucky": "automtl_test_blamed:Lucky"}}, "Lucky().search()", "strategy 'lucky'"),
        (
            {"strategies": {"lucky": "automtl_test_blamed:Lucky"}, "ops": {"net": "automtl_test_blamed:Net"}},
            "helper(1)",
            "op 'net'",
        ),
        ({"ops": {"a": "automtl_test_blamed:A", "b": "automtl_test_blamed:B"}}, "Lucky().search()", "code"),
        ({}, "helper(1)", "code"),
    ],
)
def test_an_error_in_the_code_of_a_plugin_is_the_plugins(things, call, blamed, tmp_path, monkeypatch):
    (tmp_path / "automtl_test_blamed.py").write_text(BLAMED)
    monkeypatch.syspath_prepend(tmp_path)
    registry = Registry([replace(MINE, module="automtl_test_blamed:plugin", provides=things)])
    names = {}
    exec("from automtl_test_blamed import *", names)  # noqa: S102
    with pytest.raises(Exception, match=r"nothing|subscriptable") as error:
        eval(call, names)  # noqa: S307
    error.value.add_note("a note")
    found = registry.blame(error.value)
    assert found is not None
    assert str(found).startswith(f"the {blamed} of plugin 'mine' failed: ")
    assert "automtl_test_blamed.py:" in str(found)
    assert "note" not in str(found)
    assert found.fix == "repair or upgrade automtl-mine 1.5, or set AUTOMTL_DISABLE_PLUGINS=mine"


def test_an_error_of_automtl_is_nobodys():
    with pytest.raises(TypeError) as error:
        load_registry().get(OPS, "identity")("x", 3)
    assert load_registry().blame(error.value) is None
    assert supplying().blame(error.value) is None


def test_encoders_of_fields_are_found_whatever_plugins_are_broken():
    built_in = load_registry()
    assert built_in.field_encoders() == BUILT_IN
    registry = supplying(**{"field-kinds": {"dense": Dense, "late": "automtl_no_such_module:Kind"}})
    assert registry.field_encoders() == BUILT_IN
    assert registry.name_of(FIELD_KINDS, Dense) == "dense"
    assert registry.name_of(FIELD_KINDS, Sparse) is None
