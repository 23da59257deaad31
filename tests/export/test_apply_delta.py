"""A delta is refused where it does not belong, and nothing is half-written."""

import pytest

from automtl_export.apply_delta import apply
from automtl_export.delta import write_delta

pytestmark = pytest.mark.needs_extra("zst")


@pytest.fixture
def folders(tmp_path):
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "encode.py").write_text("code of both\n")
        (tmp_path / name / "model").write_text(f"a long text for both, and {name}\n" * 50)
    write_delta(tmp_path / "old", tmp_path / "new", tmp_path / "delta")
    return tmp_path


@pytest.mark.parametrize(
    ("file", "fault"),
    [
        ("old/model", "old/model: not the file that the delta was made from"),
        ("old/encode.py", "old/encode.py: not the file that the delta was made from"),
        ("delta/model.zst", "damaged"),
    ],
)
def test_another_export_and_a_damaged_delta_are_refused(folders, file, fault):
    content = bytearray((folders / file).read_bytes())
    content[len(content) // 2] ^= 1
    (folders / file).write_bytes(content)
    with pytest.raises(ValueError, match=fault):
        apply(folders / "delta", folders / "old", folders / "made")
    assert not (folders / "made").exists()


def test_a_folder_is_not_replaced_and_a_draft_of_a_killed_process_is(folders):
    (folders / ".made.draft").mkdir()
    (folders / ".made.draft" / "rest").write_text("half")
    apply(folders / "delta", folders / "old", folders / "made")
    assert {path.name for path in (folders / "made").iterdir()} == {"encode.py", "model"}
    assert (folders / "made" / "model").read_bytes() == (folders / "new" / "model").read_bytes()
    with pytest.raises(ValueError, match="made: exists already, and is not replaced"):
        apply(folders / "delta", folders / "old", folders / "made")
