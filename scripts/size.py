"""Count the product, and compare it with `ceilings.toml`, whose numbers may only fall.

    python scripts/size.py           # print today's numbers beside their ceilings
    python scripts/size.py --check   # end with 1 where a number is above its ceiling
    python scripts/size.py --lower   # write today's numbers as ceilings; the whole may not rise

A code line is a line with code: no blank line, comment, docstring or import. The product is all Python files
of the core, the plugins, the command line and the Python interface; examples and benchmarks do not count.
"""

import ast
import io
import re
import subprocess
import sys
import tokenize
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parents[1]
CEILINGS = ROOT / "ceilings.toml"
PRODUCT = ("automtl_core", "plugins", "cli", "api")
ROOMS = {
    "workflow, run_dir": ("workflow", "run_dir"),
    "training": ("training",),
    "search": ("search",),
    "data, prepare": ("data", "prepare"),
    "raw, dataset, fields": ("raw", "dataset", "fields"),
    "modules, space, ops, choices, tasks": ("modules", "space", "ops", "choices", "tasks"),
    "the rest of the core": ("automtl_core",),
    "search plugins": tuple(
        f"automtl_{name}"
        for name in (
            *("desan", "strategies", "baselines", "balancers", "losses"),
            *("tasks", "histories", "metrics", "listeners", "engines"),
        )
    ),
    "datasets, inspection, testing, export": tuple(
        f"automtl_{name}" for name in ("datasets", "inspection", "testing", "export")
    ),
    "comparison, report": ("automtl_comparison", "automtl_report"),
    "command line, Python": ("automtl_cli", "automtl"),
}
"""Rooms: folders and modules of the core, and packages of plugins."""
ROOM = "code lines of a room"
NAMED = {
    "histories": r"histor",
    "lists": r"of_lists|by_list|\.lists\b|\blists?_",
    "refresh": r"refresh",
    "members": r"\bmembers?\b",
    "refit": r"refit",
    "updates": r"\bUpdate[ds]?\b|UpdateSettings|\.update import|goes_on",
    "time budget": r"budget",
}
"""Capability -> what a file of the product that names it holds."""

HABITS = {
    "uses of private names in tests": r"\._[a-z]|setattr\(",
    "private docstrings of several lines": r"def _\w+\([^\"]*?:\n\s+\"\"\"[^\"\n]+\n",
}
"""Habit that goes -> what matches it: in tests, and in the product."""

Count = Counter[tuple[str, str]]
"""(kind of number, its subject) -> number."""


def files(folder: str) -> Iterator[Path]:
    """Yield the Python files of a folder."""
    yield from (path for path in sorted((ROOT / folder).rglob("*.py")) if "__pycache__" not in path.parts)


def code_lines(text: str, tree: ast.Module) -> int:
    """Return the number of lines with code of a Python file."""
    code, left_out = set[int](), set[int]()
    for node in ast.walk(tree):
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node, ast.Import | ast.ImportFrom) or (docstring and isinstance(node.value.value, str)):
            left_out.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    marks = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in (*marks, tokenize.ENDMARKER):
            code.update(range(token.start[0], token.end[0] + 1))
    return len(code - left_out)


