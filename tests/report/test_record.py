"""What was found: from a run and from a file, also where the space cannot be asked."""

import json
import shutil
from dataclasses import replace

import pytest

from automtl_core.choices import AnyOf, Architecture, of_member
from automtl_core.errors import ArtifactError, InputMissingError
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.facts import Search
from automtl_core.search.evidence import Evidence
from automtl_core.workflow.versions import origin
from automtl_inspection.behaviour import Behaviour
from automtl_report.record import Price, read_record
from tests.core.workflow.lines import start

REGISTRY = load_registry()
EVIDENCE = (Evidence("layer0/expert0/single", "noise_small", "closed", "no significant effect"),)


@pytest.fixture
def run(small, tmp_path):
    """A run that has found an architecture: expert0 of each layer is read, and sees one field."""
    job = small(dataset={"rows": 300})
    prepared = job.prepare()
    space = job.space(prepared)
    found = {n: c.options if isinstance(c, AnyOf) else c.options[0] for n, c in space.choices().items()}
    found |= {name: ("expert0",) for name in found if name.endswith("/experts")}
    found |= {"layer0/expert0/single": ("noise_small", "user_id"), "layer0/expert0/interaction": ()}
    found |= {"layer0/expert0/single": ("user_id", "noise_small")}
    with start(job, prepared, tmp_path / "run") as run:
        run.write_architecture(Architecture(found, origin(job.registry, job.config.space, space)))
        run.write(Search(EVIDENCE))
    return run


def test_a_run_tells_who_reads_what_and_why(run):
    found = read_record(run.path, REGISTRY)
    assert found.architecture == run.architecture()
    assert found.unasked is None
    assert found.sharing.sees == {"layer0/expert0": ("user_id", "noise_small")}
    assert found.search.evidence == EVIDENCE
    told = json.loads(json.dumps(found.to_json()))
    assert told["architecture"] == json.loads((run.path / "architecture.json").read_text())
    assert told["sharing"]["closed"][:2] == ["item_id", "appeal"]
    assert told["evidence"][0]["option"] == "noise_small"


def test_a_run_of_before_tells_its_architecture(run):
    (run.path / "search.json").unlink()
    assert read_record(run.path, REGISTRY).search == Search()


def test_a_file_tells_who_reads_what(run, tmp_path):
    shutil.copy(run.path / "architecture.json", tmp_path / "mine.json")
    found = read_record(tmp_path / "mine.json", REGISTRY)
    assert found.sharing == read_record(run.path, REGISTRY).sharing
    assert found.search == Search()
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(InputMissingError, match=r"architecture\.json: cannot be read"):
        read_record(folder, REGISTRY)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda found: replace(found, origin=None), "does not name its search space"),
        (lambda found: replace(found, origin=replace(found.origin, space="gone")), "called 'gone'"),
        (lambda found: replace(found, origin=replace(found.origin, settings={"x": 1})), "space.x"),
        (lambda found: replace(found, decisions={**found.decisions, "more": "a"}), "more: no such choice"),
    ],
)
def test_where_the_space_cannot_be_asked_the_decisions_tell(run, tmp_path, change, why):
    found = change(run.architecture())
    (tmp_path / "mine.json").write_text(found.to_json())
    told = read_record(tmp_path / "mine.json", REGISTRY)
    assert why in told.unasked
    assert told.price is None
    assert told.sharing.reads["task/click"] == ("layer1/expert0",)
    if found.origin:
        assert told.sharing.sees["layer0/expert0"] == ("user_id", "noise_small")
        assert told.sharing.sees["layer0/expert1"] == told.sharing.fields, "it leads nowhere"


def two(one):
    """Return the mean of two equal networks."""
    model = {"name": one.origin.space, **one.origin.settings}
    origin = replace(one.origin, space="average", settings={"models": [model, model]})
    return replace(Architecture.ensemble([one, one]), origin=origin)


@pytest.mark.parametrize("space", ["desan", "gone"])
def test_each_member_of_an_ensemble_is_told_also_where_the_space_cannot_be_asked(run, tmp_path, space):
    one = replace(run.architecture(), origin=replace(run.architecture().origin, space=space))
    (tmp_path / "one.json").write_text(one.to_json())
    (tmp_path / "two.json").write_text(two(one).to_json())
    single, both = (read_record(tmp_path / f"{name}.json", REGISTRY) for name in ("one", "two"))
    assert both.unasked == single.unasked
    for member in ("member 1", "member 2"):
        assert of_member(member, both.sharing.sees) == single.sharing.sees
    assert both.sharing.fields == single.sharing.fields
    assert space == "gone" or [own.sharing for _, own in both.networks()] == 2 * [single.sharing]


def test_a_schema_that_is_none_is_damaged(run, tmp_path):
    found = run.architecture()
    broken = replace(found, origin=replace(found.origin, schema={"sparse": 1}))
    (tmp_path / "mine.json").write_text(broken.to_json())
    with pytest.raises(ArtifactError, match="not a schema"):
        read_record(tmp_path / "mine.json", REGISTRY)


def priced(folder, architecture):
    (folder / "priced.json").write_text(architecture.to_json())
    return read_record(folder / "priced.json", REGISTRY)


def test_a_network_its_decisions_and_those_of_each_member_have_a_price(run, tmp_path):
    found = run.architecture()
    alone = priced(tmp_path, found).price
    assert alone.answers.keys() == found.decisions.keys()
    assert 0 < alone.answers["layer0/expert0/single"].flops_per_row < alone.network.flops_per_row
    assert Price.from_json(json.loads(json.dumps(alone.to_json())), "") == alone
    both = priced(tmp_path, two(found))
    assert dict(both.members) == {"member 1": "desan", "member 2": "desan"}
    assert [member.price for _, member in both.networks()] == [alone, alone]
    assert both.price.network.flops_per_row == 2 * alone.network.flops_per_row


def test_a_finished_run_has_all_facts(small_record):
    behaviour = small_record.read(Behaviour)
    assert behaviour.expert_use is not None
    assert {task.name for task in small_record.schema.tasks} == {*behaviour.calibration}
    assert "past:last1" in small_record.schema.history_inputs()
    epochs = [epoch.epoch for epoch in small_record.epochs]
    assert epochs == list(range(1, len(epochs) + 1))
    unknown = replace(small_record, path=small_record.path.with_name("gone"), facts={})
    assert unknown.get(Behaviour) is None
