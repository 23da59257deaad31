"""Documents: signed JSON, and YAML that is read strictly."""

import hashlib
import json
import os
from contextlib import nullcontext
from dataclasses import dataclass

import pytest

from automtl_core.errors import ArtifactError, InputMissingError, UsageError
from automtl_core.system.documents import (
    Value,
    canonical,
    parse_json,
    read_json,
    read_plain,
    read_signed,
    sha256,
    write_signed,
)
from automtl_core.system.process_state import flushed
from automtl_core.system.strict_yaml import SIZE_LIMIT, parse_yaml, read_places, read_yaml

NO_JSON = ["", '{"a": ', '{"a": NaN}', "[1e999]", '{"a": 1, "b": 2, "a": 3}', "1" * 5000, "[" * 100_000]


def test_what_is_no_json_is_refused_with_the_name_of_the_file(golden, tmp_path):
    def read(text):
        (tmp_path / "a.json").write_text(text)
        read_json(tmp_path / "a.json", "repair it")

    golden.errors("no-json.txt", read, NO_JSON)


def test_plain_files_are_read_to_their_limit_and_as_json(tmp_path):
    assert parse_json('{"a": [1, 2.5, null, "é"]}', "here", "") == {"a": [1, 2.5, None, "é"]}
    (tmp_path / "a").write_bytes(b"abc")
    assert read_plain(tmp_path / "a", 2, partly=True) == b"ab"
    assert read_plain(tmp_path / "a", 3) == b"abc"


@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "large", "missing", "no UTF-8"])
def test_other_files_are_refused_at_once(kind, tmp_path):
    file = tmp_path / "a.json"
    match kind:
        case "pipe":
            os.mkfifo(file)
        case "folder":
            file.mkdir()
        case "device":
            file.symlink_to("/dev/zero")
        case "large":
            file.write_bytes(b" " * 100)
        case "no UTF-8":
            file.write_bytes(b"\xff")
    with pytest.raises(ArtifactError, match=r"a\.json: (cannot be read|not UTF-8)"):
        read_json(file, "", limit=99)


def test_what_is_written_is_read_and_equal_values_are_equal_bytes(tmp_path):
    written = write_signed(tmp_path / "it.json", 3, {"b": [1, None], "a": "ü"})
    assert written == {"format": 3, "b": [1, None], "a": "ü"}
    assert read_signed(tmp_path / "it.json", 3, "again") == written
    assert canonical({"b": 1, "a": 2}) == canonical({"a": 2, "b": 1})
    assert canonical({"a": 1}) != canonical({"a": 1.5})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text.replace('"a": 1', '"a": 2'), "damaged"),
        (lambda text: text.replace('"a": 1', '"a": NaN'), "damaged"),
        (lambda text: text.replace('\n  "sha256"', '\n  "b": 2,\n  "sha256"'), "damaged"),
        (lambda text: text.replace('\n  "sha256"', ' "b": 2,\n  "sha256"'), "damaged"),
        (lambda text: text.replace("sha256", "sha257"), "damaged"),
        (lambda text: text.replace('"format": 3', '"format": 4'), "of another format"),
        (lambda text: text[:-4], "damaged"),
        (lambda text: "[" * 100_000, "damaged"),
        (lambda text: "[1]", "of another format"),
        (lambda text: "null", "of another format"),
    ],
)
def test_what_was_changed_is_refused(tmp_path, damage, message):
    path = tmp_path / "it.json"
    write_signed(path, 3, {"a": 1})
    path.write_text(damage(path.read_text()))
    with pytest.raises(ArtifactError, match=message) as error:
        read_signed(path, 3, "do it again")
    assert error.value.fix == "do it again"


def test_the_digest_of_no_file_is_none(tmp_path):
    assert sha256(tmp_path / "missing") is None
    (tmp_path / "empty").touch()
    assert sha256(tmp_path / "empty").startswith("e3b0c44298fc1c14")


DENORMAL = {"p": 1.158e-309}


@pytest.mark.parametrize("written_within", [False, True])
@pytest.mark.parametrize("read_within", [False, True])
def test_no_number_changes_where_denormal_numbers_are_zeros(tmp_path, written_within, read_within):
    path = tmp_path / "it.json"
    with flushed() if written_within else nullcontext():
        write_signed(path, 3, DENORMAL)
    with flushed() if read_within else nullcontext():
        found = read_signed(path, 3, "again")
    assert found["p"] == DENORMAL["p"] > 0


def test_a_file_with_the_digest_of_its_values_as_earlier_versions_wrote_it_is_read(tmp_path):
    whole = {"format": 3, **DENORMAL}
    digest = hashlib.sha256(canonical(whole)).hexdigest()
    (tmp_path / "it.json").write_text(json.dumps({**whole, "sha256": digest}, indent=2) + "\n")
    with flushed():
        found = read_signed(tmp_path / "it.json", 3, "again")
    assert found["p"] == DENORMAL["p"] > 0


@dataclass(frozen=True)
class Inner(Value):
    rows: int


@dataclass(frozen=True)
class Outer(Value):
    name: str
    parts: dict[str, Inner]
    seconds: float | None = None


VALUE = Outer("run", {"train": Inner(3)}, 0.5)


def test_a_value_survives_json():
    assert Outer.from_json(json.loads(json.dumps(VALUE.to_json())), "here") == VALUE
    assert Outer.from_json({"name": "run", "parts": {}}, "here") == Outer("run", {})


DAMAGED = [
    {"parts": {}},
    {"name": 3, "parts": {}},
    {"name": "run", "parts": {"train": {"rows": "many"}}},
    {"name": "run", "parts": []},
    [],
    None,
]


def test_what_is_missing_or_of_another_type_is_named(golden):
    golden.errors("no-value.txt", lambda damaged: Outer.from_json(damaged, "here"), DAMAGED)


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


NO_DATA = [
    "a: 1\na: 2",
    "a: &x [1]\nb: *x",
    "a: !!python/object/apply:os.system [ls]",
    "a: 1\n? [x, y]\n: 2",
    "a: 1\nnull:",
    "?",
    'a: "x\\0y"',
    'a: 1\n"\\ud800": 2',
    "a: 2024-13-45",
    "a: " + "9" * 5000,
    "a: [1",
    "a:\n\t- 1",
    "seed: 0x" + "f" * 5000,
    "seed: -" + "9" * 400,
]


def test_what_is_more_than_data_is_refused_with_its_line(golden):
    golden.errors("no-data.txt", lambda text: parse_yaml(text, "here"), NO_DATA)
    assert parse_yaml(f"seed: {2**1000}", "there") == {"seed": 2**1000}


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
