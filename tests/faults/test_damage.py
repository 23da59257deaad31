"""Damaged files are reported, and never believed."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .harness import copied
from .programme import tried
from .stage import Stage, different, unclear
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


def flip(path: Path, draw: random.Random) -> None:
    content = bytearray(path.read_bytes())
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    path.write_bytes(content)


def cut(path: Path, draw: random.Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: draw.randrange(len(content))])


def blank(path: Path, draw: random.Random) -> None:
    content = bytearray(path.read_bytes())
    start = draw.randrange(len(content))
    content[start : start + 4096] = bytes(len(content[start : start + 4096]))
    path.write_bytes(content)


def delete(path: Path, draw: random.Random) -> None:
    path.unlink()


def swap(path: Path, draw: random.Random) -> None:
    other = draw.choice(sorted(one for one in path.parent.iterdir() if one.is_file()))
    path.write_bytes(other.read_bytes())


DAMAGES = (flip, flip, flip, cut, blank, delete, swap)


def files(folder: Path, part: str) -> Iterator[Path]:
    """Yield the files of a run or of prepared data that are read."""
    for path in sorted((folder / part).rglob("*")):
        if is_damageable(path) and path.name not in UNREAD:
            yield path


def is_damageable(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


@pytest.mark.parametrize("name", READS)
@pytest.mark.parametrize("part", ["runs", "prepared"])
def test_a_finished_run(stage: Callable[[str], Stage], tmp_path: Path, name: str, part: str) -> None:
    subject = stage("predict")
    words, products = READS[name]
    whole = subject.fresh()
    wanted = subject.harness.run(whole, *words)
    assert wanted.code == 0, wanted.err
    written = product(whole, products)

    def fault(seed: int) -> str | None:
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
def test_an_unfinished_run(stage: Callable[[str], Stage], tmp_path: Path, name: str) -> None:
    """A run goes on from the checkpoint before a damaged one, to the same bytes, or says what is damaged."""
    subject = stage(name)
    points = subject.whole.points
    last = max(n for n, point in enumerate(points, 1) if point.startswith("step Epoch"))
    folder = subject.fresh()
    subject.disturbed(folder, plan={"at": last, "do": "kill"})
    killed = copied(folder, tmp_path / "killed")

    def fault(seed: int) -> str | None:
        draw = random.Random(seed)
        copied(killed, folder)
        path = draw.choice([path for path in sorted((folder / "runs/a").rglob("*")) if is_damageable(path)])
        damage = draw.choice(DAMAGES)
        damage(path, draw)
        ended = subject.harness.run(folder, *subject.subject.again)
        about = f"{damage.__name__} of {path.relative_to(folder)}: code {ended.code}: {ended.err[-300:]}"
        if ended.code not in (0, 65, 66):
            return about
        if ended.code == 0 and (
            differ := different(subject.wanted, product(folder, subject.subject.products))
        ):
            return f"other files {differ}: {about}"
        return unclear(ended)

    tried("damaged files", range(40), fault, f"{name}, resumed")
