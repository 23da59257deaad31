"""Only plain files are read, up to a size, and JSON only as JSON defines it."""

import os

import pytest

from automtl_core.disk.plain_file import parse_json, read_json, read_plain
from automtl_core.errors import ArtifactError

NO_JSON = {
    "empty": ("", "not JSON"),
    "cut": ('{"a": ', "not JSON"),
    "nan": ('{"a": NaN}', "NaN is no number"),
    "infinite": ("[-Infinity]", "is no number"),
    "too large": ("[1e999]", "1e999 is not finite"),
    "duplicate": ('{"a": 1, "b": 2, "a": 3}', "'a' is duplicate"),
    "digits": ("1" * 5000, "not JSON"),
    "deep": ("[" * 100_000, "nested too deeply"),
}


@pytest.mark.parametrize(("text", "problem"), NO_JSON.values(), ids=NO_JSON)
def test_what_is_no_json_is_refused_with_the_name_of_the_file(text, problem, tmp_path):
    file = tmp_path / "a.json"
    file.write_text(text)
    with pytest.raises(ArtifactError, match=f"a.json: .*{problem}") as refused:
        read_json(file, "repair it")
    assert refused.value.fix == "repair it"


def test_json_is_read():
    assert parse_json('{"a": [1, 2.5, null, "é"]}', "here", "") == {"a": [1, 2.5, None, "é"]}


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


def test_a_beginning_is_read_of_a_long_file(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert read_plain(tmp_path / "a", 2, partly=True) == b"ab"
    assert read_plain(tmp_path / "a", 3) == b"abc"
