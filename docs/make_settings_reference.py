"""Write docs/settings.md, the reference of all settings, from the classes that declare them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from automtl_cli.settings import NAMED, PARTS, Explained, explained, row
from automtl_core.registry.plugins import load_registry
from automtl_core.settings.settings import Setting

PAGE = Path(__file__).parent / "settings.md"
HEAD = """# Settings

`make docs` writes this page from the code. `automtl list` prints the same tables, also for settings of
other plugins.

Set a value by `--set KEY=VALUE`, such as `--set training.epochs=5` or `--set space=mmoe`, or in a file, which
commands take in place of a table:

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
        yield f"\n## {kind.plural.capitalize()}\n\nA setting that several of them have comes first, once.\n"
        names = [n for n in registry.names(kind) if registry.supplier(kind, n).distribution == "automtl"]
        shared, own = _shared({name: explained(registry, kind.name, name) for name in names})
        for several, settings in shared.items():
            of_all = "all" if len(several) == len(names) else ", ".join(several)
            about = replace(own[several[0]], description=f"Settings that several {kind.plural} have.")
            yield _section(f"### {kind.plural.capitalize()}: {of_all}", replace(about, settings=settings))
        for name in names:
            yield _section(f"### {name}", own[name])


def _shared(
    all_of_them: Mapping[str, Explained],
) -> tuple[dict[tuple[str, ...], list[Setting]], dict[str, Explained]]:
    """Return the settings that several names have, by these names, and those of one name alone."""
    owners: dict[str, list[str]] = {}
    for name, part in all_of_them.items():
        for setting in part.settings:
            owners.setdefault(repr(setting), []).append(name)
    shared: dict[tuple[str, ...], list[Setting]] = {}
    for name, part in all_of_them.items():
        for setting in part.settings:
            several = tuple(owners[repr(setting)])
            if len(several) > 1 and several[0] == name:
                shared.setdefault(several, []).append(setting)
    own = {
        name: replace(part, settings=[s for s in part.settings if len(owners[repr(s)]) == 1])
        for name, part in all_of_them.items()
    }
    return shared, own


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
