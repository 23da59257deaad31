"""Every command that README, pages and tutorials show is run, in its order, in one folder a page.

Searches get small settings on top of what is shown. Where samples of real data are at hand, commands on raw
files run on them, with thresholds that leave rows (and the search on `kuairand` with `--dry-run`); elsewhere
they must say what is missing. Of `make` it is only checked what it would do, since that is to install from
the network.
"""

import json
import os
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from projects import installed

from automtl import load
from automtl_cli.app import run
from automtl_cli.errors import Stop
from automtl_core.dataset.dataset import names_of
from automtl_core.registry.kinds import BALANCERS, DATASETS, METRICS, PRESETS, SPACES, STRATEGIES
from automtl_core.registry.plugins import load_registry

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
SHOWN = {"README": README} | {
    name: (ROOT / "docs" / f"{name}.md").read_text()
    for name in ("configuration", "histories", "tables", "models", "datasets", "plugins")
}
"""Pages whose commands are run."""
PAGES = [
    ROOT / "README.md",
    ROOT / "AGENTS.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *(page for folder in ("docs", "research") for page in sorted(ROOT.glob(f"{folder}/**/*.md"))),
]
REAL_DATA = os.environ.get("AUTOMTL_REAL_DATA")

NAMED_KINDS = (BALANCERS, DATASETS, METRICS, PRESETS, SPACES, STRATEGIES)
"""Kinds of plugin objects whose built-in names the pages on models and datasets list."""
EXTRAS = {"export runs": "onnx", "exports/": "onnx", "boosting": "boosting", "--tune": "study"}
"""Word of a command -> the extra that it needs."""
ROWS = " --set dataset.rows=500"
EPOCH = " --set training.epochs=1 --set training.batch_size=256"
QUICK = f"{EPOCH} --set space.experts=2 --set space.embedding_dim=4"
FEW_OPS = " --set space.ops=[identity,mlp-4]"
QUICK_STRATEGIES = {
    "pd-darts": " --set 'strategy={epochs: 1, rounds: 1, rivals: []}'",
    "pd-darts-entropy": " --set 'strategy={warmup_epochs: 1, search_epochs: 1}'",
    "darts": " --set strategy.epochs=1",
    "random": " --set strategy.candidates=2 --set strategy.rung_epochs=1",
}
SAMPLES = {
    "userbehavior": " --set dataset.min_buys=1",
    "ijcai15": " --set dataset.min_purchases=1",
    "kuairand": f" --dry-run{QUICK}{FEW_OPS}",
}


def blocks(page, languages):
    """Return the blocks of code of a page in some languages."""
    return re.findall(rf"^```(?:{languages})\n(.*?)^```$", page, flags=re.DOTALL | re.MULTILINE)


