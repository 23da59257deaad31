import os

import pytest
import yaml

from automtl_core.errors import InputMissingError, UsageError
from automtl_core.system.process_state import flushed
from automtl_core.system.strict_yaml import (
    SIZE_LIMIT,
    _FastLoader,
    _Loader,
    parse_yaml,
    read_places,
    read_yaml,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1\nb: [x, 2.5, null]", {"a": 1, "b": ["x", 2.5, None]}),
        ("true", True),
        ("", None),
        ("1.2e-310", 1.2e-310),
    ],
)
def test_plain_yaml_is_data(text, value):
    with flushed():  # no number changes where denormal numbers are zeros
        found = parse_yaml(text, "here")
    assert found == value


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\na: 2", "here:2: not valid YAML: 'a' is duplicate"),
        ("a: &x [1]\nb: *x", "here:2: not valid YAML: aliases are not allowed"),
        ("a: !!python/object/apply:os.system [ls]", "here:1: not valid YAML: tags are not allowed"),
        ("a: !!bool abc", "here:1: not valid YAML: tags are not allowed"),
        ("a: 1\n? [x, y]\n: 2", "here:2: not valid YAML: a key has to be a name"),
        ("? {x: 1}\n: 2", "here:1: not valid YAML: a key has to be a name"),
        ("a: 1\nnull:", "here:2: not valid YAML: a key has to be a name, not null: write it in quotes"),
        ("a:\n  1: 2", "here:2: not valid YAML: a key has to be a name, not 1: write it in quotes"),
        ("?", "here:1: not valid YAML: a key has to be a name, not blank"),
        ('a: "x\\0y"', "here:1: not valid YAML: a text cannot hold the character 0"),
        ('a: 1\n"\\ud800": 2', "here:2: not valid YAML: a text cannot hold the character 0, or half"),
        ("a: 2024-13-45", "here: not valid YAML"),
        ("a: " + "9" * 5000, "here:1: not valid YAML: the number is too long"),
        ("a: [1", "not valid YAML"),
        ("a:\n\t- 1", "here:2: not valid YAML"),
    ],
)
def test_what_is_more_than_data_is_refused_with_its_line(text, problem):
    with pytest.raises(UsageError) as error:
        parse_yaml(text, "here")
    assert problem in str(error.value)


@pytest.mark.parametrize("loader", [_Loader, _FastLoader])
@pytest.mark.parametrize(
    "text",
    [
        "a: 1\na: 2",
        "a: &x [1]\nb: *x",
        "!!python/name:os.system",
        "? [x]\n: 2",
        'a: "\\0"',
        "a: " + "9" * 999,
        "[" * 2000,
    ],
)
def test_each_loader_refuses_what_is_more_than_data(loader, text):
    with pytest.raises((yaml.YAMLError, RecursionError)):
        yaml.load(text, loader)  # noqa: S506 - the subject of this test


def test_a_file_holds_a_mapping(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("training: {epochs: 3}")
    assert read_yaml(path) == {"training": {"epochs": 3}}
    path.write_text("- 1")
    with pytest.raises(UsageError, match="expected `key: value` lines"):
        read_yaml(path)


def test_a_file_that_cannot_be_a_configuration_is_refused(tmp_path):
    path = tmp_path / "config.yaml"
    with pytest.raises(InputMissingError, match="cannot be read: No such file"):
        read_yaml(path)
    with pytest.raises(InputMissingError, match="cannot be read: Is a directory"):
        read_yaml(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputMissingError, match="not a regular file"):
        read_yaml(tmp_path / "pipe")
    path.write_bytes(b"a: \xff")
    with pytest.raises(UsageError, match="not UTF-8"):
        read_yaml(path)
    path.write_bytes(b"#" * (SIZE_LIMIT + 1))
    with pytest.raises(UsageError, match=f"longer than {SIZE_LIMIT} bytes"):
        read_yaml(path)


def test_places_are_lines_of_keys_and_of_values(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("# a\nspace:\n  name: desan\n  ops: [identity,\n    mlp-4]\nseed: 1\n")
    places = read_places(path)
    assert places.keys == {("space",): 2, ("space", "name"): 3, ("space", "ops"): 4, ("seed",): 6}
    assert (places.values["desan"], places.values["mlp-4"], places.values["1"]) == (3, 5, 6)


@pytest.mark.parametrize("number", ["0x" + "f" * 5000, "9" * 5000, "-" + "9" * 400])
def test_a_number_that_cannot_be_printed_is_named(number):
    with pytest.raises(UsageError, match="there:2: not valid YAML: the number is too long"):
        parse_yaml(f"a: 1\nseed: {number}\n", "there")
    assert parse_yaml(f"seed: {2**1000}", "there") == {"seed": 2**1000}
