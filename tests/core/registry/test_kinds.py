"""What may be registered, and under which names."""

from typing import Any

import pytest
from torch import nn

from automtl_core.dataset.dataset import Dataset, Label, Sparse
from automtl_core.errors import PluginError
from automtl_core.fields.encode import FieldEncoder
from automtl_core.fields.field import FieldKind
from automtl_core.registry import hookspecs
from automtl_core.registry.kinds import _NAME, DATASETS, FIELD_KINDS, KINDS, OPS, PRESETS, STRATEGIES
from automtl_core.search.strategy import SearchStrategy
from automtl_core.settings.settings import Settings


def test_the_table_holds_every_hook() -> None:
    declared = {name for name in vars(hookspecs) if name.startswith("automtl_")}
    assert {kind.hook.__name__ for kind in KINDS.values()} == declared


def test_every_attribute_of_a_module_dict_is_reserved() -> None:
    possible = {name for name in dir(nn.ModuleDict()) if _NAME.fullmatch(name)}
    assert possible <= OPS.reserved


class Takes:
    """An op that takes one number more than it is given."""

    def __init__(self, in_dim: int, out_dim: int, dropout: float, number: int) -> None: ...


WRONG_OPS = {
    "two arguments": (
        "op",
        lambda i, o: nn.Linear(i, o),
        "(in_dim, out_dim, dropout), but takes",
    ),
    "no number": ("op-*", lambda i, o, d: nn.Linear(i, o), "(in_dim, out_dim, dropout, number), but takes"),
    "a number too many": ("op", Takes, "missing a required argument: 'number'"),
    "by name alone": ("op", lambda i, o, *, dropout: None, "too many positional arguments"),
    "a container": ("op", dict, "expected a factory, called with (in_dim, out_dim, dropout), found <class"),
    "a function of Python": ("op", print, "expected a factory"),
    "an object": ("op", 3, "expected a factory, called with (in_dim, out_dim, dropout), found 3"),
}


@pytest.mark.parametrize(("name", "value", "reason"), WRONG_OPS.values(), ids=WRONG_OPS.keys())
def test_an_op_that_cannot_be_called_as_ops_are_is_refused(name: str, value: object, reason: str) -> None:
    with pytest.raises(PluginError) as error:
        OPS.check(name, value)
    assert reason in str(error.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("op", lambda *sizes: None),
        ("op", nn.Linear),
        ("op", lambda in_dim, out_dim, dropout, more=1: None),
        ("op-*", Takes),
    ],
)
def test_ops_that_can_be_called(name: str, value: object) -> None:
    OPS.check(name, value)


class Unsettled(SearchStrategy):
    settings_class: Any = dict

    def search(self, listener: Any) -> Any: ...
    def state_dict(self) -> Any: ...
    def load_state_dict(self, state: Any) -> Any: ...


class Rows(Dataset):
    settings_class: Any = Settings
    version = 1
    fields = (Sparse("user"),)
    labels = (Label("click"),)

    def rows(self, db: Any) -> Any: ...


def test_settings_are_settings() -> None:
    with pytest.raises(PluginError, match=r"Unsettled.* must extend automtl_core\.settings\.settings:"):
        STRATEGIES.check("mine", Unsettled)
    with pytest.raises(PluginError, match=r"must extend automtl_core\.dataset\.dataset:DatasetSettings"):
        DATASETS.check("mine", Rows)


@pytest.mark.parametrize("value", [[], {}, {1: 2}, 3])
def test_a_preset_is_a_mapping_of_settings(value: object) -> None:
    with pytest.raises(PluginError, match="preset 'mine': expected a mapping of settings by name, found"):
        PRESETS.check("mine", value)
    PRESETS.check("mine", {"seed": 3})
    PRESETS.check("mine", "package:folder/mine.yaml")


def test_what_documents_itself_by_no_text_has_no_description() -> None:
    assert STRATEGIES.describe(type("Odd", (), {"__doc__": 5})) == ""
    assert STRATEGIES.describe(type("Told", (), {"__doc__": "It searches.\n\nMore."})) == "It searches."


class Nameless(FieldEncoder):
    pass


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Rows, "expected a subclass of automtl_core.fields.field:FieldKind"),
        (FieldKind, "FieldKind does not define: learner"),
        (type("Bare", (Sparse,), {"encoders": ()}), "encoders must hold encoder classes with a `kind`"),
        (type("Odd", (Sparse,), {"encoders": (Nameless,)}), "encoders must hold encoder classes with a"),
        (type("Wrong", (Sparse,), {"encoders": (Rows,)}), "encoders must hold encoder classes with a"),
    ],
)
def test_kinds_of_fields_have_encoders_with_names(value: object, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        FIELD_KINDS.check("mine", value)
    FIELD_KINDS.check("mine", Sparse)