def commands(page):
    lines = "".join(blocks(page, "console|bash")).splitlines()
    return [line.removeprefix("$ ") for line in lines if line]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return {page: tmp_path_factory.mktemp(page) for page in SHOWN}


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Let `pip install` work without a network, into a folder that Python looks into first."""
    folder = tmp_path_factory.mktemp("environment")
    offline = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_QUIET": "1"}
    return {
        **os.environ,
        **offline,
        "PIP_TARGET": str(folder / "site"),
        "PYTHONPATH": str(folder / "site"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "AUTOMTL_DATA": REAL_DATA or str(folder / "no raw files"),
        "OMP_NUM_THREADS": "1",
    }


def adapted(command):
    """Return what is run in place of a command, and the exit code that it must have."""
    if command.startswith("make "):
        return f"make --dry-run {command.removeprefix('make ')}", 0
    if command.startswith("automtl data export synthetic"):
        return command.replace("dataset.rows=20000", "dataset.rows=1000"), 0
    command = re.sub("--seeds [0-9]", "--seeds 1", command)
    for name, options in SAMPLES.items():
        if name in command:
            return command + options, 0 if REAL_DATA else 66
    if not command.startswith(("automtl search", "automtl train", "automtl compare")):
        return command, 0
    quick = EPOCH if "--model average" in command else QUICK
    quick += "" if ".yaml" in command or ".csv" in command else ROWS
    searches = command.startswith("automtl search") or ":" in command
    if searches and "--space mmoe" not in command and "space.ops" not in command:
        quick += FEW_OPS
    if searches:
        strategy = re.search("--strategy ([a-z-]+)", command)
        usual = "pd-darts-entropy" if "--preset paper" in command else "pd-darts"
        quick += QUICK_STRATEGIES[strategy[1] if strategy else usual]
    return command + quick, 0


def marks(command):
    """Return marks for the extras that a command needs."""
    return [pytest.mark.needs_extra(extra) for word, extra in EXTRAS.items() if word in command]


@pytest.mark.parametrize(
    ("page", "command"),
    [
        pytest.param(page, command, marks=marks(command), id=f"{page}-{command}")
        for page, text in SHOWN.items()
        for command in commands(text)
    ],
)
def test_every_command_works(page, command, folders, environment, monkeypatch, capsys):
    line, code = adapted(command)
    written = page == "plugins" and "./" in command  # by a command before
    where = ROOT if command.startswith(("make ", "pip ")) and not written else folders[page]
    if command.startswith("automtl "):
        if page == "plugins":  # which installs one
            monkeypatch.syspath_prepend(environment["PYTHONPATH"])
        monkeypatch.chdir(where)
        monkeypatch.setenv("AUTOMTL_DATA", environment["AUTOMTL_DATA"])
        assert run(shlex.split(line)[1:], Stop()) == code, capsys.readouterr()
        return
    done = subprocess.run(
        ["bash", "-c", line], cwd=where, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr


def test_the_demo_ends_with_the_verdict_on_its_search(tmp_path, monkeypatch):
    printed = subprocess.run(
        ["make", "--dry-run", "demo"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    lines = re.findall("^OMP_NUM_THREADS=1 .* (automtl (?:search|compare) .*)$", printed, re.MULTILINE)
    assert len(lines) == 2
    monkeypatch.chdir(tmp_path)
    for line in lines:
        small = line.replace("dataset.rows=20000", "dataset.rows=1000")
        small += " --set 'strategy={epochs: 1, rivals: []}'" if "search" in line else ""
        few = " --set training.epochs=1 --set training.min_positives=2"
        assert run(shlex.split(small + few)[1:], Stop()) == 0
    sentence = runpy.run_path(str(ROOT / "scripts" / "demo.py"))["sentence"](Path("comparisons/demo"))
    (verdict,) = json.loads(Path("comparisons/demo/compare.json").read_text())["verdicts"].values()
    assert sentence.endswith(f": {verdict}")
    assert " mmoe " in verdict
    assert "FLOPs" in verdict


def test_every_target_that_pages_name_is_in_the_makefile():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    pages = "\n".join(page.read_text() for page in PAGES)
    named = set(re.findall(r"(?:`|^|\$ )make ([a-z-]+)", pages, re.MULTILINE))
    assert {"demo", "test"} <= named <= targets


def test_the_table_of_datasets_is_complete():
    registry = load_registry()
    table = SHOWN["datasets"].split("\n## ")[0]
    rows = dict(re.findall(r"^\| `([a-z0-9-]+)` \| (.*?) \|", table, re.MULTILINE))
    assert set(rows) == set(registry.names(DATASETS))
    del rows["table"]  # has the labels that its user names
    for name, tasks in rows.items():
        cls = registry.get(DATASETS, name)
        assert tasks.split(", ") == names_of(cls(cls.settings_class()).labels)


@pytest.mark.parametrize("kind", NAMED_KINDS, ids=lambda kind: kind.plural)
def test_all_that_comes_with_automtl_is_named(kind):
    own = [row for row in load_registry().rows if row.distribution == "automtl"]
    code = " ".join(re.findall(r"`([^`\n]+)`", SHOWN["models"] + SHOWN["datasets"]))
    words = set(re.split(r"[\s:,=]+", code))
    assert {name for row in own for name in row.provides.get(kind.plural, ())} <= words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        assert link.startswith("https://") or (page.parent / link).exists(), link


TUTORIALS = ROOT / "docs" / "tutorials"
PROJECTS = {
    "space": (),
    "strategy": (),
    "dataset": (),
    "serving": ("app.py",),
    "ranking": ("make_log.py",),
    "days": ("make_days.py",),
}
"""Tutorial -> the files of its folder, in the order in which its tutorial shows them."""
FEW_ROWS = " --set dataset.rows=500 --set training.epochs=1 --set features=ids"
ENCODED = " --set features=ids --set training.embedding_decay=0.01"
RANDOM = " --set strategy.candidates=2 --set strategy.rung_epochs=1"
QUICK_TUTORIALS = {
    "space": f"{FEW_ROWS}{RANDOM}",
    "strategy": f"{FEW_ROWS} --set strategy.epochs=1 --set space.experts=2 --set space.ops=[identity,mlp-4]",
    "dataset": " --set training.epochs=1 --set features=ids",
    "serving": FEW_ROWS,
    "ranking": f"{ENCODED} --set training.epochs=1",
    "days": f"{ENCODED} --set training.epochs=4 --set 'strategy={{epochs: 1, rivals: []}}'"
    " --set space.experts=1 --set space.ops=[identity,mlp-4]",
}
"""Settings on top of those that a tutorial shows, for searches and trainings."""


def tutorial(name):
    return (TUTORIALS / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PROJECTS)
def test_a_page_shows_the_code_of_its_folder(name):
    folder = TUTORIALS / name
    code = [(folder / file).read_text("utf-8") for file in PROJECTS[name]]
    shown, held = ("".join(texts).splitlines() for texts in (blocks(tutorial(name), "python"), code))
    assert [line for line in shown if line.strip()] == [line for line in held if line.strip()]
    assert {path.name for path in folder.glob("*.*")} == {*PROJECTS[name]}


def movies(folder):
    """Write ratings in the layout of MovieLens."""
    folder.mkdir()
    ratings = pd.DataFrame(
        {"userId": [n % 40 for n in range(800)], "movieId": [n * 7 % 31 for n in range(800)]}
    )
    ratings["rating"] = (ratings.userId + ratings.movieId) % 10 / 2 + 0.5
    ratings["timestamp"] = range(964982703, 964982703 + 800)
    ratings.to_csv(folder / "ratings.csv", index=False)
    films = pd.DataFrame({"movieId": range(31), "title": "A, B (1999)", "genres": "Comedy|Drama"})
    films.to_csv(folder / "movies.csv", index=False)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.needs_extra("onnx")] if name == "serving" else [])
        for name in PROJECTS
    ],
)
def test_all_commands_work(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    movies(tmp_path / "ml-latest-small")
    done = []
    for command in commands(tutorial(name).split("```bash")[0]):
        done.append(command.split()[0])
        if command.startswith("pip install -e "):
            project = ROOT / command.split()[-1]
            installed(project, tmp_path / "site")
            monkeypatch.syspath_prepend(tmp_path / "site")
            monkeypatch.syspath_prepend(project)
        elif command.startswith("python make"):
            made = (TUTORIALS / name / command.split()[1]).read_text("utf-8")
            exec(made.replace("12_000", "6_000").replace(" 6000", " 600"), {})  # noqa: S102 - fewer rows
        elif command.startswith("python exports/"):
            words = command.split()[1:]
            monkeypatch.setattr(sys, "argv", words)
            runpy.run_path(words[0], run_name="__main__")
        else:
            kinds = ("search", "train", *(["compare"] if name == "ranking" else []))
            trains = command.split()[1] in kinds and "--dry-run" not in command
            line = command + QUICK_TUTORIALS[name] if trains else command
            assert run(shlex.split(line)[1:], Stop()) == 0, capsys.readouterr()
    assert "automtl" in done
    if name == "days":
        folders = (tmp_path / "exports" / one for one in ("served", "feed-tuesday-onnx"))
        served, exported = ({p.name: p.read_bytes() for p in f.rglob("*.*")} for f in folders)
        assert served == exported
    if name == "serving":
        serve(tmp_path, monkeypatch)


def serve(folder, monkeypatch):
    """Test the service on the exported model, and compare its predictions with those of the run."""
    pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install 'automtl[dev]'")
    pytest.importorskip("httpx2", reason="httpx2 is not installed: pip install 'automtl[dev]'")
    from fastapi.testclient import TestClient

    monkeypatch.setattr(sys, "path", [*sys.path])  # to which the service adds the folder
    client = TestClient(runpy.run_path(str(TUTORIALS / "serving" / "app.py"))["app"])
    del sys.modules["encode"]
    frame = pd.DataFrame(json.loads((folder / "served" / "examples.json").read_text("utf-8")))
    answer = client.post("/predict", json=json.loads(frame.to_json(orient="records")))
    wrong = client.post("/predict", json=[{"user_id": {"a": 1}}])
    assert (wrong.status_code, "user_id" in wrong.json()["detail"]) == (422, True)
    expected = load(folder / "runs" / "feed").predict(frame)
    pd.testing.assert_frame_equal(pd.DataFrame(answer.json()), expected, rtol=1e-4, check_dtype=False)
