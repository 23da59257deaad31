"""Write docs/settings.md, the reference of all settings, from the classes that declare them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from automtl_cli.settings import NAMED, PARTS, Explained, explained, row
from automtl_core.registry.plugins import load_registry

PAGE = Path(__file__).parent / "settings.md"
HEAD = """# Settings

`make docs` writes this page from the code. `automtl settings` prints the same tables, also for settings of
other plugins.

Set a value by `--set KEY=VALUE`, such as `--set training.epochs=5` or `--set space=mmoe`, or in a file by
`--config`:

```yaml
space: {name: desan, layers: 3}
training: {epochs: 5, loss_weights: {click: 2}}
seed: 1
```

An error names all unknown settings and wrong values at once, and the command does not start.
"""
TITLES = {
    "run": "Run", "features": "Inputs", "encoding_search": "Encoding search", "training": "Training",
    "importance": "Permutation importance",
}  # fmt: skip


def page() -> str:
    """Return the text of docs/settings.md."""
    return HEAD + "".join(_sections())


def _sections() -> Iterator[str]:
    registry = load_registry()
    for part in PARTS:
        yield _section(f"## {TITLES[part]}", explained(registry, part))
    for _, kind in NAMED.values():
        yield f"\n## {kind.plural.capitalize()}\n"
        for name in registry.names(kind):
            if registry.supplier(kind, name).distribution == "automtl":
                yield _section(f"### {name}", explained(registry, kind.name, name))


def _section(title: str, found: Explained) -> str:
    prefix = f"{found.key}." if found.key else ""
    rows = [(f"`{prefix}{name}`", *others) for name, *others in map(row, found.settings)]
    lines = [["setting", "default", "takes", "description"], ["---"] * 4, *rows]
    table = "\n" + "".join(map(_line, lines)) if rows else ""
    return f"\n{title}\n\n{found.description}\n{table}"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
