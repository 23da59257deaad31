"""Little disk, little memory, no permission, and two processes in one folder."""

import signal

import numpy as np
import pytest

from .programme import tried
from .stage import unclear

KIB = 1 << 10
MIB = 1 << 20
NO_THREAD = 127
"""Exit code of the C library if there is no memory for a new thread."""
ROUNDING = 1e-6
CONFIG = "runs/a/config.yaml"
"""File with paths of other folders."""
COMMANDS = (
    "search pd-darts", "search random", "train", "compare", "preparation", "predict", "export", "report",
)  # fmt: skip


def scores(folder):
    """Return the scores that `predict` wrote, [rows, tasks]; none where another command ran."""
    file = folder / "out.csv"
    return np.loadtxt(file, delimiter=",", skiprows=1) if file.exists() else np.zeros(0)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_limit_of_file_sizes(stage, name):
    """Every write beyond a size fails from some point on, as on a full disk."""
    subject = stage(name)

    def fault(case):
        folder = subject.fresh()
        at, size = case
        ended = subject.disturbed(folder, plan={"at": at, "do": "full", "number": size})
        if ended.code not in (0, 73, 74):
            return f"ended with {ended.code}: {ended.err[-500:]}"
        return unclear(ended) or subject.lost(folder)

    cases = [(at, size) for at in subject.points(3.3) for size in (0, 4 * KIB)]
    tried("limits of file sizes", cases, fault, name)


@pytest.mark.parametrize("name", ["train", "preparation", "predict", "compare"])
def test_a_limit_of_memory(stage, name):
    """Without memory for its buffers, MKL multiplies matrices in another way: the last digits differ."""
    subject, rounded = stage(name), name == "predict"
    folder = subject.fresh()
    subject.disturbed(folder)
    wanted = scores(folder)

    def fault(mebibytes):
        folder = subject.fresh()
        limit = subject.harness.memory() + mebibytes * MIB
        ended = subject.disturbed(folder, limits={"RLIMIT_DATA": limit})
        if name == "compare" and ended.code == -signal.SIGTRAP:
            return subject.lost(folder, rounded)  # the renderer of charts ends it, after all trainings
        if ended.code == NO_THREAD and "thread-local" in ended.err:
            return subject.lost(folder, rounded)  # the C library ends the process
        if ended.code not in (0, 71) and not (ended.code == 79 and "memory" in ended.err):  # of trainings
            return f"ended with {ended.code}: {ended.err[-500:]}"
        if problem := unclear(ended) or subject.lost(folder, rounded):
            return problem
        return None if np.allclose(wanted, scores(folder), atol=ROUNDING) else "other scores"

    tried("limits of memory", (0, 10, 20, 40, 80, 160), fault, name)


@pytest.mark.parametrize(
    "name", ["search random", "train", "compare", "preparation", "predict", "export", "report"]
)
def test_a_folder_without_permission(stage, name):
    subject = stage(name)

    def fault(which):
        folder = subject.fresh()
        folders = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
        for path in folders:
            path.chmod(0o555)
        ended = subject.disturbed(folder, plain=True)
        for path in folders:
            path.chmod(0o755)
        if ended.code not in (66, 73, 74):
            return f"ended with {ended.code}: {ended.err[-500:]}"
        return unclear(ended) or subject.lost(folder)

    tried("folders without permission", ["read only"], fault, name)


@pytest.mark.parametrize("name", ["search random", "train", "compare", "preparation", "predict", "export"])
def test_two_processes_in_one_folder(stage, name):
    subject = stage(name)
    words = subject.subject.words

    def fault(seed):
        folder = subject.fresh()
        ends = subject.harness.together(folder, [{"words": words}] * 2)
        for ended in ends:
            if ended.code not in (0, 73, 75) or unclear(ended):
                return f"ended with {ended.code}: {ended.err[-400:]}"
        if all(ended.code for ended in ends):
            return f"both ended with errors: {ends[0].err[-300:]} | {ends[1].err[-300:]}"
        return subject.lost(folder) if name in ("compare", "preparation") else None

    tried("two processes, one folder", range(round(7 * subject.subject.share)), fault, name)


@pytest.mark.parametrize("name", ["search pd-darts", "train", "preparation", "predict"])
def test_the_same_bytes_elsewhere(stage, tmp_path, name):
    subject = stage(name)

    def fault(case):
        folder = subject.fresh()
        environment, _, place = case.partition(" in ")
        if place:
            folder = folder.rename(tmp_path / place)
        pairs = dict([environment.split("=")]) if environment else {}
        ended = subject.disturbed(folder, environment=pairs)
        differ = [path for path in subject.differing(folder) if path != CONFIG]
        return f"code {ended.code}, {differ}: {ended.err[-300:]}" if ended.code or differ else None

    named = "LC_ALL=de_DE.UTF-8 LC_ALL=C PYTHONHASHSEED=7 COLUMNS=20 TZ=Asia/Tokyo"
    cases = ["", " in à b'c", *named.split()]
    tried("the same bytes: again, in other folders, locales, time zones", cases, fault, name)
