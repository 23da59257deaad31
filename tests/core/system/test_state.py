"""States on disk: equal after reading, and damage is never loaded."""

import random
from contextlib import suppress

import pytest
import safetensors.torch
import torch

from automtl_core.errors import ArtifactError, StorageError
from automtl_core.system.state import (
    CHECKPOINTS,
    KINDS,
    load_checkpoint,
    load_state,
    save_checkpoint,
    save_state,
    write_tensors,
)

STATE = {
    "epoch": 3,
    "nested": {
        "list": [1, 2.5, None, "x"],
        "tensor": torch.arange(6.0).reshape(2, 3),
        "scalar": torch.tensor(7),
    },
    "half": torch.ones(3, dtype=torch.bfloat16),
    "empty": torch.zeros(0, 4),
}


def same(a, b):
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return a == b


def test_states_are_read_back_by_us_and_by_other_readers_and_have_equal_bytes(tmp_path):
    save_state(tmp_path / "s", STATE)
    assert same(load_state(tmp_path / "s"), STATE)
    save_state(tmp_path / "a", STATE)
    save_state(tmp_path / "b", STATE)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    save_state(tmp_path / "s", STATE)
    tensors = safetensors.torch.load_file(tmp_path / "s")
    assert torch.equal(tensors["nested/tensor"], STATE["nested"]["tensor"])


def test_any_key_can_be_read_back(tmp_path):
    one, two, three, four = map(torch.ones, (1, 2, 3, 4))
    tensors = {"$tensor": one, "$$": two, "a/b": three, "a": {"b": four}}
    state = {"$tensor": "x", "$": {"$tensor": {"auc": 0.5}}, "tensors": tensors}
    save_state(tmp_path / "s", state)
    assert same(load_state(tmp_path / "s"), state)


def test_damage_is_never_loaded_as_something_else(tmp_path):
    path = tmp_path / "s"
    save_state(path, STATE)
    content = path.read_bytes()
    draw = random.Random(0)
    for _ in range(300):
        place, bit = draw.randrange(len(content)), draw.randrange(8)
        path.write_bytes(content[:place] + bytes([content[place] ^ (1 << bit)]) + content[place + 1 :])
        with suppress(ArtifactError):
            assert same(load_state(path), STATE)
    for length in range(0, len(content), 37):
        path.write_bytes(content[:length])
        with pytest.raises(ArtifactError):
            load_state(path)


def test_what_is_no_state_is_refused_and_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch):
    with pytest.raises(ArtifactError, match="cannot be read"):
        load_state(tmp_path / "none")
    safetensors.torch.save_file({"a": torch.ones(1)}, tmp_path / "foreign")
    with pytest.raises(ArtifactError, match="not a state of automtl"):
        load_state(tmp_path / "foreign")
    save_state(tmp_path / "s", {"epoch": 1})
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(StorageError, match="No space left"):
        save_state(tmp_path / "s", {"epoch": 2})
    assert load_state(tmp_path / "s") == {"epoch": 1}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["foreign", "s"]


def test_a_state_that_is_replaced_while_it_is_read_is_read_again(tmp_path, monkeypatch):
    path, other = tmp_path / "state", tmp_path / "other"
    save_state(path, {"a": torch.zeros(3)})
    save_state(other, {"a": torch.ones(3)})
    opened = safetensors.safe_open

    class Late:
        """Reads the header of the first file, and tensors of the second one."""

        def __init__(self, name, framework):
            self.first = opened(name, framework)
            if other.exists():
                other.replace(path)
            self.second = opened(name, framework)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            return None

        def __getattr__(self, name):
            return getattr(self.second if name == "get_tensor" else self.first, name)

    monkeypatch.setattr(safetensors, "safe_open", Late)
    assert torch.equal(load_state(path)["a"], torch.ones(3))


TENSORS = {
    f'{name} ä"\\\n{kind}': torch.arange(6).reshape(2, 3).to(kind) for kind in KINDS for name in ("b", "a")
}


@pytest.mark.parametrize(
    "named", [{}, TENSORS, {"empty": torch.zeros(0, 4), "scalar": torch.tensor(7), "z": torch.ones(3)}]
)
def test_the_bytes_are_those_of_safetensors(tmp_path, named):
    metadata = {"automtl": 'a "text" with ä and \u2028'}
    write_tensors(tmp_path / "file", named, metadata)
    assert (tmp_path / "file").read_bytes() == safetensors.torch.save(named, metadata)


def test_a_damaged_checkpoint_leaves_the_one_before_it(tmp_path):
    assert load_checkpoint(tmp_path) is None
    for epoch in (1, 2, 3):
        save_checkpoint(tmp_path, {"epoch": epoch})
    assert load_checkpoint(tmp_path) == {"epoch": 3}
    newest, before = (tmp_path / name for name in CHECKPOINTS)
    whole, warned = newest.read_bytes(), []
    newest.write_bytes(whole[:-1])
    assert load_checkpoint(tmp_path, warned.append) == {"epoch": 2}
    [sentence] = warned
    assert sentence.startswith("the checkpoint before the last one is used")
    assert newest.name in sentence
    newest.unlink()  # as by a kill between two files
    assert load_checkpoint(tmp_path) == {"epoch": 2}
    newest.write_bytes(whole[:-1])
    before.write_bytes(b"")
    with pytest.raises(ArtifactError, match="before"):
        load_checkpoint(tmp_path)
