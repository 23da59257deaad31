"""Finding plugins, and living with broken ones: each is installed for real, as files on `sys.path`."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from torch import nn

from automtl_core import hookspecs, plugins
from automtl_core.errors import PluginError, UnknownNameError
from automtl_core.plugins import KINDS, PluginRow, Registry, load_registry

BUILT_IN = {
    "ops": {"identity", "zero", "mlp-*"},
    "spaces": {"desan"},
    "strategies": {"pd-darts"},
    "datasets": {"ijcai15", "userbehavior", "kuairand", "synthetic"},
}

OP = """
from automtl_core import hookimpl
from torch import nn

def linear(in_dim, out_dim, dropout):
    '''One layer.

    More than one line.
    '''
    return nn.Linear(in_dim, out_dim)

@hookimpl
def automtl_register_ops():
    return {"%s": linear}
"""

Install = Callable[..., str]


def hooked(body: str, hook: str = "automtl_register_ops") -> str:
    return f"from automtl_core import hookimpl\n\n@hookimpl\ndef {hook}():\n    {body}\n"


def row(registry: Registry, name: str) -> PluginRow:
    (found,) = [row for row in registry.rows if row.name == name]
    return found


def load_beside_a_good_plugin(install: Install) -> Registry:
    """Load what a test installed so far and one good plugin more, which must work as the built-ins must."""
    install(OP % "good", "z-good")
    registry = load_registry()
    assert row(registry, "z-good").problem is None
    assert isinstance(registry.op("good")(2, 3, 0.0), nn.Linear)
    for kind in KINDS:
        assert set(registry.names(kind)) >= BUILT_IN[kind]
    assert registry.op("mlp-4")(2, 3, 0.0) is not None
    return registry


def test_the_table_of_concepts_holds_every_hook() -> None:
    declared = {name for name in vars(hookspecs) if name.startswith("automtl_")}
    assert {concept.hook for concept in plugins._CONCEPTS.values()} == declared


def test_loading_does_not_import_torch() -> None:
    script = "import sys, automtl_core.plugins as p; p.load_registry(); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_built_ins_come_first_then_names(install: Install) -> None:
    for name in ("b-plugin", "a-plugin"):
        install(OP % name, name)
    names = [row.name for row in load_registry().rows]
    assert names == ["baselines", "datasets", "desan", "strategies", "a-plugin", "b-plugin"]


def test_a_row_tells_where_a_plugin_comes_from(install: Install) -> None:
    module = install(OP % "linear", "mine")
    expected = PluginRow("mine", module, "1.5", module, {"ops": ("linear",)})
    registry = load_registry()
    assert registry.supplier("ops", "linear") == row(registry, "mine") == expected


@pytest.mark.parametrize("metadata", [b"", b"Name: \xff\xfe\n"], ids=["empty", "no text"])
def test_damaged_metadata_leaves_the_origin_unknown(install: Install, metadata: bytes) -> None:
    install(OP % "linear", "mine", metadata=metadata)
    assert row(load_registry(), "mine").distribution == "unknown"


HOOKS_OBJECT = """
from automtl_core import hookimpl

class Hooks:
    @hookimpl
    def automtl_register_ops(self):
        return {"made": dict}