def room(path: Path) -> str:
    """Return the room of a file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    places = (title for title, members in ROOMS.items() if parts[1] in members)
    return next(places, "the rest of the core" if parts[0] == "automtl_core" else parts[1])


def counted() -> Count:
    """Return all numbers."""
    found = Count()
    for folder in (*PRODUCT, "tests"):
        for path in files(folder):
            text = path.read_text(encoding="utf-8")
            tree = ast.parse(text)
            functions = sum(isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef) for n in ast.walk(tree))
            lines, part = code_lines(text, tree), "tests" if folder == "tests" else "product"
            for name in (part, "core") if folder == "automtl_core" else (part,):
                found["code lines", name] += lines
                found["functions", name] += functions
                found["files", name] += 1
            if part == "product":
                found[ROOM, room(path)] += lines
                for name, pattern in NAMED.items():
                    found["files that name", name] += bool(re.search(pattern, text, re.IGNORECASE))
            for place, (name, pattern) in zip(("tests", "product"), HABITS.items(), strict=True):
                found["habits", name] += len(re.findall(pattern, text)) if place == part else 0
    for name, number in zip(("settings", "commands", "options"), (settings(), *surface()), strict=True):
        found["face", name] = number
    return found


def settings() -> int:
    """Return the number of settings of automtl, those of docs/settings.md."""
    return sum(line.startswith("| `") for line in (ROOT / "docs/settings.md").read_text().splitlines())


def surface() -> tuple[int, int]:
    """Return the number of commands, and of their options without `--help`, those of docs/cli.md."""
    _, _, *sections = re.split(
        r"^## ", (ROOT / "docs/cli.md").read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    options = [re.findall(r"^  (?:-\w, )?--(?!help)", text, re.MULTILINE) for text in sections]
    groups = [re.search(r"^Usage: .* COMMAND", text, re.MULTILINE) for text in sections]
    return len(sections) - sum(map(bool, groups)), sum(map(len, options))


PAGES = ("*.md", "docs/**/*.md")
NOTES = ("research/**/*.md", "benchmarks/*/README.md")
MADE = re.compile(
    r"\A.{0,200}`make docs` writes this page.*"
    r"|<!-- the table that `make \w+` writes -->.*?<!-- end of the table -->",
    re.DOTALL,
)
"""What a command writes: a page whose first lines say so, or a table between two comments."""


def words(text: str) -> int:
    """Return the number of words of a page; borders of tables and other marks are none."""
    return sum(any(map(str.isalnum, word)) for word in text.split())


def pages(patterns: Iterable[str]) -> tuple[int, int]:
    """Return the words of pages that are written by hand, and those of others."""
    paths = sorted(path for pattern in patterns for path in ROOT.glob(pattern) if "_build" not in path.parts)
    texts = [path.read_text(encoding="utf-8") for path in paths]
    by_hand = sum(words(MADE.sub("", text)) for text in texts)
    return by_hand, sum(map(words, texts)) - by_hand


def whole(count: Mapping[tuple[str, str], int]) -> dict[str, int]:
    """Return the numbers that may only fall: all but those of rooms, between which code moves."""
    return {f"{kind}: {name}": n for (kind, name), n in count.items() if kind != ROOM}


def ceilings(text: str) -> Count:
    """Return the ceilings of a file."""
    return Count(
        {(kind, name): n for kind, values in tomllib.loads(text).items() for name, n in values.items()}
    )


def written(count: Count) -> str:
    """Return the text of a file of ceilings."""
    kinds = dict[str, list[str]]()
    for (kind, name), number in count.items():
        kinds.setdefault(kind, []).append(f'"{name}" = {number}')
    head = "# `make size LOWER=1` writes this file, and `make check` compares with it.\n"
    return head + "".join(f'\n["{kind}"]\n' + "\n".join(rows) + "\n" for kind, rows in kinds.items())


def faults(now: Count, most: Count) -> Iterator[str]:
    """Yield a sentence for each number above its ceiling, with the way out."""
    for (kind, name), number in now.items():
        if number <= (ceiling := most[kind, name]):
            continue
        way = "delete what the change replaces, or make it a plugin of its own under examples/"
        if kind == ROOM:
            way += "; if the code comes from another room, `make size LOWER=1` moves the ceilings"
        yield f"{kind}: {name} has {number:,}, at most {ceiling:,}: {way}"


def raised(new: Count, old: Count) -> list[str]:
    """Return the ceilings of the whole that are above older ones; code moves between rooms."""
    sums = [whole(one) | {ROOM: sum(n for (kind, _), n in one.items() if kind == ROOM)} for one in (new, old)]
    before = sums[1]
    return [
        f"{name} from {before[name]:,} to {n:,}" for name, n in sums[0].items() if n > before.get(name, n)
    ]


def older() -> Iterator[Count]:
    """Yield the ceilings of the last commit and of the one before it, where git knows them."""
    for commit in ("HEAD", "HEAD^"):
        with suppress(OSError, subprocess.CalledProcessError):
            show = ["git", "show", f"{commit}:{CEILINGS.name}"]
            shown = subprocess.run(show, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603
            yield ceilings(shown.stdout)


def main() -> int:
    """Print, check or lower; return the exit code."""
    now = counted()
    most = ceilings(CEILINGS.read_text(encoding="utf-8")) if CEILINGS.exists() else now
    if "--lower" in sys.argv:
        if higher := raised(now, most):
            print("the whole may not rise:", "; ".join(higher))
            return 1
        CEILINGS.write_text(written(now), encoding="utf-8")
        return 0
    if "--check" in sys.argv:
        wrong = list(faults(now, most))
        for before in older():
            wrong += [
                f"ceilings.toml is raised: {one}; a ceiling of the whole only falls"
                for one in raised(most, before)
            ]
        print(*dict.fromkeys(wrong), sep="\n", end="\n" if wrong else "")
        return bool(wrong)
    for kind in dict.fromkeys(kind for kind, _ in now):
        print(f"{kind}:")
        for (_, name), number in ((key, n) for key, n in now.items() if key[0] == kind):
            print(f"  {number:7,} of {most[kind, name]:7,}  {name}")
    by_hand, made = pages(PAGES)
    print(f"words of the site and of files such as README:\n  {by_hand:7,}             by hand")
    print(f"  {made:7,}             generated\nwords of research notes:\n  {sum(pages(NOTES)):7,}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
