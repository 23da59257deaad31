"""What is installed: a package missing from the list would be silently absent from the wheel."""

import runpy
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
import yaml

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


def test_the_wheel_check_knows_every_package():
    assert PROJECT["tool"]["check-wheel-contents"]["toplevel"] == sorted(Path(f).name for f in folders())


def test_lowest_versions_are_the_bounds_of_all_dependencies():
    script = runpy.run_path(str(ROOT / "scripts" / "lowest_versions.py"))
    lowest = dict(line.split("==") for line in script["constraints"](PROJECT["project"]))
    assert (lowest["torch"], lowest["lightgbm"], lowest["torchjd"]) == ("2.10", "4.6", "0.18")
    assert lowest.keys().isdisjoint({"pytest", "torch-rechub", "twine", "automtl"})
    with pytest.raises(SystemExit, match="'numpy' has no lower bound"):
        list(script["constraints"]({"dependencies": ["numpy"], "optional-dependencies": {}}))


def test_continuous_integration_covers_the_supported_versions():
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
    versions = jobs["test"]["strategy"]["matrix"]["python"]
    assert PROJECT["project"]["requires-python"] == f">={versions[0]}"
    assert {"run": ".ci/run"} in jobs["test"]["steps"]


def test_the_citation_names_the_licence_and_the_paper():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["license"] == PROJECT["project"]["license"]
    assert citation["references"][0]["title"] in (ROOT / "README.md").read_text().replace("\n", " ")
