"""What people are shown, as values."""

from automtl_core.views.values import Grid, Section, Text, by_name, facts, lines, table


def test_grids_of_facts_and_names():
    assert Grid(["a", "b", "c", "d"], [], "lr").letters() == "lrrr"
    assert Grid(["a", "b"], []).letters() == "ll"
    section = facts("plan", {"most_epochs": 3})
    assert (section.title, section.blocks) == ("plan", [Grid(["", ""], [["most epochs", 3]])])
    (grid,) = by_name("task", {"click": {"log_loss": 0.5}, "like": {"log_loss": 0.25}}).blocks
    assert grid == Grid(["task", "log loss"], [["click", 0.5], ["like", 0.25]], "lr")
    many = {"a": 1, "b": 2, "c": 3}
    assert by_name("part", {"train": many}).blocks == [
        Grid(["part", "train"], [("a", 1), ("b", 2), ("c", 3)], "lr")
    ]
    assert table(["a"], iter([["x"]]), "r", "title", ["note"]) == Section(
        "title", [Grid(["a"], [["x"]], "r"), Text("note")]
    )
    assert lines("a", "b") == Section("", [Text("a"), Text("b")])
