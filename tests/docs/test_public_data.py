"""The configurations of public tables read files in the layout of their publishers."""

import random
import re
from pathlib import Path

import pytest

from automtl_core.registry.plugins import load_registry
from automtl_core.system.strict_yaml import parse_yaml
from automtl_core.workflow.workflow import Workflow

TEXT = (Path(__file__).parents[2] / "docs/public-data.md").read_text("utf-8")
CONFIGURATIONS = re.findall(r"```yaml\n(.*?)```", TEXT, flags=re.DOTALL)
PERSON = (
    "73, Not in universe, 0, 0, {education}, {wage}, Not in universe, {marital}, Not in universe or "
    "children, Not in universe, White, All other, {sex}, Not in universe, Not in universe, Not in "
    "labor force, {gain}, 0, 0, Nonfiler, Not in universe, Not in universe, Other Rel 18+ ever marr "
    "not in subfamily, Other relative of householder,1700.09, ?, ?, ?, Not in universe under 1 year "
    "old, ?, 0, Not in universe, United-States, United-States, United-States, Native- Born in the "
    "United States, 0, Not in universe, 2, 0, 95, {income}"
)
VALUES = {
    "education": ["Children", "High school graduate"],
    "wage": ["0", "500"],
    "marital": ["Never married", "Widowed"],
    "sex": ["Female", "Male"],
    "gain": ["0", "7688"],
    "income": ["- 50000.", "50000+."],
}


def census(folder, draw):
    for name, rows in (("census-income.data", 200), ("census-income.test", 80)):
        people = [{key: draw.choice(values) for key, values in VALUES.items()} for _ in range(rows)]
        (folder / name).write_text("".join(PERSON.format(**person) + "\n" for person in people))


def movielens(folder, draw):
    rows = [
        f"{draw.randrange(20)},{draw.randrange(30)},{draw.choice([0.5, 3.0, 4.0, 5.0])},{964980000 + place}"
        for place in range(300)
    ]
    (folder / "ratings.csv").write_text("\n".join(["userId,movieId,rating,timestamp", *rows, ""]))


@pytest.mark.parametrize(
    ("place", "write", "rows", "tasks"),
    [(0, census, [180, 20, 80], ["high_income", "never_married"]), (1, movielens, None, ["liked", "loved"])],
)
def test_a_configuration_reads_the_files_of_the_publisher(tmp_path, monkeypatch, place, write, rows, tasks):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, random.Random(0))
    workflow = Workflow(load_registry())
    layer = parse_yaml(CONFIGURATIONS[place], "docs/public-data.md") | {"data_dir": str(tmp_path)}
    prepared = workflow.prepare(workflow.job([layer]))
    assert rows is None or [len(prepared.part(name)) for name in ("train", "validation", "test")] == rows
    assert [task.name for task in prepared.schema.tasks] == tasks
    labels = prepared.part("train").labels
    assert ((labels == 0) | (labels == 1)).all()
    assert (labels.mean(0) > 0).all()
    assert (labels.mean(0) < 1).all()


def test_every_configuration_of_the_page_is_tried():
    assert len(CONFIGURATIONS) == 2
