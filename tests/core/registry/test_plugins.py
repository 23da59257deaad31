"""Finding plugins, and living with broken ones: each is installed for real, as files on `sys.path`."""

import re
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import automtl_core.plugin
import automtl_testing
from automtl_cli.app import run
from automtl_cli.errors import Stop
from automtl_core.errors import DataError, PluginError, UnknownNameError
from automtl_core.registry.kinds import KINDS, OPS, Kind
from automtl_core.registry.plugin_guard import SuppliedOp
from automtl_core.registry.plugins import load_registry
from automtl_core.system.lazy import names_of_stub

BUILT_IN = {plural: {*load_registry().names(kind)} for plural, kind in KINDS.items()}

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


def hooked(body, hook="automtl_register_ops"):
    return f"from automtl_core import hookimpl\n\n@hookimpl\ndef {hook}():\n    {body}\n"


def row(registry, name):
    (found,) = [row for row in registry.rows if row.name == name]
    return found


def load_beside_a_good_plugin(install):
    """Load what a test installed so far and one good plugin more, which must work as the built-ins must."""
    install(OP % "good", "z-good")
    registry = load_registry()
    assert row(registry, "z-good").problem is None
    assert isinstance(registry.op("good")(2, 3, 0.0), nn.Linear)
    for plural, names in BUILT_IN.items():
        assert set(registry.names(KINDS[plural])) >= names
    assert registry.op("mlp-4")(2, 3, 0.0) is not None
    return registry


@pytest.mark.parametrize("metadata", [b"", b"Name: \xff\xfe\n"], ids=["empty", "no text"])
def test_damaged_metadata_leaves_the_origin_unknown(install, metadata):
    install(OP % "linear", "mine", metadata=metadata)
    assert row(load_registry(), "mine").distribution == "unknown"


@pytest.mark.parametrize("text", [b"\xff\xfe[automtl]\n", b"[automtl]\nno equals\n"])
def test_one_whose_entry_points_cannot_be_read_is_named(install, text):
    """Torch and pydantic read the entry points of all packages, too: they cannot be imported."""
    module = install(OP % "linear", "mine", metadata=b"Metadata-Version: 2.1\nName: odd\nVersion: 1.5\n")
    install(OP % "square", "other")
    (folder,) = (Path(entry) for entry in sys.path if entry.endswith(module))
    (folder / f"{module}-1.5.dist-info" / "entry_points.txt").write_bytes(text)
    with pytest.raises(PluginError, match=r"unreadable entry points of an installed package: odd 1\.5 \(/"):
        load_registry()


HOOKS_OBJECT = """
from automtl_core import hookimpl

def anything(*sizes):
    pass

class Hooks:
    @hookimpl
    def automtl_register_ops(self):
        return {"made": anything}

hooks = Hooks()
"""


def test_an_entry_point_may_name_an_object(install):
    install(HOOKS_OBJECT, "mine", value="{module}:hooks")
    assert "made" in load_registry().names(OPS)


HOSTILE = [
    "import automtl_no_such_module",
    "from automtl_core import no_such_name",
    "def broken(:",
    "raise RuntimeError('boom\\x1b[31m\\nand more')",
    "class Mute(Exception):\n    def __str__(self):\n        raise ValueError\nraise Mute",
    hooked("import sys; sys.exit('bye')"),
    hooked("raise KeyError('lost')"),
    hooked("return automtl_register_ops()"),
    hooked("return {}", "automtl_register_op"),
    "from automtl_core import hookimpl\n@hookimpl\ndef automtl_register_ops(registry): return {}",
    "import pluggy\n@pluggy.HookimplMarker('pytest')\ndef automtl_register_ops(): return {}",
    "def automtl_register_ops(): return {}",
    "",
    hooked("pass"),
    hooked("return {'fine': lambda *a: a, 'linear': 3}"),
    hooked("return {'linear': 'module.Linear'}"),
    hooked("return {'GELU': lambda *a: a}"),
    hooked("return {'a\\n': lambda *a: a}"),
    hooked("return {'shop-*': 'a:B'}", "automtl_register_datasets"),
    hooked("return {'keys': lambda *a: a}"),
]


