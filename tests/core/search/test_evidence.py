"""Evidence and points as JSON."""

import json

from automtl_core.search.evidence import Evidence, Point


def test_what_is_written_is_read_back() -> None:
    closed = Evidence(
        "layer0/expert0/single", "noise", "closed", "no effect: cheapest", None, 1e-4, 2e-4, 320, 2048
    )
    point = Point("mmoe", {"op": "mlp-64", "fields": ("a", "b")}, 0.5, 0.0, 0.8, 10, 20, trained=True)
    for value in (closed, point):
        text = json.dumps(value.to_json())
        assert type(value).from_json(json.loads(text), "here") == value
