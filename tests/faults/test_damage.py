"""Files that are damaged, or lost while a command runs: each is reported, and never believed."""

import json
import random

import pytest

from .harness import copied
from .programme import tried
from .stage import different, unclear
from .subjects import EVALUATE, EXPORT, PREDICT, REPORT, product

READS = {
    "evaluate": (("evaluate", "runs/a"), ()),
    "predict": (PREDICT, ("out.csv",)),
    "evaluate new rows": (EVALUATE, ()),
    "export": (EXPORT, ("out",)),
    "report": (REPORT, ("out.html",)),
    "show": (("show", "runs/a"), ()),
}
"""Commands that read a finished run, with the files that they write."""
CASES = {"export": 3, "report": 6}
"""Smaller numbers of cases of slow commands."""
UNREAD = ("checkpoint.safetensors", "checkpoint.before.safetensors", ".lock")
"""Files that no command reads after the end of a run."""


def flip(path, draw):
    content = bytearray(path.read_bytes())
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    path.write_bytes(content)


def cut(path, draw):
    content = path.read_bytes()
    path.write_bytes(content[: draw.randrange(len(content))])


def blank(path, draw):
    content = bytearray(path.read_bytes())
    start = draw.randrange(len(content))
    content[start : start + 4096] = bytes(len(content[start : start + 4096]))
    path.write_bytes(content)


def delete(path, draw):
    path.unlink()


def swap(path, draw):
    other = draw.choice(sorted(one for one in path.parent.iterdir() if one.is_file()))
    path.write_bytes(other.read_bytes())


DAMAGES = (flip, flip, flip, cut, blank, delete, swap)


def files(folder, part):
    """Yield the files of a run or of prepared data that are read."""
    for path in sorted((folder / part).rglob("*")):
        if is_damageable(path) and path.name not in UNREAD:
            yield path


def is_damageable(path):
    return path.is_file() and path.stat().st_size > 0


@pytest.mark.parametrize("name", READS)
@pytest.mark.parametrize("part", ["runs", "prepared"])
def test_a_finished_run(stage, tmp_path, name, part):
    subject = stage("predict")
    words, products = READS[name]
    whole = subject.fresh()
    wanted = subject.harness.run(whole, *words)
    assert wanted.code == 0, wanted.err
    written = product(whole, products)

    def fault(seed):
        draw, folder = random.Random(seed), subject.fresh()
        path = draw.choice(list(files(folder, part)))
        before = path.read_bytes()
        damage = draw.choice(DAMAGES)
        damage(path, draw)
        if path.exists() and path.read_bytes() == before:
            return None
        ended = subject.harness.run(folder, *words)
        about = f"{damage.__name__} of {path.relative_to(folder)}: code {ended.code}: {ended.err[-300:]}"
        if ended.code not in (0, 65, 66):
            return about
        differ = different(written, product(folder, products)) if products else []
        if part == "prepared":  # the rows of an example are drawn then, and the text says so
            differ = [name for name in differ if name not in ("out/README.md", "out/examples.json")]
        if ended.code == 0 and differ:
            return f"other files {differ}: {about}"
        if ended.code == 0 and not products and ended.out != wanted.out and name != "show":
            return f"another output: {about}"
        return unclear(ended)

    cases = range(CASES.get(name, 58))
    tried("damaged files", cases, fault, f"{name}, {part}")


@pytest.mark.parametrize("name", ["search pd-darts", "search random", "train"])
def test_an_unfinished_run(stage, tmp_path, name):
    """A run goes on from the checkpoint before a damaged one, to the same bytes, or says what is damaged."""
    subject = stage(name)
    killed = subject.killed(tmp_path / "killed")

    def fault(seed):
        draw, folder = random.Random(seed), copied(killed, subject.fresh())
        path = draw.choice([path for path in sorted((folder / "runs/a").rglob("*")) if is_damageable(path)])
        damage = draw.choice(DAMAGES)
        damage(path, draw)
        ended = subject.harness.run(folder, *subject.subject.again)
        about = f"{damage.__name__} of {path.relative_to(folder)}: code {ended.code}: {ended.err[-300:]}"
        if ended.code not in (0, 65, 66):
            return about
        if ended.code == 0 and (differ := subject.differing(folder)):
            return f"other files {differ}: {about}"
        return unclear(ended)

    tried("damaged files", range(40), fault, f"{name}, resumed")


