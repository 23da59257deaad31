"""What is shown of made-up runs, word by word; `pytest --update-golden tests/report` writes it anew."""

import itertools
import re
from dataclasses import replace
from pathlib import Path

import pytest

from automtl_cli.terminal import rendered
from automtl_core.choices import Architecture
from automtl_core.modules.cost import Cost
from automtl_core.modules.sharing import Sharing
from automtl_core.run_dir.facts import Calibration, Costs, Data, EncodingSearch, Result, Search
from automtl_core.search.encoding.search import EncodingSearchResult, EncodingTrial, OtherView
from automtl_core.search.evidence import EVERYWHERE, Evidence, Point
from automtl_core.training.calibration import Platt
from automtl_core.training.events import EpochEnded
from automtl_core.workflow import new_rows
from automtl_core.workflow.evaluation import Evaluation
from automtl_inspection.baselines import Baseline, Baselines
from automtl_inspection.behaviour import Behaviour, ExpertUse
from automtl_inspection.importance import FieldEffect, Importance
from automtl_inspection.sections import Grid
from automtl_report import outcome as outcomes
from automtl_report.plain import cell, markdown
from automtl_report.run import SECTIONS, outcome, show
from automtl_report.run_list import Summary
from automtl_testing.samples import binary_metrics, regression_metrics, sample_schema
from tests.shared.records import blocks, of_members, record

SCHEMA, BINARY = sample_schema(), sample_schema(regression=False)
TASKS = [task.name for task in SCHEMA.tasks]
FIELDS = tuple(SCHEMA.fields())
CHOSEN = Point("search", {}, 0.2, None, 0.7835, 68_000, 10, trained=True, chosen=True)
MMOE = Point("mmoe", {}, 0.21, 0.001, 0.7844, 136_000, 10, True, overrides={"space": {"name": "mmoe"}})
FRONT = (
    replace(CHOSEN, name="level", flops_per_row=17_000, chosen=False, test_loss=0.193, test_error=0.002),
    replace(CHOSEN, test_loss=0.19, test_error=0.0),
    replace(MMOE, test_loss=0.21, test_error=0.002),
    replace(MMOE, name="ple", loss=0.19, overrides={}),
    replace(MMOE, name="partial", loss=0.3, error=None, overrides={}),
    replace(MMOE, name="boosting", loss=0.2031, error=0.002, flops_per_row=0, overrides={}),
    Point("evolution 1.1", {}, 0.1, 0.1, 0.79, 10_000, 10),
)
NO_EFFECT = "no significant effect"
EVIDENCE = (
    Evidence(f"task/{TASKS[0]}/experts", "e1", "closed", NO_EFFECT, None, 0.001, 0.001),
    Evidence("layer0/e0/single", FIELDS[0], "kept", "required", None, 0.01, 0.001, 320, 2048, p=1e-4),
    Evidence(
        "layer0/e0/block0", "mlp-8", "chosen", "better", "identity", -1.2e-3, 3e-4, -96, epoch=4, p=2e-4
    ),
    Evidence("layer0/e1/block0", "mlp-8", "chosen", "at chance", certainty=0.001, epoch=5),
    Evidence("layer0/e0/single", FIELDS[3], "closed", "better", None, -2e-3, 1e-4),
    Evidence("layer0/e1/single", FIELDS[3], "closed", "better", None, -2e-3, 1e-4),
    Evidence(EVERYWHERE, FIELDS[2], "closed", NO_EFFECT, None, -0.001, 0.001),
)
DECISIONS = {
    **{f"task/{task}/experts": ("e0",) for task in TASKS},
    "layer0/e0/single": FIELDS[:2],
    "layer0/e0/block0": "mlp-8",
    "layer0/e1/single": (),
    "layer0/e10/block0": "identity",
}
SHARING = Sharing({"layer0/e0": FIELDS[:2]}, {f"task/{task}": ("layer0/e0",) for task in TASKS}, FIELDS)
OFF = {"aggregates": (), "numbers": "standard", "history": (), "embedding_decay": 0.01}
PAST = {**OFF, "history": ("matches", "last-3")}
KEYED = {**PAST, "aggregates": ({"key": ("a", "b")}, {"key": ("c",)})}
TRIED = tuple(map(EncodingTrial, (OFF, PAST, KEYED), (0.7, 0.7014, 0.7032)))
ENCODINGS = EncodingSearchResult(KEYED, TRIED, measure="AUC", other_view=OtherView("GAUC", -0.05, 0.01))
CLICK = binary_metrics(0.71, 0.5, 1200, 4000)
LIKE = replace(CLICK, values={**CLICK.values, "auc": 0.73})
LEAKED = Baseline("AUC", 0.999, 0.001, 0, "item", 0.99, 0)
CHANCE, ALIKE = (
    Baseline("AUC", 0.5, 0.01, 0.7, "item", 0.49, 0.5),
    Baseline("AUC", 0.7, 0.01, 1e-9, "item", 0.71, 0.9),
)
RESULT = Result(
    best_epoch=2, parameters=84_388, parameters_beside_embeddings=27_588, flops_per_row=54_432,
    validation={"click": replace(CLICK, values={**CLICK.values, "auc": 0.72})}, files={},
    test={"click": CLICK, "price": regression_metrics(9.0, 0.4, 0.1, 4000), "like": LIKE},
)  # fmt: skip


