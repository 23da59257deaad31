"""Where the tests of a module are is never a question: tests mirror the source."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = {
    "automtl_core": "core",
    **{
        f"plugins/automtl_{p}": p
        for p in (
            "balancers",
            "baselines",
            "comparison",
            "desan",
            "engines",
            "export",
            "histories",
            "inspection",
            "listeners",
            "losses",
            "report",
            "strategies",
            "tasks",
            "testing",
        )
    },
}


def modules() -> list[tuple[str, str]]:
    """Return each module, and the file of its tests."""
    found = []
    for source, tests in SOURCES.items():
        for path in sorted((ROOT / source).rglob("*.py")):
            if path.name not in ("__init__.py", "plugin.py"):
                below = path.relative_to(ROOT / source)
                mirror = Path("tests") / tests / below.with_name(f"test_{path.name}")
                found.append((path.relative_to(ROOT).as_posix(), mirror.as_posix()))
    return found


@pytest.mark.parametrize(("module", "tests"), modules())
def test_a_module_has_tests_of_its_name(module, tests):
    assert (ROOT / tests).exists(), f"tests of {module} belong to {tests}"
