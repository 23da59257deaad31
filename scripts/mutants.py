"""Plant one fault at a time in the functions of a room, and list those that its tests do not see.

    python scripts/mutants.py --count 300 --out research/mutants.md
    python scripts/mutants.py --room training --count 20

A fault is another comparison, sign, bound, order of arguments or condition, or a dropped call (DeMillo,
Lipton and Sayward, "Hints on test data selection", Computer 1978). Places are drawn by the seed. The tests
run in a copy of the tracked files, those that name the module or the function first; of those of contracts
these alone.
"""

import argparse
import ast
import copy
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parent))
from size import PRODUCT, ROOMS, ROOT, files, room

TESTS = {
    "modules, space, ops, choices, tasks": ("core/modules", "core/tasks", "core/test_space.py", "contract"),
    "the rest of the core": ("core/registry", "core/settings", "core/system", "core/test_errors.py"),
    "search plugins": (
        *("desan", "strategies", "baselines", "balancers", "losses"),
        *("tasks", "histories", "metrics", "listeners", "engines", "contract"),
    ),
    "datasets, inspection, testing, export": ("datasets", "inspection", "testing", "export"),
    "comparison, report": ("comparison", "report"),
    "command line, Python": ("cli", "api"),
    "data, prepare": ("core/data", "core/prepare", "contract"),
    "raw, dataset, fields": ("core/raw", "core/dataset", "core/fields", "contract"),
    "workflow, run_dir": ("core/workflow", "core/run_dir"),
    "training": ("core/training", "contract"),
    "search": ("core/search", "strategies"),
}
"""Room -> its tests."""
OTHER = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.Add: ast.Sub,
    ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
"""Operator -> the one that a fault puts in its place."""
SECONDS = 600.0
"""A test that runs longer has seen the fault."""


class Mutant(NamedTuple):
    """One fault."""

    room: str
    path: Path
    function: str
    line: int
    before: str
    after: str
    text: str
    """The whole file with it."""

    def __str__(self) -> str:
        return f"{self.path}:{self.line} `{self.function}`: `{self.before}` -> `{self.after}`"


def others(node: ast.AST) -> Iterator[ast.AST]:
    """Yield faults of a node: each is a node in its place."""
    other = copy.deepcopy(node)
    match other:
        case ast.Compare(ops=[op]) if type(op) in OTHER:
            other.ops = [OTHER[type(op)]()]
            yield other
        case ast.BinOp(op=op) | ast.BoolOp(op=op) if type(op) in OTHER:
            other.op = OTHER[type(op)]()
            yield other
        case ast.UnaryOp(op=ast.Not()):
            yield other.operand
        case ast.IfExp():
            other.test = ast.UnaryOp(ast.Not(), other.test)
            yield other
        case ast.Constant(value=int(value)) if not isinstance(value, bool):
            yield ast.Constant(value + 1)
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Call(args=[first, second, *rest]) if not isinstance(first, ast.Starred):
            if not isinstance(second, ast.Starred) and ast.dump(first) != ast.dump(second):
                other.args = [second, first, *rest]
                yield other
        case ast.Expr(value=ast.Call()):
            yield ast.Pass()


def mutants(path: Path) -> Iterator[Mutant]:
    """Yield the faults of a file, in its functions whose names and classes have no underscore in front."""
    content, starts = path.read_bytes(), [0]
    for row in content.splitlines(keepends=True):
        starts.append(starts[-1] + len(row))

    def fault(node: Any, other: ast.AST, name: str) -> Mutant:
        begin = starts[node.lineno - 1] + node.col_offset
        end = starts[node.end_lineno - 1] + node.end_col_offset
        new = ast.unparse(ast.fix_missing_locations(other))
        new = f"({new})" if isinstance(other, ast.expr) else new
        old, whole = content[begin:end].decode(), content[:begin] + new.encode() + content[end:]
        place = path.relative_to(ROOT), name, node.lineno
        return Mutant(room(path), *place, old, new, whole.decode())

    def inside(node: ast.AST, name: str) -> Iterator[Mutant]:
        if isinstance(node, ast.Raise | ast.Assert | ast.arguments | ast.JoinedStr):
            return  # sentences, conditions that hold always, and declarations
        if name and isinstance(node, ast.If | ast.While):
            yield fault(node.test, ast.UnaryOp(ast.Not(), copy.deepcopy(node.test)), name)
        if name and hasattr(node, "lineno"):
            yield from (fault(node, other, name) for other in others(node))
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                if name and isinstance(node, ast.FunctionDef):
                    yield from inside(child, name)  # a function in a function
                elif not child.name.startswith("_") or child.name in ("__init__", "__call__"):
                    below = f"{name}.{child.name}".strip(".") if isinstance(child, ast.FunctionDef) else ""
                    owner = node.name + "." if isinstance(node, ast.ClassDef) else ""
                    for part in child.body:
                        yield from inside(part, owner + child.name if below else "")
            else:
                yield from inside(child, name)

    yield from inside(ast.parse(content), "")


