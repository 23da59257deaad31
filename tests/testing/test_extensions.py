"""The contract tests of listeners, exporters and commands find faults, and name them."""

from typing import Annotated

import pytest
import torch
import typer

from automtl_core.training.events import EpochEnded, RunListener
from automtl_export.formats import Torch
from automtl_report.commands import Output
from automtl_testing import check_command, check_exporter, check_listener


class Good(RunListener):
    """Keeps the number of epochs in a folder of its own."""

    def receive(self, event):
        (self.run / "good").mkdir(exist_ok=True)
        if isinstance(event, EpochEnded):
            (self.run / "good" / "epochs").write_text(str(event.epoch))


class Scatters(RunListener):
    def receive(self, event):
        (self.run / "notes.txt").write_text("")


class Overwrites(RunListener):
    def receive(self, event):
        return

    def tested(self, metrics):
        (self.run / "result.json").write_text("mine")


class Several(RunListener):
    def receive(self, event):
        for name in "ab":
            (self.run / name).mkdir(exist_ok=True)


class Links(RunListener):
    def receive(self, event):
        (self.run / "own").mkdir(exist_ok=True)
        if not (self.run / "own" / "link").is_symlink():
            (self.run / "own" / "link").symlink_to(self.run / "result.json")


def test_a_listener_that_keeps_the_contract():
    check_listener(Good)


@pytest.mark.parametrize(
    ("listener", "fault"),
    [
        (Scatters, r"in a subfolder: .*notes\.txt"),
        (Overwrites, "must not change the files"),
        (Several, "in one subfolder"),
        (Links, "no links"),
    ],
)
def test_a_fault_is_named(listener, fault):
    with pytest.raises(AssertionError, match=fault):
        check_listener(listener)


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
