"""A search ends with a word on how what it took stands beside what was trained with it."""

from rich.console import Console

from automtl_cli.runs.finding import short
from automtl_core.search.evidence import Point

TAKEN = Point("found", {}, 0.2, None, 0.7835, 68_000, 10, trained=True, chosen=True)
BEST = Point("mmoe", {}, 0.2, None, 0.7844, 136_000, 10, trained=True)
WORSE = Point("ple", {}, 0.3, None, 0.75, 10_000, 10, trained=True)
INHERITED = Point("evolution 1.1", {}, 0.1, 0.1, 0.79, 10_000, 10)


def shown(*front, **overrides):
    found = {
        "architecture": {"origin": {"space": "desan", "schema": {"sparse": [], "dense": [], "tasks": []}}},
        "sharing": {"sees": {}, "reads": {}, "fields": ()},
        "evidence": [],
        "front": [point.to_json() for point in front],
        "overrides": overrides,
        "truth": None,
    }
    found["architecture"]["origin"]["schema"] = {
        "sparse": [{"name": "user", "size": 3, "kind": "single"}], "dense": [], "tasks": [{"name": "click"}]
    }  # fmt: skip
    console = Console(width=200)
    with console.capture() as capture:
        for part in short(found):
            console.print(part)
    return capture.get()


def test_it_is_compared_with_the_best_that_was_trained():
    said = "beside the best that was trained with it, mmoe: -.0009 in validation AUC; half its cost"
    assert said in shown(WORSE, INHERITED, TAKEN, BEST)


def test_nothing_is_said_where_nothing_else_was_trained():
    assert "beside" not in shown(TAKEN)
    assert "beside" not in shown(INHERITED, TAKEN)
    assert "beside" not in shown(BEST, WORSE)


def test_settings_that_the_search_found_are_told():
    told = shown(TAKEN, training={"learning_rate": 0.001}, space={"dropout": 0.3})
    assert "settings that the search found: training.learning_rate 0.001, space.dropout 0.3" in told
    assert "settings" not in shown(TAKEN)