def tests_of(mutant: Mutant) -> list[str]:
    """Return the test files of the room of a fault, those that are likely to see it first."""
    function = mutant.function.rpartition(".")[2]

    def far(path: Path) -> tuple[bool, bool]:
        text = path.read_text(encoding="utf-8")
        return path.stem != f"test_{mutant.path.stem}", function not in text and mutant.path.stem not in text

    found = [path for part in TESTS[mutant.room] for path in _files(ROOT / "tests" / part)]
    found = [path for path in found if path.parent.name != "contract" or not far(path)[1]]
    return [str(path.relative_to(ROOT)) for path in sorted(found, key=far)]


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else sorted(path.rglob("test_*.py"))


def seen(mutant: Mutant, copied: Path) -> bool:
    """Return whether the tests fail with the fault in a copy of the repository."""
    place = copied / mutant.path
    before = place.read_text(encoding="utf-8")
    place.write_text(mutant.text, encoding="utf-8")
    paths = os.pathsep.join(str(copied / name) for name in (".", *PRODUCT[1:]))
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests_of(mutant)]
    how = {"cwd": copied, "env": {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}}
    try:
        ended = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False, **how)  # noqa: S603 - our own tests
        return ended.returncode != 0
    except subprocess.TimeoutExpired:
        return True
    finally:
        place.write_text(before, encoding="utf-8")


def drawn(count: int, seed: int, only: str) -> list[Mutant]:
    """Return some faults of all rooms, or of one: of a room as many as its share of all places."""
    places = [
        mutant
        for folder in PRODUCT
        for path in files(folder)
        if not only or only in room(path)
        for mutant in mutants(path)
    ]
    random_ = random.Random(seed)  # noqa: S311 - no secret
    return sorted(random_.sample(places, min(count, len(places))), key=str)


def table(found: dict[Mutant, bool]) -> str:
    """Return the results as a page."""
    rows = [(name, [of for mutant, of in found.items() if mutant.room == name]) for name in (*ROOMS, "all")]
    rows[-1] = "all", list(found.values())
    lines = ["| room | planted | caught | share |", "|---|---|---|---|"]
    lines += [f"| {name} | {len(of)} | {sum(of)} | {sum(of) / len(of):.0%} |" for name, of in rows if of]
    left = [f"- {mutant}" for mutant, caught in found.items() if not caught]
    return "\n".join([*lines, "", "Not caught:", "", *left, ""])


def main() -> None:
    """Plant the faults, and print or write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--room", default="", help="a part of the name of a room")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    found: dict[Mutant, bool] = {}
    with tempfile.TemporaryDirectory(prefix="automtl-mutants-") as folder:
        copied = Path(folder) / "automtl"
        listed = ["git", "ls-files"]
        tracked = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603
        for name in tracked.stdout.splitlines():
            (copied / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copied / name, follow_symlinks=False)
        for mutant in drawn(args.count, args.seed, args.room):
            start = time.monotonic()
            found[mutant] = seen(mutant, copied)
            said = "caught" if found[mutant] else "NOT CAUGHT"
            print(f"{len(found)} {said} in {time.monotonic() - start:.0f} s: {mutant}", flush=True)
            if args.out:
                args.out.write_text(table(found), encoding="utf-8")
    print(table(found))


if __name__ == "__main__":
    main()
