"""Configurations are checked without data."""

import pytest

FAULTY = """\
dataset:
  name: table
  labels: {click: {after: view}}
  split: user
space:
  layerz: 2
training:
  epochs: "many"
sed: 3
"""


def test_all_faults_of_a_file_have_lines_and_remedies(automtl, here):
    (here / "bad.yaml").write_text(FAULTY)
    ended = automtl("config", "validate", "bad.yaml")
    assert ended.code == 2
    assert "error: bad.yaml: 5 faults" in ended.err
    places = [line.partition(" ")[::2] for line in ended.out.splitlines() if not line.startswith("  fix: ")]
    assert sorted((place, text.split()[0].rstrip(":")) for place, text in places) == [
        ("bad.yaml:3:", "dataset.labels.click.after"),
        ("bad.yaml:4:", "dataset.split"),
        ("bad.yaml:6:", "space.layerz"),
        ("bad.yaml:8:", "training.epochs"),
        ("bad.yaml:9:", "sed"),
    ]
    assert ended.out.count("  fix: ") >= 3


def test_names_that_only_the_space_knows_are_checked(automtl, here):
    (here / "op.yaml").write_text("space:\n  ops: [identity, mlp64]\nmetrics: [auk]\n")
    ended = automtl("config", "validate", "op.yaml", "--json")
    assert ended.code == 2
    assert '"line": 2' in ended.out
    assert "no op is called 'mlp64'" in ended.out
    assert "no metric is called 'auk'" in ended.out


def test_a_table_without_columns_has_a_remedy(automtl, here):
    (here / "table.yaml").write_text("dataset: table\n")
    ended = automtl("config", "validate", "table.yaml")
    assert (ended.code, ended.out.count("automtl data init FILE")) == (2, 1)
    assert ended.out.startswith("table.yaml:1: dataset: ")


def test_a_valid_file_is_valid(automtl, here):
    (here / "model.yaml").write_text("dataset: synthetic\nspace: {tower_layers: [8]}\n")
    assert automtl("config", "validate", "small.yaml").out == "small.yaml: valid\n"
    assert automtl("config", "validate", "model.yaml").code == 2
    found = automtl("config", "validate", "model.yaml", "--model", "mmoe", "--json").json()
    assert found == {"file": "model.yaml", "valid": True, "faults": []}


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        (None, 66, "x.yaml: cannot be read"),
        ("a: [1\nb: 2", 2, "x.yaml:2: not valid YAML"),
        ("a", 2, "expected `key: value` lines"),
    ],
)
def test_a_file_that_cannot_be_read(automtl, here, text, code, message):
    if text is not None:
        (here / "x.yaml").write_text(text)
    ended = automtl("config", "validate", "x.yaml")
    assert (ended.code, ended.out) == (code, "")
    assert message in ended.err
