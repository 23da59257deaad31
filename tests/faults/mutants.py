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
        path: Keys of the item in the state.

    """

    subject: str
    path: tuple[str, ...]
    first: dict[tuple[str, ...], Any] = field(default_factory=dict)

    def __call__(self) -> None:
        """Change this process."""
        from automtl_core.search import trained
        from automtl_core.system.state import save_checkpoint
        from automtl_core.workflow import work

        def stale(folder, state):
            state = copy.deepcopy(state)
            self._replace(state, self.path, ())
            save_checkpoint(folder, state)

        trained.save_checkpoint = work.save_checkpoint = stale

    def _replace(self, state: Any, path: tuple[str, ...], done: tuple[str, ...]) -> None:
        if not isinstance(state, dict):
            return
        if (key := path[0]) in state and len(path) == 1:
            state[key] = self.first.setdefault((*done, key), state[key])
        elif key in state:
            self._replace(state[key], path[1:], (*done, key))


MUTANTS = {
    f"{subject}: {'/'.join(path[1:])}": Stale(subject, path)
    for subject, path in (
        ("train", ("fit", "epoch")),
        ("train", ("fit", "weights")),
        ("train", ("fit", "optimiser")),
        ("train", ("fit", "average", "weights")),
        ("search pd-darts", ("state", "paths", "relaxed", "epoch")),
        ("search pd-darts", ("state", "paths", "relaxed", "supernet")),
        ("search pd-darts", ("state", "paths", "average")),
        ("search darts", ("state", "supernet")),
        ("search darts", ("state", "optimiser")),
        ("search random", ("state", "trainings", "reported")),
        ("search study", ("state", "reported")),
    )
}
"""Mutants by their subject and item."""
