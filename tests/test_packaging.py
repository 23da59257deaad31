"""What is installed: a package missing from the list would be silently absent from the wheel."""

import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import automtl_core

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
    packages = [folder for folder in folders() if folder != "automtl_core"]
    assert points == {f"{Path(p).name}.plugin" for p in packages if (ROOT / p / "plugin.py").exists()}
    assert points <= {point.value for point in metadata.entry_points(group="automtl")}


def test_the_wheel_holds_the_packages_and_their_data(tmp_path):
    options = "--no-deps --no-build-isolation --no-index --quiet"
    command = [sys.executable, "-m", "pip", "wheel", *options.split()]
    subprocess.run([*command, "--wheel-dir", tmp_path, ROOT], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"{Path(folder).name}/py.typed" for folder in folders()} <= names
    assert {"automtl_desan/presets/paper.yaml", "automtl_export/example.txt"} <= names
    assert {"automtl_core/plugin.pyi", "automtl_testing/__init__.pyi"} <= names
    files = [path for path in (ROOT / "examples").rglob("*") if path.is_file() and "cache" not in str(path)]
    assert {f"automtl_testing/{path.relative_to(ROOT)}" for path in files} <= names
    assert len(files) > 30
    assert not [
        name for name in names if name.startswith(("plugins/", "cli/", "api/", "tests/", "benchmarks/"))
    ]


def test_every_place_of_the_version_is_set_by_the_command_for_releases():
    bump = PROJECT["tool"]["bumpversion"]
    assert bump["current_version"] == automtl_core.__version__
    for file in bump["files"]:
        search = file["search"].format(current_version=bump["current_version"])
        assert (ROOT / file["filename"]).read_text().count(search) == 1, file
