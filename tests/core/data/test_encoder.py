"""What an encoder makes of new examples, saved and read again; of all datasets in tests/contract."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from automtl_core.data.encoder import Encoder
from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task
from automtl_core.errors import ArtifactError, DataError
from automtl_core.fields.numeric import Scale
from automtl_core.fields.sparse import BagEncoder, Hashed, Vocabulary
from automtl_core.system.documents import read_signed, sha256, write_signed

SCHEMA = Schema(
    (SparseField("user", 9), SparseField("a/b", 4), SparseField("tags", 4, "bag")),
    (DenseField("price"),),
    (Task("click"), Task("rating", kind="regression", mean=3.0, deviation=2.0)),
)
ROWS = {
    "user": ["u1", None, 7, "u2"],
    "a/b": ["x", "new", "", "z"],
    "tags": [["z", "x", "z", None, "new"], None, [], ("y",)],
    "price": [1.5, "2", None, 0],
    "click": [0, 1, None, True],
    "rating": [5, None, 1.0, "3"],
}


@pytest.fixture
def encoder(tmp_path):
    folder = tmp_path / "encoder"
    folder.mkdir()
    for name in ("a%2Fb", "tags"):
        (folder / f"{name}.txt").write_text('null\n"x"\n"y"\n"z"\n')
    digest = sha256(folder / "tags.txt")
    values = [Vocabulary(4, digest, folder / f"{name}.txt") for name in ("a%2Fb", "tags")]
    fields = {"user": Hashed(8), "a/b": values[0], "tags": BagEncoder(values[1])}
    numbers = {"price": Scale("standard", 0.1, 1 / 3)}
    encoder = Encoder(SCHEMA, fields | numbers)
    encoder.save(folder)
    return encoder


def content(part):
    """Return rows as plain values: bags as what they hold, numbers as their bits."""
    columns = [part.ids[:, place].tolist() for place in range(part.ids.shape[1])]
    for place, (starts, values) in part.bags.items():
        columns[place] = [tuple(values[starts[bag] : starts[bag + 1]].tolist()) for bag in columns[place]]
    floats = np.hstack([part.dense, part.labels])
    floats[np.isnan(floats)] = np.nan
    return list(zip(*columns, *floats.view(np.uint32).T.tolist(), strict=True))


def test_each_column_is_encoded_as_its_field_says(encoder):
    part = encoder.encode(ROWS)
    assert (part.ids.dtype, part.dense.dtype, part.labels.dtype) == (np.int32, np.float32, np.float32)
    assert part.ids[:, 1].tolist() == [1, 0, 0, 3]
    assert part.ids[:, 0].tolist() == [*Hashed(8).encode(["u1", "", "7", "u2"])]
    starts, values = part.bags[2]
    assert (starts.tolist(), values.tolist()) == ([0, 0, 2, 2, 2, 3], [1, 3, 2])
    assert part.ids[:, 2].tolist() == [1, 2, 3, 4]
    np.testing.assert_array_equal(
        part.dense[:, 0], np.float32([1.4 / (1 / 3), 1.9 / (1 / 3), np.nan, -0.1 / (1 / 3)])
    )
    np.testing.assert_array_equal(part.labels[:, 0], [0, 1, np.nan, 1])
    np.testing.assert_array_equal(part.labels[:, 1], [1, np.nan, -1, 0])


@pytest.mark.parametrize("kind", [dict, pd.DataFrame])
def test_one_row_alone_is_encoded_as_among_many(encoder, kind):
    whole = content(encoder.encode(kind(ROWS)))
    for row in range(4):
        assert content(encoder.encode(kind({n: v[row : row + 1] for n, v in ROWS.items()}))) == [whole[row]]
    assert content(encoder.encode(kind({name: values[:0] for name, values in ROWS.items()}))) == []


def test_saved_and_read_again_it_is_the_same(encoder, tmp_path):
    again = Encoder.load(tmp_path / "encoder")
    assert again == encoder
    assert content(again.encode(ROWS)) == content(encoder.encode(ROWS))
    again.save(tmp_path / "run" / "encoder")
    saved = {file.name: file.read_bytes() for file in (tmp_path / "run" / "encoder").iterdir()}
    assert saved == {file.name: file.read_bytes() for file in (tmp_path / "encoder").iterdir()}


def test_decoding_gives_back_what_is_known(encoder):
    """A label may be missing, and other columns are not looked at."""
    without = {name: values for name, values in ROWS.items() if name != "click"}
    found = encoder.decode(encoder.encode({**without, "more": object()}))
    assert found["a/b"] == ["x", None, None, "z"]
    assert found["tags"] == [["x", "z"], [], [], ["y"]]
    assert found["user"][1] is None
    assert found["price"] == pytest.approx([1.5, 2, None, 0], abs=1e-6)
    assert (found["click"], found["rating"]) == ([None] * 4, [5, None, 1, 3])
    assert encoder.decode(encoder.encode(ROWS))["click"] == [0, 1, None, 1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"user": None, "usr": [1] * 4}, r"the examples lack 'user' \(did you mean 'usr'\?\)"),
        ({"user": "u1"}, "column 'user' is one value"),
        ({"price": [1, 2]}, "column 'price' has 2 rows, and 'user' has 4"),
        ({"price": [1, 2, "old", 4]}, "column 'price', row 2 .*'old' is not a number of at most 1e"),
        ({"tags": [["x"], "x|y", [], []]}, r"column 'tags', row 1 .*'x\|y' is not a list"),
        ({"tags": [["x", "x", "z"], [["y"]], [], []]}, r"column 'tags', row 1 .*\['y'\] is not one value"),
        ({"click": [0, 1, 0.5, 1]}, r"column 'click', row 2 .*0\.5 is not a label"),
    ],
)
def test_what_is_wrong_is_named(encoder, change, message):
    columns = {name: values for name, values in (ROWS | change).items() if values is not None}
    with pytest.raises(DataError, match=message):
        encoder.encode(columns)


def test_weights_are_read_by_task(encoder):
    tasks = [replace(SCHEMA.tasks[0], weight="w"), SCHEMA.tasks[1]]
    weighted = replace(encoder, schema=replace(SCHEMA, tasks=tuple(tasks)))
    assert weighted.weights(pd.DataFrame({"w": ["0", 2.5]})).tolist() == [[0, 1], [2.5, 1]]
    assert encoder.weights(pd.DataFrame({"w": [-1]})).tolist() == [[1, 1]]
    assert weighted.encode(ROWS).weights is None
    for value, shown in ((-1, "-1.0"), (None, "nan"), ("much", "'much'")):
        with pytest.raises(DataError, match=rf"column 'w', row 1 .*{shown} is not a (weight|number)"):
            weighted.weights(pd.DataFrame({"w": [1, value]}))


@pytest.mark.parametrize("name", ["encoder.json", "tags.txt", "a%2Fb.txt"])
@pytest.mark.parametrize("damage", ["flip", "cut", "delete"])
def test_a_damaged_file_is_refused(encoder, tmp_path, name, damage):
    path = tmp_path / "encoder" / name
    content = bytearray(path.read_bytes())
    path.unlink()
    if damage != "delete":
        content[len(content) // 2] ^= 1
        path.write_bytes(content if damage == "flip" else content[: len(content) // 2])
    with pytest.raises(ArtifactError):
        Encoder.load(path.parent)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("fields", value) for value in ({}, [], None)),
        ("schema", {}),
        ("price", {"kind": "scale"}),
        ("price", 3),
        ("user", {"kind": "pickle"}),
    ],
)
def test_what_is_signed_and_still_no_encoder_is_refused(encoder, tmp_path, name, value):
    path = tmp_path / "encoder" / "encoder.json"
    told = read_signed(path, 2, "")
    (told if name in told else told["fields"])[name] = value
    write_signed(path, told.pop("format"), told)
    with pytest.raises(ArtifactError):
        Encoder.load(path.parent)
    write_signed(path, 99, told)
    with pytest.raises(ArtifactError, match="another version"):
        Encoder.load(path.parent)
