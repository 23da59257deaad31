"""The benchmark of histories measures every input, on a small problem."""

from histories import INPUTS, LENGTH, measured, rows_of, schema


def test_every_input_is_measured(monkeypatch) -> None:
    monkeypatch.setattr("histories.BATCHES", 1)
    found = measured(items=50, rows=16, repeats=1)
    names = [row["inputs"] for row in found]
    assert names[: len(INPUTS)] == ["no history", *map(" + ".join, INPUTS[1:])]
    assert found[0]["x"] == 1


def test_rows_have_full_histories() -> None:
    part = rows_of(schema(50), 100)
    padded = part.histories[0].padded(slice(None))
    assert padded.known.all()
    assert padded.known.shape == (100, LENGTH)
