"""What a power failure leaves: changes that no fsync has brought to the disk are lost, in part.

The model is that of journalled file systems: operations on folders reach the disk in their order, the content
of files at any time. An fsync of a file or folder brings its content, or its entries, and all operations
before it to the disk.
"""

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path


class Journal:
    """The changes below a folder that are not on the disk yet.

    Args:
        root: The folder. Copies of files that were replaced or removed are kept beside it.

    """

    def __init__(self, root: Path) -> None:
        self._copies = root.with_name(f"{root.name}.lost")
        self._undo: list[Callable[[], None]] = []
        self._dirty: dict[str, None] = {}

    def heard(self, kind, *paths):
        """Note an operation before it happens."""
        path = paths[0]
        match kind:
            case "open":
                if not os.path.exists(path):
                    self._undo.append(lambda: Path(path).unlink(missing_ok=True))
                self._dirty[path] = None
            case "rename":
                self._renamed(*paths)
            case "remove":
                copy = self._copy(path)
                self._undo.append(lambda: copy and shutil.copy2(copy, path))
                self._dirty.pop(path, None)
            case "mkdir":
                self._undo.append(lambda: shutil.rmtree(path, ignore_errors=True))
            case "rmdir":
                self._undo.append(lambda: Path(path).mkdir(exist_ok=True))

    def synced(self, path):
        """Note that an fsync of a path ended."""
        self._dirty.pop(path, None)
        self._undo.clear()

    def lose(self, seed):
        """Undo the last operations on folders, and damage files that were written; how many is drawn."""
        draw = random.Random(seed)
        for path in list(self._dirty):
            if os.path.isfile(path):
                size = os.path.getsize(path)
                kept = draw.choice([0, size // 2, size])
                with open(path, "r+b") as file:
                    file.truncate(kept)
                    if draw.random() < 0.5:
                        file.truncate(size)  # its length is on the disk, its content is not
        for undo in self._undo[::-1][: draw.randint(0, len(self._undo))]:
            undo()

    def _renamed(self, source, target):
        copy = self._copy(target)

        def undo():
            if os.path.exists(target):
                os.rename(target, source)
            if copy:
                shutil.copy2(copy, target)

        self._undo.append(undo)
        for path in [path for path in self._dirty if path == source or path.startswith(f"{source}/")]:
            del self._dirty[path]
            self._dirty[target + path[len(source) :]] = None

    def _copy(self, path):
        if not os.path.isfile(path):
            return None
        self._copies.mkdir(exist_ok=True)
        return Path(shutil.copy2(path, self._copies / str(len(os.listdir(self._copies)))))