hooks = Hooks()
"""


def test_an_entry_point_may_name_an_object(install: Install) -> None:
    install(HOOKS_OBJECT, "mine", value="{module}:hooks")
    assert load_registry().op("made") is dict


HOSTILE = {
    "no such module": ("import automtl_no_such_module", "ModuleNotFoundError: No module named"),
    "wrong import": ("from automtl_core import no_such_name", "ImportError: cannot import name"),
    "no syntax": ("def broken(:", "SyntaxError"),
    "raises on import": (
        "raise RuntimeError('boom\\x1b[31m\\nand more')",
        "RuntimeError: boom\\x1b[31m and more",
    ),
    "raises what cannot be shown": (
        "class Mute(Exception):\n    def __str__(self):\n        raise ValueError\nraise Mute",
        "str() failed",
    ),
    "exits on import": ("raise SystemExit(0)", "SystemExit: 0"),
    "raises a group": ("raise BaseExceptionGroup('all', [SystemExit(3)])", "BaseExceptionGroup: all"),
    "exits in a hook": (hooked("import sys; sys.exit('bye')"), "SystemExit: bye"),
    "raises in a hook": (hooked("raise KeyError('lost')"), "KeyError: 'lost'"),
    "never ends to recur": (hooked("return automtl_register_ops()"), "RecursionError"),
    "misspelled hook": (
        hooked("return {}", "automtl_register_op"),
        "'automtl_register_op' is not a hook (did you mean 'automtl_register_ops'?)",
    ),
    "wrong signature": (
        "from automtl_core import hookimpl\n@hookimpl\ndef automtl_register_ops(registry): return {}",
        "'registry'",
    ),
    "hook of another project": (
        "import pluggy\n@pluggy.HookimplMarker('pytest')\ndef automtl_register_ops(): return {}",
        "'automtl_register_ops' is not marked",
    ),
    "unmarked hook": ("def automtl_register_ops(): return {}", "'automtl_register_ops' is not marked"),
    "no hook": ("", "implements no hook; hooks: automtl_register_datasets, automtl_register_ops"),
    "returns nothing": (hooked("pass"), "automtl_register_ops must return a mapping by name, not None"),
    "returns a list": (hooked("return ['linear']"), "must return a mapping by name, not ['linear']"),
    "returns a generator": (hooked("yield {}"), "must return a mapping by name, not <generator"),
    "op is no factory": (hooked("return {'linear': 3}"), "op 'linear': expected a factory, found 3"),
    "one of two is wrong": (hooked("return {'fine': dict, 'linear': 3}"), "op 'linear': expected a factory"),
    "no reference": (
        hooked("return {'linear': 'module.Linear'}"),
        "op 'linear': 'module.Linear' is not of the form package.module:Name",
    ),
    "dataset of another class": (
        hooked("return {'shop': dict}", "automtl_register_datasets"),
        "dataset 'shop': expected a subclass of automtl_core.dataset:Dataset, found <class 'dict'>",
    ),
    "dataset is an object": (
        hooked("return {'shop': object()}", "automtl_register_datasets"),
        "expected a subclass of automtl_core.dataset:Dataset, found <object",
    ),
    "space of another class": (
        hooked("return {'huge': int}", "automtl_register_search_spaces"),
        "search space 'huge': expected a subclass of automtl_core.space:SearchSpace",
    ),
    "strategy of another class": (
        hooked("return {'lucky': int}", "automtl_register_strategies"),
        "strategy 'lucky': expected a subclass of automtl_core.strategy:SearchStrategy",
    ),
    "dataset without rows": (
        "from automtl_core.dataset import Dataset\nclass Shop(Dataset): pass\n"
        + hooked("return {'shop': Shop}", "automtl_register_datasets"),
        "dataset 'shop': Shop does not define: rows",
    ),
    "name is no text": (hooked("return {1: dict}"), "op 1: a name consists of"),
    "capital in a name": (hooked("return {'GELU': dict}"), "op 'GELU': a name consists of"),
    "dot in a name": (hooked("return {'a.b': dict}"), "op 'a.b': a name consists of"),
    "dash in front": (hooked("return {'-a': dict}"), "op '-a': a name consists of"),
    "line break in a name": (hooked("return {'a\\n': dict}"), "op 'a\\n': a name consists of"),
    "star alone": (hooked("return {'*': dict}"), "op '*': a name consists of"),
    "family of datasets": (
        hooked("return {'shop-*': 'a:B'}", "automtl_register_datasets"),
        "dataset 'shop-*': a name consists of lower-case letters, digits and dashes",
    ),
    "reserved name": (hooked("return {'keys': dict}"), "op 'keys': the name is reserved"),
}


@pytest.mark.parametrize(("source", "reason"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_broken_plugin_is_a_row_with_its_reason(install: Install, source: str, reason: str) -> None:
    install(source, "a-broken")
    broken = row(load_beside_a_good_plugin(install), "a-broken")
    assert reason in (broken.problem or "")
    assert "\n" not in (broken.problem or "")
    assert broken.provides == {}


def test_what_is_no_module_name_is_a_row_with_its_reason(install: Install) -> None:
    install("", "a-broken", value="not a module!")
    assert row(load_beside_a_good_plugin(install), "a-broken").problem


def test_interrupting_a_plugin_interrupts_the_program(install: Install) -> None:
    install("raise KeyboardInterrupt", "a-broken")
    with pytest.raises(KeyboardInterrupt):
        load_registry()


def test_every_attribute_of_a_module_dict_is_reserved() -> None:
    possible = {name for name in dir(nn.ModuleDict()) if plugins._NAME.fullmatch(name)}
    assert possible <= set(plugins._RESERVED.split())


def test_the_first_to_register_a_name_keeps_it(install: Install) -> None:
    install(OP % "identity", "a-late")
    registry = load_beside_a_good_plugin(install)
    assert registry.supplier("ops", "identity").name == "desan"
    problem = row(registry, "a-late").problem or ""
    assert (
        "the op 'identity' of plugin 'a-late' is already registered by plugin 'desan' of automtl" in problem
    )


def test_a_plugin_that_loses_one_name_loses_all(install: Install) -> None:
    install(hooked("return {'mine': dict, 'zero': dict}"), "a-late")
    assert "mine" not in load_beside_a_good_plugin(install).names("ops")


def test_one_name_may_be_of_two_kinds(install: Install) -> None:
    install(hooked("return {'desan': dict}"), "mine")
    assert row(load_registry(), "mine").problem is None


def test_of_two_plugins_with_one_name_the_first_is_kept(install: Install) -> None:
    first = install(OP % "early", "twice")
    install(OP % "late", "twice")
    registry = load_beside_a_good_plugin(install)
    kept, refused = [row for row in registry.rows if row.name == "twice"]
    assert (kept.distribution, kept.problem) == (first, None)
    assert refused.problem == f"there is already a plugin 'twice', of {first} 1.5"
    assert "early" in registry.names("ops")
    assert "late" not in registry.names("ops")


def test_a_plugin_cannot_take_the_name_of_a_built_in_plugin(install: Install) -> None:
    install(OP % "late", "desan")
    registry = load_beside_a_good_plugin(install)
    refused = [row for row in registry.rows if row.name == "desan"][1]
    assert "there is already a plugin 'desan', of automtl" in (refused.problem or "")


def test_disabled_plugins_are_not_imported(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    module = install(OP % "mine", "a-plugin")
    install(OP % "other", "b-plugin")
    monkeypatch.setenv("AUTOMTL_DISABLE_PLUGINS", "nobody, a-plugin,b-plugin")
    registry = load_beside_a_good_plugin(install)
    assert row(registry, "a-plugin").problem == "disabled by AUTOMTL_DISABLE_PLUGINS"
    assert not {"mine", "other"} & set(registry.names("ops"))
    assert module not in sys.modules
    with pytest.raises(UnknownNameError, match=r"a-plugin \(disabled by AUTOMTL_DISABLE_PLUGINS\)"):
        registry.op("mine")


FAMILY = hooked("""return {
        "wide-*": lambda *given: given,
        "wide-8": lambda *given: "exact",
        "wide-deep-*": lambda *given: ("deep", *given),
    }""")


def test_a_family_takes_a_number(install: Install) -> None:
    install(FAMILY, "mine")
    registry = load_registry()
    assert registry.op("wide-48")(2, 3, 0.5) == (2, 3, 0.5, 48)
    assert registry.op("wide-48")(in_dim=2, out_dim=3, dropout=0.5) == (2, 3, 0.5, 48)
    assert registry.op("wide-8")(2, 3, 0.5) == "exact"
    assert registry.op("wide-deep-7")(2, 3, 0.5) == ("deep", 2, 3, 0.5, 7)
    assert registry.supplier("ops", "wide-48").name == "mine"


NO_NUMBERS = ["0", "-1", "007", "x", "", "1.5", "+3", " 3", "3\n", "٣", "*", "9" * 5000]


@pytest.mark.parametrize("number", NO_NUMBERS, ids=[ascii(n[:5]) for n in NO_NUMBERS])
def test_a_family_takes_nothing_else(install: Install, number: str) -> None:
    install(FAMILY, "mine")
    with pytest.raises(UnknownNameError, match=r"known: .*wide-\*") as error:
        load_registry().op(f"wide-{number}")
    assert "a whole number from 1 in place of `*`" in (error.value.fix or "")


def test_a_reference_is_imported_when_it_is_used(install: Install, tmp_path: Path) -> None:
    folder = install("", "empty")
    (tmp_path / folder / "automtl_test_late.py").write_text("class Late:\n    '''Comes late.'''\n")
    install(hooked("return {'late': 'automtl_test_late:Late'}"), "mine")
    registry = load_registry()
    assert "automtl_test_late" not in sys.modules
    assert registry.describe("ops", "late") == "Comes late."
    assert registry.op("late").__name__ == "Late"


LATE = {
    "no such module": ("ops", "automtl_no_such_module:Op", "ModuleNotFoundError"),
    "no such name": ("ops", "automtl_core.wording:no_such_name", "AttributeError"),
    "exits": ("ops", "{module}:exits", "SystemExit: 4"),
    "no factory": ("ops", "automtl_core:__version__", "expected a factory, found '"),
    "another class": ("datasets", "builtins:dict", "expected a subclass of automtl_core.dataset:Dataset"),
    "abstract": ("datasets", "automtl_core.dataset:Dataset", "Dataset does not define: rows"),
}
REGISTER = {"ops": "automtl_register_ops", "datasets": "automtl_register_datasets"}


@pytest.mark.parametrize(("kind", "reference", "reason"), LATE.values(), ids=LATE.keys())
def test_a_reference_that_fails_names_plugin_and_reason(
    install: Install, kind: plugins.Kind, reference: str, reason: str
) -> None:
    exits = install("def __getattr__(name):\n    raise SystemExit(4)\n", "exits")
    reference = reference.format(module=exits)
    install(hooked(f"return {{'late': '{reference}'}}", REGISTER[kind]), "mine")
    registry = load_beside_a_good_plugin(install)
    assert "late" in registry.names(kind)
    with pytest.raises(PluginError) as error:
        (registry.op if kind == "ops" else registry.dataset)("late")
    assert "'late' of plugin 'mine' cannot be used: " in str(error.value)
    assert reason in str(error.value)
    assert error.value.exit_code == 69
    assert "AUTOMTL_DISABLE_PLUGINS=mine" in (error.value.fix or "")


def test_an_unknown_name_gets_the_nearest_the_known_and_the_plugins_that_failed(install: Install) -> None:
    install("raise RuntimeError('boom')", "a-broken")
    registry = load_beside_a_good_plugin(install)
    with pytest.raises(UnknownNameError) as error:
        registry.op("identiti")
    message = str(error.value)
    assert (
        "no op is called 'identiti' (did you mean 'identity'?); known: good, identity, mlp-*, zero" in message
    )
    assert "plugins that are not loaded: a-broken (RuntimeError: boom)" in message
    assert "automtl plugins" in (error.value.fix or "")


@pytest.mark.parametrize("kind", KINDS)
def test_unknown_names_of_every_kind(kind: plugins.Kind) -> None:
    registry = load_registry()
    find = {
        "ops": registry.op,
        "spaces": registry.space,
        "strategies": registry.strategy,
        "datasets": registry.dataset,
    }[kind]
    for call in (
        find,
        lambda name: registry.supplier(kind, name),
        lambda name: registry.describe(kind, name),
    ):
        with pytest.raises(UnknownNameError, match=f"is called 'nothing'; known: .*{min(BUILT_IN[kind])}"):
            call("nothing")


def test_described_by_the_first_line(install: Install) -> None:
    install(OP % "linear", "mine")
    install(hooked("return {'silent': type('Silent', (dict,), {})}"), "silent")
    registry = load_registry()
    assert registry.describe("ops", "linear") == "One layer."
    assert registry.describe("ops", "silent") == ""
    assert registry.describe("ops", "mlp-*") == registry.describe("ops", "mlp-8") != ""
