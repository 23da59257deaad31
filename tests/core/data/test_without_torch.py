"""Data is prepared and encoded without torch, in a process of its own: others of these tests import it."""

import subprocess
import sys

SCRIPT = """
import importlib, pkgutil, sys
from pathlib import Path

import automtl_core.data
from automtl_core.prepare.prepare import prepare
from automtl_core.dataset.dataset import Dataset, DatasetSettings, Dense, Label, Sparse
from automtl_core.dataset.encodings import plain

for module in pkgutil.walk_packages(automtl_core.data.__path__, "automtl_core.data."):
    importlib.import_module(module.name)


class Numbers(Dataset):
    version = 1
    source = "https://example.org (CC0)"
    fields = Sparse("user"), Dense("price")
    labels = (Label("click"),)

    def content(self):
        return ""

    def rows(self, db):
        return db.sql("SELECT i % 9 AS user, i AS price, i % 2 AS click FROM range(200) AS r(i)")


prepared = prepare(Numbers(DatasetSettings()), "numbers", None, Path(sys.argv[1]))
answers = plain().with_answers(aggregates=("user",), numbers="bins")
prepared.encoded(prepared.schema.encoded(answers))
prepared.encoder.encode({"user": [1, 2], "price": [3.5, None]})
print("torch" in sys.modules)
"""


def test_data_is_prepared_and_encoded_without_torch(tmp_path):
    made = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (made.stdout, made.stderr) == ("False\n", "")
