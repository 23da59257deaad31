"""What is wrong with a dataset, a kind of fields, a listener, an exporter or a command is found, and said."""

import itertools
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
import pytest
import torch
import typer
from failures import but

from automtl_core.dataset.dataset import Dataset, DatasetSettings, Dense, Label, Sparse
from automtl_core.fields.encode import FieldEncoder
from automtl_core.fields.field import FieldKind, FieldLearner, Read
from automtl_core.training.events import EpochEnded, RunListener
from automtl_export.formats import Torch
from automtl_report.commands import Output
from automtl_testing import check_command, check_dataset, check_exporter, check_field_kind, check_listener

calls = itertools.count()


class Some(Dataset):
    """Forty rows."""

    version = 1
    source = "nowhere"
    fields = (Sparse("user"), Dense("price"))
    labels = (Label("click"),)

    def content(self):
        return "forty rows"

    def rows(self, db):
        rows = range(40)
        return pd.DataFrame(
            {
                "user": [f"u{k % 5}" for k in rows],
                "price": [float(k) for k in rows],
                "click": [k % 2 for k in rows],
            }
        )


class Random(Some):
    def rows(self, db):
        return super().rows(db).assign(price=float(next(calls)))


def test_a_good_dataset_passes(tmp_path):
    prepared = check_dataset(Some(DatasetSettings()), None, tmp_path)
    assert sum(len(prepared.part(name)) for name in ("train", "validation", "test")) == 40


def test_preparing_twice_has_to_give_the_same(tmp_path):
    with pytest.raises(AssertionError, match="preparing twice must give the same bytes"):
        check_dataset(Random(DatasetSettings()), None, tmp_path)


NUMBERS = {"x": [1.0, 2.5, None, 4, 5, -6, 7, 8, 9, 10] * 3}
TEXTS = {"x": ["a", None, "bb", "a", "3", "ccc", "a", "bb", "x", "y"] * 3}


@pytest.mark.parametrize(
    ("field", "columns"),
    [(Sparse("x"), TEXTS), (Dense("x", "minmax"), NUMBERS), (Dense("x", missing=1.0), NUMBERS)],
)
def test_built_in_kinds_pass(field, columns, tmp_path):
    assert check_field_kind(field, columns, tmp_path).columns == ["x"]


@dataclass(frozen=True)
class Length(FieldEncoder):
    """Ids by length."""

    size: int = 5
    kind: ClassVar[str] = "length"

    def encode(self, texts):
        return np.array([len(text) for text in texts], np.int32)


def lengths(factor=1, blank=0):
    """Return a method that encodes texts by their length."""
    return lambda me, texts: np.array([factor * len(text) or blank for text in texts], np.int32)


class Imports(Length):
    def encode(self, texts):
        import pandas as pd

        return pd.Series([len(text) for text in texts]).to_numpy(np.int32)


def kind(encoder, learner=FieldLearner):
    """Return a field with an encoder of texts."""

    class Kind(FieldKind):
        encoders = (encoder,)

        def reads(self):
            return {"x": Read("text")}

        def learner(self, source):
            return learner(self.reads(), encoder())

    return Kind("x")


class OneMore(FieldLearner):
    """Encodes prepared rows in another way than new ones."""

    def encode(self, chunk):
        return (super().encode(chunk) + 1) % 5


@pytest.mark.parametrize(
    ("field", "message"),
    [
        (kind(but(Length, encode=lengths(5))), "ids must be below the size"),
        (kind(but(Length, encode=lengths(blank=4))), "a blank must have id 0"),
        (kind(Length, OneMore), "new rows must be encoded as prepared ones"),
    ],
)
def test_a_fault_of_a_field_kind_is_named(field, message, tmp_path):
    with pytest.raises(AssertionError, match=message):
        check_field_kind(field, TEXTS, tmp_path)


def test_exported_code_has_numpy_alone(tmp_path):
    with pytest.raises(ImportError, match="pandas"):
        check_field_kind(kind(Imports), TEXTS, tmp_path)


def test_a_kind_that_keeps_the_contract_passes(tmp_path):
    assert check_field_kind(kind(Length), TEXTS, tmp_path).encode(TEXTS).ids[:, 0].max() == 3


class Good(RunListener):
    """Keeps the number of epochs in a folder of its own."""

    def receive(self, event):
        (self.run / "good").mkdir(exist_ok=True)
        if isinstance(event, EpochEnded):
            (self.run / "good" / "epochs").write_text(str(event.epoch))


def several(me, event):
    for name in "ab":
        (me.run / name).mkdir(exist_ok=True)


def links(me, event):
    (me.run / "own").mkdir(exist_ok=True)
    if not (me.run / "own" / "link").is_symlink():
        (me.run / "own" / "link").symlink_to(me.run / "result.json")


def overwrites(me, metrics):
    (me.run / "result.json").write_text("mine")


def test_a_listener_that_keeps_the_contract():
    check_listener(Good)


@pytest.mark.parametrize(
    ("methods", "fault"),
    [
        (
            {"receive": lambda me, event: (me.run / "notes.txt").write_text("")},
            r"in a subfolder: .*notes\.txt",
        ),
        ({"receive": lambda me, event: None, "tested": overwrites}, "must not change the files"),
        ({"receive": several}, "in one subfolder"),
        ({"receive": links}, "no links"),
    ],
)
def test_a_fault_of_a_listener_is_named(methods, fault):
    with pytest.raises(AssertionError, match=fault):
        check_listener(but(RunListener, **methods))


class Nothing(Torch):
    """Writes no file."""

    @classmethod
    def write(cls, graph, folder):
        pass


class Constant(Torch):
    """Predicts one half."""

    @staticmethod
    def load(folder):
        return lambda rows: __import__("numpy").full((len(rows["ids"]), 3), 0.5)


class Dependent(Torch):
    """Uses a name of its module."""

    @staticmethod
    def load(folder):
        return lambda rows: torch.zeros(len(rows["ids"]), 2)


@pytest.mark.parametrize(
    ("form", "error", "problem"),
    [
        (Nothing, AssertionError, "writes no file"),
        (Constant, AssertionError, "differ from the network's by|not"),
        (Dependent, NameError, "torch"),
    ],
)
def test_a_format_that_breaks_the_contract_is_named(form, error, problem, tmp_path):
    with pytest.raises(error, match=problem):
        check_exporter(form, tmp_path)


def good(name: Annotated[str, typer.Argument(help="Name.")]) -> Output:
    """Greet."""
    return Output(name, str)


def silent(name: Annotated[str, typer.Argument(help="Name.")]) -> Output:
    return Output(name, str)


def obscure(name: str) -> Output:
    """Greet."""
    return Output(name, str)


def test_a_command_describes_itself_and_its_options():
    check_command(good, "greet", "Greet.")
    for function, line, problem in (
        (silent, None, "no description"),
        (obscure, None, "'name' has no help"),
        (good, "Say hello.", "its reference has the line 'Say hello.', its docstring begins 'Greet.'"),
    ):
        with pytest.raises(AssertionError, match=problem):
            check_command(function, "greet", line)
