"""Records of runs that were never made, for tests of views."""

from pathlib import Path

from automtl_core.choices import Architecture, Origin
from automtl_core.modules.sharing import Sharing
from automtl_core.run_dir.facts import Search
from automtl_report.record import RunRecord
from automtl_testing.samples import sample_schema

NO_SHARING = Sharing({}, {}, ())


def of_members(parts):
    """Return the sharing of an ensemble of members that share alike, by that of each."""
    sees, reads = {}, {}
    for k, part in enumerate(parts, 1):
        sees |= {f"member {k}/{one}": fields for one, fields in part.sees.items()}
        reads |= {f"member {k}/{one}": [f"member {k}/{o}" for o in read] for one, read in part.reads.items()}
    return Sharing(sees, reads, parts[-1].fields)


SCHEMA = sample_schema()


def record(*facts, decisions=(), sharing=NO_SHARING, schema=SCHEMA, path="runs/a", space=None, **changes):
    """Return a record with some facts of an architecture of the space `desan`."""
    settings = {"models": [{"name": "desan"}] * len(space.members())} if space else {}
    architecture = Architecture(dict(decisions), Origin("desan", settings, schema.to_json(), {}))
    known = {type(fact): fact for fact in facts}
    return RunRecord(Path(path), architecture, sharing, facts=known, space=space, **changes)


def searched(evidence=(), front=(), **changes):
    """Return the record of a search."""
    return record(Search(tuple(evidence), tuple(front)), **changes)


def texts(blocks):
    """Return the sentences among blocks."""
    return [block.text for block in blocks if hasattr(block, "text")]


def blocks(sections, kind):
    """Return the blocks of a kind of all sections."""
    return [block for section in sections for block in section.blocks if isinstance(block, kind)]