BASELINES = Baselines({"click": LEAKED, "like": ALIKE})
COSTS = Costs({"search": 130.0, "encoding_search": 6.1}, None)


def effect(drop, verdict, measure="AUC"):
    return FieldEffect(measure, drop, drop - 0.001, drop + 0.001, 0.004, verdict)


IMPORTANCE = Importance(
    7184,
    {
        "item": {"click": effect(0.0, "no effect"), "price": effect(-0.0001, "no effect", "R2")},
        "user": {"click": effect(0.02, "matters"), "price": effect(0.3, "unclear", "R2")},
        "age": {"click": effect(0.01, "matters"), "price": effect(0.05, "matters", "R2")},
        "rare": {"click": FieldEffect("AUC")},
    },
)
TRUTH = {"noise": [FIELDS[1]], "tasks": {TASKS[0]: {"fields": FIELDS[:1]}, TASKS[1]: {"fields": FIELDS[2:3]}}}
USE = ExpertUse(
    10, {f"task/{task}": {"e0": 0.99, "e1": 0.01} for task in TASKS},
    {"task": {"e0": {"e0": 1.0, "e1": 0.99}, "e1": {"e0": 0.99, "e1": 1.0}}},
)  # fmt: skip
EPOCHS = [
    EpochEnded(phase, epoch, {"click": 1 / epoch}, {"click": binary_metrics(epoch / 9, 1, 9, 20)}, 1.0, 1.0)
    for phase, epoch in (("warm-up", 1), ("search", 2), ("mmoe", 3), ("mmoe", 4), ("search", 5), ("refit", 6))
]


class Space:
    """A space with a cost for one decision, and members."""

    settings = None

    def __init__(self, members=(), own=None):
        self.of_members, self.own = members, own

    def members(self):
        return {f"member {k}": Space(own=own) for k, own in enumerate(self.of_members, 1)}

    def sharing(self, architecture):
        return self.own

    def landmarks(self):
        return {"mmoe": None}

    def cost(self, architecture):
        return Cost(5, 4, 1000)

    def costs_of(self, architecture):
        return {
            name: Cost(3, 3, 600) if "block0" in name else Cost(0, 0, 0) for name in architecture.decisions
        }


def made(*facts, schema=SCHEMA, **changes):
    data = Data("x", 1, {}, {}, "", schema.to_json(), {}, TRUTH)
    found = record(data, RESULT, COSTS, BASELINES, *facts, schema=schema, **changes)
    found.__dict__["epochs"] = EPOCHS
    return found


def members():
    """Return the record of three members, of which two have the same architecture."""
    parts = [SHARING, Sharing({"layer0/e0": ()}, {}, FIELDS), SHARING]
    one, other = Architecture(DECISIONS), Architecture({**DECISIONS, "layer0/e0/single": ()})
    decisions = Architecture.ensemble([one, other, one]).decisions
    return made(decisions=decisions, sharing=of_members(parts), space=Space(parts))


OF_LINEAR = {"space": {"name": "linear"}}
LINEAR = replace(CHOSEN, name="linear", loss=0.203, error=0.002, chosen=False, overrides=OF_LINEAR)
TREES = (replace(CHOSEN, name="boosting", flops_per_row=0), replace(MMOE, loss=0.201, error=0.002))
MEANS = {"space": {"name": "average", "models": [{"name": "desan"}, {"name": "linear"}]}}
MEAN = replace(MMOE, name="blend of 2", loss=0.1, error=None, chosen=True, overrides=MEANS)
NOTHING = Baselines({"click": CHANCE, "buy": CHANCE})
OF_LEVELS = ExpertUse(9, {"level0/a": {"x": 1.0}, "task/a": {"x": 0.3, "y": 0.7}}, {})
REFRESHES = {"never": {"click": 0.69}, "1d": {"click": None}, "always": {"click": 0.7}}
OVERRIDES = {"space": {"members": 1}, "training": {"learning_rate": 0.1}}
RUNS = {
    "searched": made(
        Search(EVIDENCE, FRONT, OVERRIDES), IMPORTANCE, EncodingSearch(ENCODINGS), Behaviour(USE, {}),
        decisions=DECISIONS, sharing=SHARING, space=Space(), path="runs/my run",
    ),
    "gated": made(
        Search(EVIDENCE[:2], (replace(CHOSEN, chosen=False, error=0.001), LINEAR, MEAN)), NOTHING,
        replace(RESULT, test={"click": CLICK, "like": LIKE}), Behaviour(None, {}, refreshes=REFRESHES),
        decisions=DECISIONS, sharing=replace(SHARING, gates=("task/click",)), schema=BINARY, unasked="x",
    ),
    "trees": made(
        Search((), TREES, MMOE.overrides), RESULT, Baselines({"like": ALIKE}),
        sharing=replace(SHARING, sees={"layer0/e0": FIELDS}), min_positives=2000
    ),
    "members": members(),
    "hand": made(
        replace(RESULT, test={"click": CLICK}, flops_per_row=0, parameters=0), Search((), (CHOSEN,)),
        EncodingSearch(EncodingSearchResult(OFF, why="few rows")),
        Behaviour(OF_LEVELS, {}, log_loss_without_scaling={"click": 0.75}),
        Calibration({"click": Platt(1.5, -0.25, 300, 0.7, 0.6)}),
        Importance(100, {"item": IMPORTANCE.effects["item"]}),
    ),
}  # fmt: skip
OF_FILES = {"data", "configuration"}