def test_a_broken_plugin_is_a_row_with_its_reason(install, golden):
    for number, source in enumerate(HOSTILE):
        install(source, f"a-broken-{number}")
    registry, told = load_beside_a_good_plugin(install), []
    for number, source in enumerate(HOSTILE):
        broken = row(registry, f"a-broken-{number}")
        assert "\n" not in broken.problem
        assert broken.provides == {}
        told.append(f"{source!r}\n{broken.problem}\n")
    golden("broken.txt", re.sub(r"automtl_test_plugin_\d+", "MODULE", "\n".join(told)))


def test_interrupting_a_plugin_interrupts_the_program(install):
    install("import signal\nsignal.raise_signal(signal.SIGINT)", "a-broken")
    with pytest.raises(KeyboardInterrupt):
        load_registry()


def test_the_first_to_register_a_name_keeps_it(install):
    install(OP % "identity", "a-late")
    registry = load_beside_a_good_plugin(install)
    assert registry.supplier(OPS, "identity").name == "desan"
    problem = row(registry, "a-late").problem or ""
    assert (
        "the op 'identity' of plugin 'a-late' is already registered by plugin 'desan' of automtl" in problem
    )


def test_a_plugin_that_loses_one_name_loses_all_but_kinds_have_names_of_their_own(install):
    install(hooked("return {'mine': lambda *a: a, 'zero': lambda *a: a}"), "a-late")
    assert "mine" not in load_beside_a_good_plugin(install).names(OPS)
    install(hooked("return {'desan': lambda *a: a}"), "mine")
    assert row(load_registry(), "mine").problem is None


def test_of_two_plugins_with_one_name_the_first_is_kept(install):
    first = install(OP % "early", "twice")
    install(OP % "late", "twice")
    registry = load_beside_a_good_plugin(install)
    kept, refused = [row for row in registry.rows if row.name == "twice"]
    assert (kept.distribution, kept.problem) == (first, None)
    assert refused.problem == f"there is already a plugin 'twice', of {first} 1.5"
    assert "early" in registry.names(OPS)
    assert "late" not in registry.names(OPS)


def test_disabled_plugins_are_not_imported(install, monkeypatch):
    module = install(OP % "mine", "a-plugin")
    install(OP % "other", "b-plugin")
    monkeypatch.setenv("AUTOMTL_DISABLE_PLUGINS", "nobody, a-plugin,b-plugin")
    registry = load_beside_a_good_plugin(install)
    assert row(registry, "a-plugin").problem == "disabled by AUTOMTL_DISABLE_PLUGINS"
    assert not {"mine", "other"} & set(registry.names(OPS))
    assert module not in sys.modules
    with pytest.raises(UnknownNameError, match=r"a-plugin \(disabled by AUTOMTL_DISABLE_PLUGINS\)"):
        registry.op("mine")


SAMPLERS = Kind(
    "sampler", "samplers", lambda name, value: None if callable(value) else "a sampler must be a function"
)


def test_a_new_kind_is_one_entry_of_the_table(install, monkeypatch, capsys):
    monkeypatch.setitem(KINDS, SAMPLERS.plural, SAMPLERS)
    sampler = "lambda x: x"
    install(hooked(f"return {{'focal': {sampler}}}", "automtl_register_samplers"), "mine")
    install(hooked("return {'huber': 3}", "automtl_register_samplers"), "wrong")
    registry = load_registry()
    assert registry.get(SAMPLERS, "focal") is not None
    assert registry.names(SAMPLERS) == ("focal",)
    assert row(registry, "mine").to_json()["provides"] == {"samplers": ["focal"]}
    assert row(registry, "wrong").problem == "sampler 'huber': a sampler must be a function"
    assert registry.adding(SAMPLERS, "mine", abs).get(SAMPLERS, "mine") is abs
    with pytest.raises(UnknownNameError, match=r"no sampler is called 'focus' \(did you mean 'focal'"):
        registry.get(SAMPLERS, "focus")
    assert run(["list", "samplers"], Stop()) == 0
    assert "focal" in capsys.readouterr().out


class Flat(nn.Module):
    """Forgets the dimension of the output."""

    def forward(self, x):
        return x[:, 0]


