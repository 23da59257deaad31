"""The columns that the network of a run does not read, so that new rows need not have them."""

from collections.abc import Collection
from dataclasses import replace

import numpy as np
from torch import nn

from automtl_core.data.drawn import drawn
from automtl_core.data.encoder import Encoder
from automtl_core.data.part import Bags, Part
from automtl_core.dataset.schema import Schema
from automtl_core.training.compute import Compute
from automtl_core.training.loop import predict

ROWS = 64
"""Number of random rows on which predictions may not depend on an unread field."""


def unread_columns(
    network: nn.Module, encoder: Encoder, closed: Collection[str], compute: Compute
) -> list[str]:
    """Return the columns that fields alone read which the network does not.

    Spaces derive the closed fields from the names of decisions. A network that reads one of them all the
    same, against its names, reads all columns here.

    Args:
        network: The trained network.
        encoder: Its encoder.
        closed: Names of the fields that the network does not read, see `Sharing.unread`.
        compute: Device and precision.

    """
    schema = encoder.schema
    shared = {name for history in schema.histories for name in history.shared}
    fields = [name for name in schema.fields() if name in closed and name not in shared]
    rows = drawn(schema, ROWS)
    full, blank = (predict(network, one, ROWS, compute) for one in (rows, _without(rows, schema, fields)))
    if not fields or not np.array_equal(full, blank):
        return []
    read = {c for name in schema.fields() if name not in fields for c in encoder.fields[name].reads(name)}
    columns = dict.fromkeys(c for name in fields for c in encoder.fields[name].reads(name))
    return [column for column in columns if column not in read | shared]


def _without(rows: Part, schema: Schema, fields: Collection[str]) -> Part:
    """Return rows with blanks in some fields."""
    ids, dense, bags = rows.ids.copy(), rows.dense.copy(), dict(rows.bags)
    for place, field in enumerate(schema.sparse):
        if field.name in fields and field.kind == "bag":
            bags[place] = Bags(np.zeros(len(rows) + 2, np.int64), np.zeros(0, np.int32))
        elif field.name in fields:
            ids[:, place] = 0
    for place, number in enumerate(schema.dense):
        if number.name in fields:
            dense[:, place] = np.nan
    return replace(rows, ids=ids, dense=dense, bags=bags)
