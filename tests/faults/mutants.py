"""Mutants: versions of the program whose saved states hold one item as it was at first.

They prove that a kill test fails if an item of the state is forgotten.
"""

import copy
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Stale:
    """Keeps the first value of an item in every saved state.

    Args:
        subject: The command whose state has the item.
        path: Keys of the item in the state; `*` stands for any key.

    """

    subject: str
    path: tuple[str, ...]
    first: dict[tuple[str, ...], Any] = field(default_factory=dict)

    def __call__(self) -> None:
        """Change this process."""
        from automtl_core.run_dir.run import Run

        save = Run.save_checkpoint

        def stale(run, state):
            state = copy.deepcopy(state)
            self._replace(state, self.path, ())
            return save(run, state)

        Run.save_checkpoint = stale  # type: ignore[method-assign]

    def _replace(self, state: Any, path: tuple[str, ...], done: tuple[str, ...]) -> None:
        if not isinstance(state, dict):
            return
        for key in [path[0]] if path[0] != "*" else list(state):
            if key in state and len(path) == 1:
                state[key] = self.first.setdefault((*done, key), state[key])
            elif key in state:
                self._replace(state[key], path[1:], (*done, key))


MUTANTS = {
    f"{subject}: {'/'.join(path)}": Stale(subject, ("state", *path))
    for subject, path in (
        ("train", ("*", "epoch")),
        ("train", ("*", "weights")),
        ("train", ("*", "optimiser")),
        ("train", ("*", "average", "weights")),
        ("search pd-darts", ("paths", "relaxed", "epoch")),
        ("search pd-darts", ("paths", "relaxed", "supernet")),
        ("search pd-darts", ("paths", "average")),
        ("search darts", ("supernet",)),
        ("search darts", ("optimiser",)),
        ("search random", ("trainings", "reported")),
        ("search study", ("reported",)),
    )
} | {
    "train: reports": Stale("train", ("reports",)),
    "search study: reports": Stale("search study", ("reports",)),
}
"""Mutants by their subject and item."""
