"""The tutorials work: pages show the files of their folders, and all commands are run."""

import json
import re
import runpy
import shlex
import sys
from pathlib import Path

import pandas as pd
import pytest
from projects import installed

from automtl import load
from automtl_cli.app import run
from automtl_cli.errors import Stop

from .test_readme import commands

ROOT = Path(__file__).parents[2]
TUTORIALS = ROOT / "docs" / "tutorials"
PROJECTS = {
    "space": (),
    "strategy": (),
    "dataset": (),
    "serving": ("app.py",),
    "ranking": ("make_log.py",),
    "days": ("make_days.py",),
}
"""Tutorial -> the files of its folder, in the order in which its page shows them."""
ROWS = " --set dataset.rows=500 --set training.epochs=1 --set features=ids"
ENCODED = " --set features=ids --set training.embedding_decay=0.01"
RANDOM = " --set strategy.candidates=2 --set strategy.rung_epochs=1"
QUICK = {
    "space": f"{ROWS}{RANDOM}",
    "strategy": f"{ROWS} --set strategy.epochs=1 --set space.experts=2 --set space.ops=[identity,mlp-4]",
    "dataset": " --set training.epochs=1 --set features=ids",
    "serving": ROWS,
    "ranking": f"{ENCODED} --set training.epochs=1",
    "days": f"{ENCODED} --set training.epochs=4 --set 'strategy={{epochs: 1, rivals: []}}'"
    " --set space.experts=1 --set space.ops=[identity,mlp-4]",
}
"""Settings on top of those that a page shows, for searches and trainings."""


def page(name):
    return (TUTORIALS / f"{name}.md").read_text(encoding="utf-8")


def shown(name, language):
    """Return the lines of all blocks of a language, without blank ones."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", page(name), flags=re.DOTALL | re.MULTILINE)
    return [line for line in "".join(blocks).splitlines() if line.strip()]


def lines(*files):
    """Return the lines of files, one after the other, without blank ones."""
    return [line for file in files for line in file.read_text("utf-8").splitlines() if line.strip()]


@pytest.mark.parametrize("name", PROJECTS)
def test_a_page_shows_the_code_of_its_folder(name):
    folder = TUTORIALS / name
    assert shown(name, "python") == lines(*(folder / file for file in PROJECTS[name]))
    assert {path.name for path in folder.glob("*.*")} == {*PROJECTS[name]}


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that makes the entry points of a project known, as `pip install -e .` does."""

    def install(folder):
        installed(folder, tmp_path / "site")
        monkeypatch.syspath_prepend(tmp_path / "site")
        monkeypatch.syspath_prepend(folder)

    return install


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
        "space",
        "strategy",
        "dataset",
        "ranking",
        "days",
        pytest.param("serving", marks=pytest.mark.needs_extra("onnx")),
    ],
)
def test_all_commands_work(name, install, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    movies(tmp_path / "ml-latest-small")
    done = []
    for command in commands(page(name).split("```bash")[0]):
        done.append(command.split()[0])
        if command.startswith("pip install -e "):
            install(ROOT / command.split()[-1])
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
            line = command + QUICK[name] if trains else command
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
