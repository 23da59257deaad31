"""What is installed: a package missing from the list would be silently absent from the wheel."""

import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LISTED = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]


def folders() -> list[str]:
    packages = [
        ROOT / "automtl_core",
        *(p for top in ("plugins", "cli", "api") for p in (ROOT / top).iterdir()),
    ]
    return sorted(str(p.relative_to(ROOT)) for p in packages if (p / "__init__.py").exists())


def test_every_package_is_listed_wherever_packages_are_listed():
    names = sorted(Path(folder).name for folder in folders())
    assert sorted(LISTED) == folders()
    assert sorted(PROJECT["tool"]["mypy"]["packages"]) == names
    assert sorted(PROJECT["tool"]["importlinter"]["root_packages"]) == names


def test_every_plugin_has_an_entry_point():
    points = set(PROJECT["project"]["entry-points"]["automtl"].values())
    assert points == {f"{Path(p).name}.plugin" for p in folders() if p.startswith("plugins/")}
    assert points <= {point.value for point in metadata.entry_points(group="automtl")}


@pytest.mark.parametrize("folder", folders())
def test_every_package_is_typed(folder):
    assert (ROOT / folder / "py.typed").exists()


@pytest.mark.parametrize("folder", ["plugins", "cli", "api"])
def test_folders_are_not_importable(folder):
    done = subprocess.run(
        [sys.executable, "-c", f"import {folder}"], cwd="/", capture_output=True, check=False
    )
    assert b"No module named" in done.stderr


def test_the_wheel_holds_the_packages_and_their_data(tmp_path):
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "--quiet",
    ]
    subprocess.run([*command, "--wheel-dir", tmp_path, ROOT], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"{Path(folder).name}/py.typed" for folder in folders()} <= names
    assert {"automtl_desan/presets/paper.yaml", "automtl_core/export/example_onnx.txt"} <= names
    templates = ROOT / "cli" / "automtl_cli" / "plugins" / "templates"
    files = [path for path in templates.rglob("*") if path.is_file() and "cache" not in str(path)]
    assert {str(path.relative_to(ROOT / "cli")) for path in files} <= names
    assert len(files) > 30
    assert not [name for name in names if name.startswith(("plugins/", "cli/", "api/", "tests/"))]