class Double(nn.Linear):
    """Changes the type."""

    def forward(self, x):
        return super().forward(x).double()


class Counted(nn.Linear):
    """Cannot do without numbers."""

    def forward(self, x):
        return super().forward(x) * (1 + len(x[x > 0].tolist()))


def raises(in_dim, out_dim, dropout):
    raise ValueError("not\nmade")


WRONG = {
    "raises": (raises, "cannot be created: ValueError: not made"),
    "none": (lambda i, o, d: None, "is of type NoneType, expected a torch.nn.Module"),
    "number": (lambda i, o, d: i, "is of type int"),
    "width": (lambda i, o, d: nn.Linear(i, 1), "maps [2, 3] to [2, 1] of torch.float32, expected [2, 5] of"),
    "flat": (lambda i, o, d: Flat(), "maps [2, 3] to [2] of"),
    "type": (lambda i, o, d: Double(i, o), "to [2, 5] of torch.float64, expected [2, 5] of torch.float32"),
    "tuple": (lambda i, o, d: nn.LSTM(i, o), "maps [2, 3] to tuple"),
    "input": (lambda i, o, d: nn.Linear(9, o), "fails when called: RuntimeError: mat1 and mat2"),
}


@pytest.mark.parametrize(("make", "problem"), WRONG.values(), ids=WRONG.keys())
def test_what_is_no_op_is_an_error_that_names_the_plugin(make, problem):
    with pytest.raises(PluginError) as error:
        SuppliedOp(make, "op 'mine' of plugin 'p'", "repair it")(3, 5, 0.1)
    assert str(error.value).startswith("the op 'mine' of plugin 'p' ")
    assert problem in str(error.value)
    assert (error.value.fix, error.value.exit_code) == ("repair it", 69)


@pytest.mark.parametrize("make", [lambda i, o, d: nn.Linear(i, o), lambda i, o, d: Counted(i, o)])
def test_a_trial_leaves_nothing_behind(make):
    torch.manual_seed(3)
    expected = nn.Linear(3, 5)
    op = SuppliedOp(make, "op", "")
    torch.manual_seed(3)
    assert torch.equal(op(3, 5, 0.0).weight, expected.weight)
    assert op(3, 5, 0.0).training
    with torch.device("meta"):
        assert op(4, 4, 0.0).weight.is_meta


def test_an_op_is_tried_once_for_each_size_and_its_own_errors_pass():
    made = []
    op = SuppliedOp(lambda i, o, d: made.append((i, o)) or nn.Linear(i, o), "op", "")
    for _ in range(3):
        op(3, 5, 0.0)
        op(5, 5, 0.0)
    assert made == [(3, 5), (3, 5), (5, 5), (5, 5), (3, 5), (5, 5), (3, 5), (5, 5)]

    def make(in_dim, out_dim, dropout):
        raise DataError("rows")

    with pytest.raises(DataError):
        SuppliedOp(make, "op", "")(3, 5, 0.0)


def test_each_name_is_there():
    for module in (automtl_core.plugin, automtl_testing):
        assert [name for name in dir(module) if not hasattr(module, name)] == []
        assert not hasattr(module, "no_such_name")


def test_each_class_and_function_of_the_api_pages_is_there():
    pages = (Path(__file__).parents[3] / "docs" / "api").glob("*.md")
    texts = [page.read_text() for page in pages if page.stem not in ("python", "testing")]
    described = re.compile(r":: automtl_core\.(?:\w+\.)*(\w+)\.(\w+)$", re.MULTILINE)
    names = [found for text in texts for found in described.findall(text)]
    assert len(names) > 20
    known = dir(automtl_core.plugin)
    assert [name for module, name in names if not {module, name} & set(known)] == []


def test_names_are_imported_at_their_first_use(tmp_path):
    (tmp_path / "page.pyi").write_text(
        '"""Names."""\n\nfrom json import dumps as dumps\nfrom xml import sax as sax\n'
    )
    get, names = names_of_stub(str(tmp_path / "page.py"))
    assert names == ["dumps", "sax"]
    assert get("dumps")([1]) == "[1]"
    assert get("sax").__name__ == "xml.sax"
    with pytest.raises(AttributeError, match="module page has no attribute dump"):
        get("dump")
