"""Parts of a split that are not alike, by the facts about labels in the manifest."""

from collections.abc import Iterator, Mapping
from itertools import combinations
from math import log
from typing import Any

from automtl_core.data.store import PARTS, Prepared
from automtl_core.dataset.schema import Task

ERRORS = 4
"""Standard errors of a difference that is beyond chance: labels have three differences each."""


def parts_warnings(prepared: Prepared) -> Iterator[str]:
    """Yield a warning for each label that differs between parts beyond chance, and by much.

    By much: the odds of a label of 0 and 1 are twice as high, or a mean is half a deviation higher.
    """
    labels = prepared.manifest["labels"]
    for task in prepared.schema.tasks:
        facts = [labels[part][task.name] for part in PARTS]
        if not any(_differ(task, *two) for two in combinations(facts, 2)):
            continue
        if task.type.two_classes:
            rates = [f"{100 * one['mean']:.3g} %" if one["rows"] else "none" for one in facts]
            found = "{} is 1 in {} of the training, {} of the validation and {} of the test rows"
        else:
            rates = [f"{one['mean']:.4g}" if one["rows"] else "none" for one in facts]
            found = "the mean of {} is {} in training, {} in validation and {} in test rows"
        yield (
            f"{found.format(task.name, *rates)}, so that a model is scored on rows unlike those of training: "
            "are rows sorted by it, or is it known late? dataset.split names other splits"
        )


def _differ(task: Task, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    (level, variance), (low, more) = (_level(task, facts) for facts in (one, other))
    return bool(one["rows"] and other["rows"]) and abs(level - low) > max(
        1, ERRORS * (variance + more) ** 0.5
    )


def _level(task: Task, facts: Mapping[str, Any]) -> tuple[float, float]:
    """Return the level of a label in units of a large difference, and its variance."""
    if task.type.two_classes:
        ones, zeros = facts["positives"] + 0.5, facts["rows"] - facts["positives"] + 0.5
        return log(ones / zeros) / log(2), (1 / ones + 1 / zeros) / log(2) ** 2
    return 2 * (facts["mean"] or 0.0) / task.deviation, 4 / max(facts["rows"], 1)
