"""How a command fails: the check of its message, its remedy and its exit code."""

import re
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "exit-codes.md").read_text()
SEARCH = ("search", "small.yaml")

DATASET = """
from automtl_core import hookimpl
from automtl_core.dataset.dataset import BIT, TEXT, Dataset, Label, RawFile, Sparse

class Shop(Dataset):
    version = 1
    fields = (Sparse("item"),)
    labels = (Label("click"),)

    def files(self):
        return {"log": RawFile("log.csv", {"item": TEXT, "click": BIT})}

    def rows(self, db):
        %s

@hookimpl
def automtl_register_datasets():
    return {"shop": Shop}
"""
STRATEGY = """
from automtl_core import hookimpl
from automtl_core.settings.settings import Settings
from automtl_core.search.strategy import SearchStrategy

class MineSettings(Settings):
    weight: float = 1e-6
    '''What it \\x1b[31m weighs.'''

class Mine(SearchStrategy[MineSettings]):
    '''Searches.'''
    def search(self, listener): ...
    def state_dict(self): ...
    def load_state_dict(self, state): ...

@hookimpl
def automtl_register_strategies():
    return {"mine": Mine}
"""


def check(ended, code, message):
    assert ended.code == code, ended.err
    assert ended.out == ""
    assert re.search(rf"^error: .*{message}", ended.err, re.MULTILINE), ended.err
    assert re.search(r"^  fix: ", ended.err, re.MULTILINE), ended.err
    assert ("Traceback" in ended.err) == (code == 1)
    assert f"\n| {code} |" in PAGE


def but(base, **methods):
    """Return a class with other methods."""
    return type("Other", (base,), methods)
