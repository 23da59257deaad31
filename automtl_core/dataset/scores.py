"""Scores: what a prediction of each task says, by name.

Letters: R rows, T tasks, S scores.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automtl_core.dataset.schema import Task
from automtl_core.disk.value import Value


@dataclass(frozen=True)
class Score(Value):
    """A column of predictions: the product of the predictions of some tasks."""

    name: str
    meaning: str
    tasks: tuple[int, ...]
    """Indices of the tasks."""


def scores_of(tasks: Sequence[Task]) -> list[Score]:
    """Return the scores of tasks, in their order.

    A task that counts only if another label is 1 has a conditional probability, `buy_given_click`, and the
    probability of the event, `click_and_buy`. Names that are taken end in an underscore.
    """
    names, places = {task.name for task in tasks}, {task.name: place for place, task in enumerate(tasks)}
    found: list[Score] = []
    for place, task in enumerate(tasks):
        what = task.type.meaning.format(task.name)
        before = _before(tasks, places, task)
        if not before:
            found.append(Score(task.name, what, (place,)))
            continue
        meaning = f"{what}, in rows where {task.given} is 1"
        found.append(Score(_free(f"{task.name}_given_{task.given}", names), meaning, (place,)))
        if all(other.type.probability for other in (task, *(tasks[place] for place in before))):
            events = [*(tasks[one].name for one in before), task.name]
            every = "all" if events[2:] else "both"
            meaning = f"probability that {', '.join(events[:-1])} and {events[-1]} are {every} 1"
            found.append(Score(_free("_and_".join(events), names), meaning, (*before, place)))
    return found


def products(scores: Sequence[Score], predictions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the scores of predictions: [R, T] -> [R, S]."""
    return np.stack([predictions[:, list(score.tasks)].prod(axis=1) for score in scores], axis=1)


def _before(tasks: Sequence[Task], places: Mapping[str, int], task: Task) -> tuple[int, ...]:
    """Return the tasks whose labels must be 1 for a task to count, the first one first."""
    if task.given is None or task.given not in places:
        return ()
    place = places[task.given]
    return (*_before(tasks, places, tasks[place]), place)


def _free(name: str, names: set[str]) -> str:
    """Return a name that is not among `names`, and add it to them."""
    while name in names:
        name += "_"
    names.add(name)
    return name
