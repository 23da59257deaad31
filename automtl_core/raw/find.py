"""Search for the raw files of a dataset."""

import glob
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from automtl_core.dataset.dataset import Dataset, RawFile
from automtl_core.errors import DataError, InputMissingError, UsageError, near_file


class Source(NamedTuple):
    """An existing raw file of a dataset."""

    path: Path
    name: str
    """Path relative to the folder of the dataset."""
    file: RawFile


Sources = Mapping[str, Sequence[Source]]
"""Table -> its raw files."""


def find(data_dir: Path | None, dataset: Dataset, name: str) -> Sources:
    """Return the raw files of a dataset.

    Raises:
        DataError: a file links to another folder, or several files match a pattern for one file.
        InputMissingError: files are missing; the message lists all of them.

    """
    files = dataset.files()
    fix = "name the folder of its raw files: --data-dir FOLDER"
    fix += f"; get them from {dataset.source}" if dataset.source else ""
    fix += "; or try `--dataset synthetic`, which needs no files"
    if files and data_dir is None:
        needed = ", ".join(file.path for file in files.values())
        raise InputMissingError(f"dataset {name} needs a folder with its raw files: {needed}", fix)
    folder = data_dir or Path()
    found = {
        table: [source_of(path, file, folder) for path in _matching(folder, file.path)]
        for table, file in files.items()
    }
    if missing := [folder / files[table].path for table, paths in found.items() if not paths]:
        raise InputMissingError(
            "\n".join(f"{path}: raw file of dataset {name} not found" for path in missing), fix
        )
    for first, *others in found.values():
        if others and first.file.alone:
            raise DataError(
                f"{first.path} and {others[0].path}: dataset {name} needs one such file",
                "name the folder that holds the right one",
            )
    for path, times in Counter(source.path for sources in found.values() for source in sources).items():
        if times > 1:
            raise DataError(
                f"{path}: {times} names or patterns of dataset {name} match it", "name each file once"
            )
    _check_links(folder, [source.path for sources in found.values() for source in sources])
    return found


def listed_files(name: str) -> tuple[Path, str, Sequence[Path]]:
    """Return the folder of a file or a pattern, the pattern in it, and the sorted files.

    Raises:
        DataError: a file links to one outside of the folder.
        InputMissingError: there is no such file.
        UsageError: it is a folder, or not a valid pattern.

    """
    path = Path(name)
    if path.is_dir():
        raise UsageError(f"{name}: is a folder", f"name a file, or a quoted pattern, such as '{name}/*.csv'")
    if path.is_file():
        folder, pattern, paths = path.parent, glob.escape(path.name), [path]
    else:
        depth = next((n for n, part in enumerate(path.parts) if glob.has_magic(part)), len(path.parts) - 1)
        folder, pattern = Path(*path.parts[:depth]), str(Path(*path.parts[depth:]))
        try:
            paths = _matching(folder, pattern)
        except ValueError as error:
            raise UsageError(f"{name}: {error}", "give a pattern such as 'clicks-*.csv'") from None
    if not paths:
        raise InputMissingError(f"{name}: no such file{near_file(path)}", "check the path")
    _check_links(folder, paths)
    return folder, pattern, paths


def _matching(folder: Path, pattern: str) -> list[Path]:
    """Return the file of this name, or else the files that match the pattern, sorted."""
    if (folder / pattern).is_file():
        return [folder / pattern]
    return sorted(path for path in folder.glob(pattern) if path.is_file())


def _check_links(folder: Path, paths: Sequence[Path]) -> None:
    for path in paths:
        if not path.resolve().is_relative_to(folder.resolve()):
            raise DataError(
                f"{path}: links to a file outside of its folder {folder}",
                "copy the file, or name the file that it links to, or its folder",
            )


def source_of(path: Path, file: RawFile, folder: Path) -> Source:
    """Return a raw file of the dataset with files in `folder`."""
    return Source(path, path.relative_to(folder).as_posix(), file)