def drawn(sections):
    """Return sections with their charts among the blocks."""
    return [replace(section, blocks=[*section.blocks, *section.more]) for section in sections]


def shown(run):
    """Return all that is shown of a run."""
    parts = {"show": show(run), "show all": show(run, True, True), "after a search": outcome(run)}
    parts |= {name: drawn(section(run)) for name, (section, _) in SECTIONS.items() if name not in OF_FILES}
    pages = [markdown(f"{name} ==", sections) for name, sections in parts.items()]
    return "\n".join(pages)


def others():
    """Return how the outcomes of other commands are shown."""
    repeats = Evaluation(Path("runs/a"), {"click": CLICK}, True, 1, ())
    done = Summary("runs/one", "done", "synthetic", "f1", "mmoe", 3, 0.75, 0.76, {"click": 0.75}, 12_345, 8.4)
    stopped = Summary("runs/two", "stopped", "synthetic", "f2", "desan:random", 0)
    damaged = Summary("runs/three", "damaged", note="config.yaml: cannot be read")
    sections = [
        outcomes.evaluation(repeats),
        outcomes.evaluation(replace(repeats, repeats=False)),
        outcomes.tested(new_rows.Tested(Path("runs/a"), {"click": CLICK}, 4000, ("line 3", "line 9"), 2, 1)),
        outcomes.predicted(
            new_rows.Predicted("runs/a", "out.csv", 12, 0, (), ("click",), {"click": "probability"})
        ),
        outcomes.listed(Path("runs"), [done, stopped, damaged]),
        outcomes.listed(Path("nowhere"), []),
    ]
    return markdown("outcomes", sections)


@pytest.mark.parametrize("name", [*RUNS, "others"])
def test_what_is_shown_is_the_golden_file(name, golden):
    lines = rendered(outcome(RUNS[name])).splitlines() if name in RUNS else []
    assert sum(max(1, -(-len(line) // 100)) for line in lines) <= 25, "at 100 columns"
    golden(f"{name}.md", others() if name == "others" else shown(RUNS[name]))


PAGE = ("first", "page", "folded")


def figures(run, faces, sections=tuple(name for name in SECTIONS if name not in OF_FILES)):
    """Return the numbers in tables of faces by the words of their row and by column; none is told twice."""
    told = {}
    for section, shown_by in map(SECTIONS.__getitem__, sections):
        for grid in blocks(section(run), Grid) if {*faces} & {*shown_by} else ():
            for row in grid.rows:
                cells = [cell(value).split(" [")[0] for value in row]  # the end of a command has no intervals
                words = tuple(one for one in cells if not re.match(r"[-+.\d]|$", one))
                numbers = {(words, name): one for name, one in zip(grid.header, cells, strict=True) if one}
                assert words
                assert not told.keys() & numbers.keys()
                told |= numbers
    return told


@pytest.mark.parametrize("name", RUNS)
def test_each_figure_is_told_once_and_alike_by_all_faces_and_the_document(name):
    run = RUNS[name]
    faces = [figures(run, faces) for faces in (["end"], ["show"], PAGE)]
    for one, other in itertools.combinations(faces, 2):
        assert (common := one.keys() & other.keys())
        assert {key: one[key] for key in common} == {key: other[key] for key in common}
    known = run.to_json()["result"]["test"]
    for ((task, *_), column), shown in figures(run, PAGE, ["tests"]).items():
        if column != "task" and task != "mean":
            values = [value for value in known[task.rstrip(" *")].values() if isinstance(value, int | float)]
            assert pytest.approx(float(shown.replace(",", "")), abs=5e-5) in values
