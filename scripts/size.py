"""Print the size and the structure of the product: lines, settings, constants, words, rooms, floors, circles.

    python scripts/size.py           # the totals
    python scripts/size.py --rooms   # the lines and the floor of each room

The product is all Python files of the core, the plugins, the command line and the Python interface. A room is
a folder of the core, a module at the root of the core, or a package outside of it. A room stands one floor
above the highest room that it imports; imports for type checking count.
"""

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[1]
PRODUCT = ("automtl_core", "plugins", "cli", "api")


def files(folder: str) -> Iterator[Path]:
    """Yield the Python files of a folder, and the stubs that list names of other modules."""
    yield from (path for path in sorted((ROOT / folder).rglob("*.py*")) if path.suffix in (".py", ".pyi"))


def lines(folder: str) -> int:
    """Return the number of lines of a folder's Python files."""
    return sum(path.read_bytes().count(b"\n") for path in files(folder))


def constants() -> int:
    """Return the number of upper-case names that modules of the product assign."""
    return sum(
        node.id.lstrip("_").isupper()
        for folder in PRODUCT
        for path in files(folder)
        for statement in ast.parse(path.read_text()).body
        if isinstance(statement, ast.Assign | ast.AnnAssign)
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    )


def settings() -> int:
    """Return the number of settings of automtl, those of docs/settings.md."""
    return sum(line.startswith("| `") for line in (ROOT / "docs/settings.md").read_text().splitlines())


PAGES = ("*.md", "docs/**/*.md", "benchmarks/*/README.md")
MADE = re.compile(
    r"\A.{0,200}`make docs` writes this page.*"
    r"|<!-- the table that `make \w+` writes -->.*?<!-- end of the table -->",
    re.DOTALL,
)
"""What a command writes: a page whose first lines say so, or a table between two comments."""


def words(text: str) -> int:
    """Return the number of words of a page; borders of tables and other marks are none."""
    return sum(any(map(str.isalnum, word)) for word in text.split())


def pages() -> tuple[int, int]:
    """Return the words of README, CHANGELOG and pages that are written by hand, and those of others."""
    texts = [
        path.read_text(encoding="utf-8")
        for pattern in PAGES
        for path in sorted(ROOT.glob(pattern))
        if "_build" not in path.parts
    ]
    by_hand = sum(words(MADE.sub("", text)) for text in texts)
    return by_hand, sum(map(words, texts)) - by_hand


def room(path: Path) -> str:
    """Return the room of a file: `data`, `errors`, `automtl_desan`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts[0] != "automtl_core":
        return parts[1]
    return parts[1] if parts[1] != "__init__" else parts[0]


@cache
def modules() -> Mapping[str, str]:
    """Return the room of each module by its dotted name."""
    places = {}
    for folder in PRODUCT:
        for path in files(folder):
            inner = path.relative_to(ROOT if folder == "automtl_core" else ROOT / folder)
            places[".".join(inner.with_suffix("").parts).removesuffix(".__init__")] = room(path)
    return places


def imported(path: Path) -> Iterator[str]:
    """Yield the dotted names that a file imports, also inside of functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name if name in modules() else node.module for name in names)


def arrows() -> dict[str, set[str]]:
    """Return the rooms that each room imports."""
    found: dict[str, set[str]] = {name: set() for name in modules().values()}
    for folder in PRODUCT:
        for path in files(folder):
            found[room(path)] |= {modules()[name] for name in imported(path) if name in modules()}
    # The face of the core hands on `hookimpl` and the version.
    return {name: targets - {name, "automtl_core"} for name, targets in found.items()}


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the circles that a walk along the arrows meets."""
    met: list[list[str]] = []
    done: set[str] = set()

    def walk(name: str, trail: list[str]) -> None:
        if name in trail:
            met.append([*trail[trail.index(name) :], name])
        elif name not in done:
            for target in sorted(graph[name]):
                walk(target, [*trail, name])
            done.add(name)

    for name in sorted(graph):
        walk(name, [])
    return met


def floors(graph: Mapping[str, set[str]]) -> dict[str, int]:
    """Return the floor of each room of a structure without circles."""

    @cache
    def floor(name: str) -> int:
        return 1 + max(map(floor, graph[name]), default=0)

    return {name: floor(name) for name in graph}


def main() -> None:
    """Print the totals or, with `--rooms`, the rooms."""
    graph = arrows()
    rooms: Counter[str] = Counter()
    for folder in PRODUCT:
        for path in files(folder):
            rooms[room(path)] += path.read_bytes().count(b"\n")
    loops = circles(graph)
    for loop in loops:
        print("circle:", *(f"{a} -> {b}" for a, b in pairwise(loop)))
    height = {} if loops else floors(graph)
    if "--rooms" in sys.argv:
        for name, count in sorted(rooms.items(), key=lambda item: (-height.get(item[0], 0), item[0])):
            print(f"floor {height.get(name, 0):2}  {count:6,}  {name}: {', '.join(sorted(graph[name]))}")
    largest = max(rooms, key=rooms.__getitem__)
    print(f"product   {sum(map(lines, PRODUCT)):7,} lines")
    print(f"core      {lines('automtl_core'):7,} lines")
    print(f"tests     {lines('tests'):7,} lines")
    print(f"settings  {settings():7,}")
    print(f"constants {constants():7,} upper-case names of modules")
    by_hand, made = pages()
    print(f"words     {by_hand:7,} by hand, {made:,} generated")
    print(f"rooms     {len(rooms):7,}, the largest is {largest} with {rooms[largest]:,} lines")
    print(f"floors    {max(height.values(), default=0):7,}, circles {len(loops)}")


if __name__ == "__main__":
    main()