@pytest.mark.parametrize("name", ["search study", "search random"])
def test_a_swapped_file_of_a_trial(stage, tmp_path, name):
    """Each file of a run is intact in the place of another one, too: the trial at work refuses it."""
    subject = stage(name)
    killed = subject.killed(tmp_path / "killed")
    files = [path.relative_to(killed) for path in sorted((killed / "runs/a").rglob("*.safetensors"))]
    newest = max(
        (path for path in files if "trials" in path.parts), key=lambda p: (killed / p).stat().st_mtime_ns
    )
    pairs = [
        (path, other) for path in files if path.parent == newest.parent for other in files if other != path
    ]

    def fault(case):
        (path, other), folder = case, copied(killed, subject.fresh())
        (folder / path).write_bytes((killed / other).read_bytes())
        ended = subject.harness.run(folder, *subject.subject.again)
        about = f"code {ended.code}: {ended.err[-300:]}"
        if ended.code == 65 and str(path) in ended.err:
            return unclear(ended)
        differ = subject.differing(folder)
        return f"other files {differ}: {about}" if ended.code or differ else None

    tried("damaged files", pairs, fault, f"{name}, resumed", few=3)


ARRAYS = ("train/ids.npy", "test/labels.npy")
LOSSES = {
    "run folder removed": ("remove", "runs/a"),
    "run folder renamed": ("rename", "runs/a"),
    "config.yaml removed": ("remove", "runs/a/config.yaml"),
    ".lock removed": ("remove", "runs/a/.lock"),
    "checkpoint removed": ("remove", "runs/a/**/checkpoint.safetensors"),
    "prepared folder removed": ("remove", "prepared/*"),
    "prepared folder renamed": ("rename", "prepared/*"),
    **{f"{array} removed": ("remove", f"prepared/*/{array}") for array in ARRAYS},
    **{f"{array} cut": ("cut", f"prepared/*/{array}") for array in ARRAYS},
    **{f"{array} emptied": ("cut", f"prepared/*/{array}") for array in ARRAYS},
}
WRONG = ("free some space", "check the disk")
"""Remedies for other faults."""
POINTS = {"train": 2, "search random": 1}
"""Number of epochs at which a command loses its file."""


@pytest.mark.parametrize("name", POINTS)
@pytest.mark.parametrize("loss", LOSSES)
def test_a_loss_during_a_run(stage, name, loss):
    """A command that loses a file ends as if it had not, or says which file is missing or damaged."""
    subject = stage(name)
    do, path = LOSSES[loss]
    epochs = subject.epochs()

    def fault(at):
        folder = subject.fresh()
        plan = {"at": at, "do": do, "path": path, "number": 1 if loss.endswith("emptied") else 2}
        ended = subject.disturbed(folder, plan=plan)
        about = f"code {ended.code}: {ended.err[-400:]}"
        if ended.code not in (0, 65, 66, 73, 74) or any(part in ended.err for part in WRONG):
            return about
        if problem := unclear(ended):
            return problem
        later = sum(point.startswith("step Epoch") for point in ended.points[at:])
        if ended.code and later > 1 and path.startswith("runs"):
            return f"{later} more epochs before its error: {about}"
        if ended.code == 0 and do != "rename" and not path.startswith("runs"):
            differ = subject.differing(folder)
            return f"other files {differ}" if differ else None
        again = subject.run(folder, subject.subject.again)
        return unclear(again) or (
            f"again: code {again.code}: {again.err[-300:]}" if again.code not in (0, 2, 65, 66, 73) else None
        )

    chosen = [epochs[0], epochs[len(epochs) // 2]][-POINTS[name] :]
    tried("files that are lost during a run", chosen, fault, f"{name}, {loss}")


FAILED = 79
FILES = ("result.json", "config.yaml", "architecture.json", "weights.safetensors", "data.json")


def test_a_damaged_cell(stage):
    """The comparison is written without the cell, or with its result as it was; the others are as before."""
    subject = stage("compare")
    folder = subject.fresh()
    assert subject.disturbed(folder).code == 0
    whole = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    wanted = models(folder)

    def fault(case):
        seed, file = case
        for path, content in whole.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        for name in ("compare.json", "compare.csv", "compare.md", "report.html"):
            (folder / "cmp" / name).unlink()
        draw = random.Random(seed)
        cell = draw.choice(sorted((folder / "cmp" / "cells").iterdir()))
        draw.choice(DAMAGES)(cell / file, draw)
        ended = subject.run(folder, subject.subject.words)
        about = f"{cell.name}/{file}: code {ended.code}: {ended.err[-400:]}"
        if problem := unclear(ended):
            return problem
        if ended.code not in (0, FAILED):
            return about
        if ended.code == FAILED and cell.name not in ended.out + ended.err:
            return f"the folder of the cell is not named: {about}"
        found = models(folder)
        others = {name for name in wanted if not cell.name.startswith(name)}
        differ = [name for name in (wanted if ended.code == 0 else others) if found.get(name) != wanted[name]]
        return f"other rows of {differ}: {about}" if differ else None

    cases = [(seed, file) for file in FILES for seed in range(4)]
    tried("a faulty cell of a comparison", cases, fault, "compare")


def models(folder):
    """Return the test metrics of the cells of each model."""
    document = json.loads((folder / "cmp" / "compare.json").read_text())
    return {name: [cell.get("test") for cell in model["cells"]] for name, model in document["models"].items()}
