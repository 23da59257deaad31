"""What is not a valid command: one message, one remedy, exit code 2, and nothing is written."""

from pathlib import Path

from failures import check


def test_wrong_commands_are_refused_before_anything_is_written(automtl, refused):
    """It takes five seconds: a tenth of a second for most commands."""
    Path("log.csv").write_text('at,click\n"12:30",1\n')
    Path("new.csv").write_text("a\n1\n")
    refused("usage.txt")
    wide = automtl("train", "--model", "mmoe", "--set", f"space.expert_layers={[8] * 5000}")
    check(wide, 2, "space.expert_layers: ")
    assert sorted(path.name for path in Path().iterdir()) == ["log.csv", "new.csv", "small.yaml"]
