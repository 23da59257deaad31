"""A delta makes the new export of the earlier one, byte for byte, without automtl."""

import json
import subprocess
import sys

import numpy as np
import pytest

from automtl_core.errors import InputMissingError, RunExistsError, UsageError
from automtl_export import delta
from automtl_export.delta import check_since, write_delta

pytestmark = pytest.mark.needs_extra("zst")


def files_of(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def exports(tmp_path):
    """Two exports: a table with some other rows, a longer vocabulary, aggregates with another name."""
    draw = np.random.default_rng(0)
    table = draw.normal(size=(2000, 16)).astype(np.float32)
    for name in ("old", "new"):
        encoder = tmp_path / name / "encoder"
        encoder.mkdir(parents=True)
        (tmp_path / name / "encode.py").write_text("code\n")
        values = "".join(f'"v{n}"\n' for n in range(2000 if name == "old" else 2010))
        (encoder / "user.txt").write_text(values)
        (encoder / f"aggregates-{name}.npz").write_bytes(b"cells of " + name.encode() + bytes(5000))
        (tmp_path / name / "empty").write_bytes(b"")
        (tmp_path / name / "model.onnx").write_bytes(
            b"graph" + table.tobytes() + b"weights of " + name.encode()
        )
        rows = draw.choice(2000, 100, replace=False)
        table[rows] += 1
        table = np.insert(table, 1000, draw.normal(size=(10, 16)), axis=0).astype(np.float32)
    (tmp_path / "new" / "more.json").write_text("{}")
    return tmp_path / "old", tmp_path / "new"


def test_a_delta_gives_the_new_export_and_holds_what_changed_alone(exports, tmp_path):
    old, new = exports
    found = write_delta(old, new, tmp_path / "delta")
    assert found.of_size == sum(map(len, files_of(new).values()))
    assert found.size == sum(map(len, files_of(tmp_path / "delta").values()))
    patches = {
        path.relative_to(tmp_path / "delta").as_posix() for path in (tmp_path / "delta").rglob("*.zst")
    }
    assert patches == {
        "encoder/aggregates-new.npz.zst", "encoder/user.txt.zst", "model.onnx.zst", "more.json.zst",
    }  # fmt: skip
    changed = 110 * 16 * 4
    assert (tmp_path / "delta" / "model.onnx.zst").stat().st_size < 1.5 * changed < 0.1 * 2000 * 16 * 4
    assert (tmp_path / "delta" / "encoder" / "user.txt.zst").stat().st_size < 120
    assert (tmp_path / "delta" / "encoder" / "aggregates-new.npz.zst").stat().st_size < 100
    done = subprocess.run(
        [sys.executable, "-I", tmp_path / "delta" / "apply.py", old, tmp_path / "made"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == f"{tmp_path / 'made'}: written\n", done.stderr
    assert files_of(tmp_path / "made") == files_of(new)


def test_a_delta_needs_an_earlier_export_and_a_free_folder(exports, tmp_path, monkeypatch):
    old, new = exports
    with pytest.raises(InputMissingError, match=r"nothing: no export"):
        check_since(tmp_path / "nothing", tmp_path / "delta")
    with pytest.raises(RunExistsError):
        check_since(old, new)
    check_since(old, tmp_path / "delta")

    def missing():
        raise ModuleNotFoundError

    monkeypatch.setattr(delta, "zstd", missing)
    with pytest.raises(UsageError, match="a delta needs zstandard"):
        check_since(old, tmp_path / "delta")


def test_the_manifest_names_each_file_and_its_origin(exports, tmp_path):
    old, new = exports
    write_delta(old, new, tmp_path / "delta")
    manifest = json.loads((tmp_path / "delta" / "delta.json").read_text())
    assert manifest.keys() == files_of(new).keys()
    assert manifest["encode.py"]["patch"] is None
    assert manifest["encode.py"]["before"] == manifest["encode.py"]["sha256"]
    assert manifest["encoder/aggregates-new.npz"]["of"] == "encoder/aggregates-old.npz"
    assert manifest["more.json"]["of"] is None
