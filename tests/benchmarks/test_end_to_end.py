"""What a command takes by phase."""

from automtl_core.run_dir.progress import ENCODING_SEARCH, IMPORTANCE, PREPARATION
from end_to_end import measured, rows_of


def test_phases_add_up_to_the_whole(tmp_path):
    common = {"dataset": {"name": "synthetic", "rows": 2000}, "prepared_dir": str(tmp_path)}
    found = measured("mmoe", common, ["training.epochs=2", "training.min_positives=10"])
    assert list(found["phases"]) == ["start", PREPARATION, ENCODING_SEARCH, "train", IMPORTANCE, "test"]
    assert found["phases"]["train"]["epochs"] == 2
    assert found["phases"][PREPARATION]["resident MiB"] > 50
    assert 0.3 < found["validation"] < 1
    *phases, whole = rows_of("mmoe", 0, found, base=2.0)
    assert whole["seconds"] == sum(phase["seconds"] for phase in phases)
    assert whole["x MMoE"] == whole["seconds"] / 2
