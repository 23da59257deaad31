"""Print the lowest versions of the dependencies in pyproject.toml, as constraints for pip.

    python scripts/lowest_versions.py > lowest.txt
    pip install -c lowest.txt .

Each line pins a package of `dependencies` and of the extras for users to its lower bound.
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
TOOLS = {"bench", "dev", "docs", "release"}
"""Extras of developers, whose packages users do not install."""
_BOUND = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(?:\[[^]]*\])?>=(?P<version>[0-9.]+)")


def constraints(project: dict[str, Any]) -> Iterator[str]:
    """Yield `name==version` for the lower bound of each package."""
    extras = project["optional-dependencies"]
    users = [packages for extra, packages in extras.items() if extra not in TOOLS]
    for requirement in (package for packages in (project["dependencies"], *users) for package in packages):
        bound = _BOUND.match(requirement)
        if bound is None:
            raise SystemExit(f"{requirement!r} has no lower bound: write one, such as `{requirement}>=1.0`")
        yield f"{bound['name']}=={bound['version']}"


if __name__ == "__main__":
    print("\n".join(constraints(tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"])))
