"""The true structure of the problems that `synthetic` generates."""

from typing import Any

from automtl_datasets.synthetic.kind import Kind


def truth(kind: type[Kind] | Kind) -> dict[str, Any]:
    """Return the groups of tasks, the fields and pairs with an effect on each task, and the noise fields."""
    about = {
        task: {"fields": dict(chance.effects), "pairs": [list(pair) for pair in chance.pairs]}
        for task, chance in kind.tasks().items()
    }
    return {"groups": kind.groups, "tasks": about, "noise": kind.noise}
