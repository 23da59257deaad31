"""Base of the kinds: tasks that follow each other, pretrained vectors, products of effects."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from automtl_core.plugin import Label
from automtl_datasets.synthetic import kind
from automtl_datasets.synthetic.kind import Floats, oracle, sigmoid


class Kind(kind.Kind):
    """One problem with more than those of `synthetic` have."""

    after: ClassVar[Mapping[str, str]] = {}
    """Task -> the task before it. The label is 0 where that of the task before is 0, so the effects on the
    task before apply to it too. Its own effects hold for rows where the label before is 1; its rate is over
    all rows."""
    vector_of: ClassVar[str | None] = None
    """The categorical field whose values have pretrained vectors."""

    @classmethod
    def labels(cls) -> tuple[Label, ...]:
        """Return the labels."""
        return tuple(Label(task, after=cls.after.get(task)) for task in cls.tasks())

    @classmethod
    def truth(cls) -> Mapping[str, Any]:
        """Return the groups of tasks, the effects of fields and pairs on each task, and the noise fields.

        The effects on the task before are effects on a task too.
        """
        about: dict[str, dict[str, Any]] = {}
        for task, of in cls.tasks().items():
            before = about.get(cls.after.get(task, ""), {"fields": {}, "pairs": []})
            fields = Counter(before["fields"])
            fields.update(of.effects)
            about[task] = {
                "fields": dict(fields),
                "pairs": before["pairs"] + [list(pair) for pair in of.pairs],
            }
        groups = {group: list(tasks) for group, tasks in cls.groups.items()}
        return {"groups": groups, "tasks": about, "noise": list(cls.noise)}

    def measured(self) -> Mapping[str, Any]:
        """Return what the rows tell besides, such as the best reachable GAUC; by default nothing."""
        return {}

    def vectors(self) -> Floats:
        """Draw the vectors of the values of `vector_of`, [V, P]."""
        raise NotImplementedError(f"the kind {self.name} has no vectors")

    def together(self, pair: tuple[str, ...], group: str, drawn: Mapping[str, Any]) -> Floats:
        """Return the effect [R] of a pair on a group: a product of effects that have no effect alone."""
        left, right = (self.effects(field, "pair")[drawn[field]] for field in pair)
        return np.asarray(left * right)

    def drawn_labels(self, logits: Mapping[str, Floats]) -> dict[str, Any]:
        """Draw labels with their rates, and return the columns of labels and of their probabilities."""
        columns: dict[str, Any] = {}
        for task, chance in self.tasks().items():
            before = self.after.get(task)
            done, share = (columns[before], columns[oracle(before)]) if before else (1, np.ones(self.size))
            chosen = sigmoid(logits[task] + _intercept(logits[task], chance.rate, share))
            columns[task] = ((self.random("label", task).random(self.size) < chosen) * done).astype(np.int8)
            columns[oracle(task)] = chosen * share
        return columns


def _intercept(logit: Floats, rate: float, share: Floats) -> float:
    """Return the intercept of the logits for which the mean of probability * `share` is `rate`."""
    low, high = -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if (sigmoid(logit + middle) * share).mean() < rate else (low, middle)
    return low
