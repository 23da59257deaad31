import hashlib
import json
from contextlib import nullcontext

import pytest

from automtl_core.denormals import flushed
from automtl_core.disk.signed import canonical, read_signed, sha256, write_signed
from automtl_core.errors import ArtifactError


def test_what_is_written_is_read(tmp_path):
    written = write_signed(tmp_path / "it.json", 3, {"b": [1, None], "a": "ü"})
    assert written == {"format": 3, "b": [1, None], "a": "ü"}
    assert read_signed(tmp_path / "it.json", 3, "again") == written


def test_equal_values_are_equal_bytes():
    assert canonical({"b": 1, "a": 2}) == canonical({"a": 2, "b": 1})
    assert canonical({"a": 1}) != canonical({"a": 1.5})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text.replace('"a": 1', '"a": 2'), "damaged"),
        (lambda text: text.replace('"a": 1', '"a": NaN'), "damaged"),
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
    assert json.loads(json.dumps(sha256(tmp_path / "empty")))


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


def test_the_digest_covers_bytes(tmp_path):
    path = tmp_path / "it.json"
    write_signed(path, 3, {"a": 1})
    path.write_text(path.read_text().replace('"a": 1', '"a":  1'))
    with pytest.raises(ArtifactError, match="damaged"):
        read_signed(path, 3, "again")


@pytest.mark.parametrize("more", ['\n  "b": 2,', ' "b": 2,'])
def test_nothing_is_added_after_the_digest(tmp_path, more):
    path = tmp_path / "it.json"
    write_signed(path, 3, {"a": 1})
    path.write_text(path.read_text().replace('\n  "sha256"', f'{more}\n  "sha256"'))
    with pytest.raises(ArtifactError, match="damaged"):
        read_signed(path, 3, "again")


def test_a_file_with_the_digest_of_its_values_as_earlier_versions_wrote_it_is_read(tmp_path):
    whole = {"format": 3, **DENORMAL}
    digest = hashlib.sha256(canonical(whole)).hexdigest()
    (tmp_path / "it.json").write_text(json.dumps({**whole, "sha256": digest}, indent=2) + "\n")
    with flushed():
        found = read_signed(tmp_path / "it.json", 3, "again")
    assert found["p"] == DENORMAL["p"] > 0
