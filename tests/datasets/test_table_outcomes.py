"""Outcomes of events that a log holds as texts in one column, such as view, cart and buy."""

import numpy as np
import pandas as pd
import pytest

import automtl
from automtl_core.data.store import PARTS
from automtl_core.errors import DataError, UsageError
from tests.datasets.tables import table

ACTIONS = ("view", "cart", "buy")
OUTCOMES = [f"event={action}" for action in ACTIONS]
SETTINGS = {
    "files": "rows.csv",
    "sparse": ["user", "item"],
    "labels": {"event": {"positive": ["buy"]}},
    "user": "user",
    "time": "when",
    "split": "time",
}


def log(rows=600):
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "user": [f"u{n}" for n in random.integers(0, 20, rows)],
            "item": [f"i{n}" for n in random.integers(0, 15, rows)],
            "when": random.permutation(rows),
            "event": random.choice([*ACTIONS, None], rows, p=[0.5, 0.2, 0.2, 0.1]),
        }
    )


def events(data):
    """Return the decoded events of all rows."""
    (history,) = data.schema.histories
    columns = [f"{history.name}:{name}" for name in ("item", *history.outcomes, "automtl:age")]
    rows = [data.encoder.decode(data.part(part)) for part in PARTS]
    return [[part[column][n] for column in columns] for part in rows for n in range(len(part["item"]))]


def test_an_event_has_the_outcome_of_its_text(prepared):
    made = log().dropna()
    data = prepared({"rows.csv": made.to_csv(index=False)}, **SETTINGS, history={"outcomes": OUTCOMES})
    counts = np.zeros(len(ACTIONS))
    for _, *done, ages in events(data):
        assert all(sum(of_event) == 1 for of_event in zip(*done, strict=True))
        counts += [sum(outcome) for outcome in done]
        assert ages == sorted(ages, reverse=True)
    before = made.sort_values("when").assign(n=1)
    later = before.groupby("user")["n"].transform("size") - before.groupby("user")["n"].cumsum()
    assert counts.tolist() == [later[before.event == action].clip(upper=50).sum() for action in ACTIONS]


def test_rows_and_a_file_of_events_give_equal_histories(prepared):
    made = log()
    made["bought"] = (made.event == "buy").astype(int)
    files = {"rows.csv": made.dropna().to_csv(index=False), "log.csv": made.dropna().to_csv(index=False)}
    settings = {**SETTINGS, "labels": ["bought"]}
    one = prepared(files, **settings, history={"outcomes": OUTCOMES})
    other = prepared(files, **settings, history={"files": "log.csv", "outcomes": OUTCOMES})
    assert events(one) == events(other)


def test_a_blank_is_no_action(prepared):
    made = log()
    rows = made.assign(bought=(made.event == "buy").astype(int))
    files = {"rows.csv": rows.to_csv(index=False)}
    data = prepared(files, **{**SETTINGS, "labels": ["bought"]}, history={"outcomes": OUTCOMES})
    done = [sum(of_event) for _, *lists, _ in events(data) for of_event in zip(*lists, strict=True)]
    assert set(done) == {0, 1}


def test_a_new_log_has_texts_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = {
        "dataset": {**SETTINGS, "history": {"outcomes": OUTCOMES}},
        "features": {"history": ["matches", "last-2"], "statistics": "none", "crosses": [], "wide": False},
        "training": {"epochs": 2, "min_positives": 5, "embedding_decay": 0.1},
        "space": {"expert_layers": [8], "embedding_dim": 4},
    }
    for name in ("files", "labels"):
        settings["dataset"].pop(name)
    found = automtl.train(
        log(1200).dropna(), {"event": {"positive": ["buy"]}}, settings=settings, name="mine"
    )
    run = automtl.load(found.path)
    rows = log()[["user", "item", "when"]].assign(when=10_000)[:5]
    known = run.predict(rows, history=log())
    bits = log().assign(**{outcome: log().event == outcome.split("=")[1] for outcome in OUTCOMES})
    lists = {name: [] for name in ("item", *OUTCOMES, "automtl:age")}
    for row in rows.to_dict("records"):
        mine = bits[bits.user == row["user"]].sort_values("when")
        mine["automtl:age"] = 10_000 - mine.when
        for name, values in lists.items():
            values.append(mine[name].tolist()[-50:])
    held = rows.assign(**{f"past:{name}": values for name, values in lists.items()})
    assert np.allclose(known, run.predict(held), atol=2e-6)
    assert not np.allclose(known, run.predict(rows, history=log().assign(event="view")), atol=1e-3)


@pytest.mark.parametrize(
    ("outcomes", "message"),
    [
        (["action"], "name one, or a text of a column, such as `action=buy`"),
        (["event", "event=view"], "history.outcomes names 'event' beside 'event=view'; name texts only"),
    ],
)
def test_faulty_outcomes_are_named(outcomes, message):
    with pytest.raises(UsageError, match=message):
        table(**SETTINGS, history={"outcomes": outcomes})


LABELS = {**SETTINGS, "labels": ["event=buy", "event=cart"]}


def test_texts_of_a_column_are_labels(prepared):
    made = log()
    data = prepared({"rows.csv": made.to_csv(index=False)}, **LABELS)
    told = data.manifest["labels"]
    for task, action in (("event=buy", "buy"), ("event=cart", "cart")):
        assert sum(part[task]["rows"] for part in told.values()) == made.event.notna().sum()
        assert sum(part[task]["positives"] for part in told.values()) == (made.event == action).sum()


def test_labels_that_are_texts_are_outcomes_of_earlier_rows(prepared):
    made = log()
    files = {"rows.csv": made.to_csv(index=False)}
    one = prepared(files, **LABELS, history={})
    other = prepared(
        files,
        **{**SETTINGS, "labels": {"event": {"positive": ["buy"]}}},
        history={"outcomes": LABELS["labels"]},
    )
    assert one.schema.histories[0].outcomes == ("event=buy", "event=cart")
    assert sorted(events(one)) == sorted(events(other))


def test_a_text_counts_where_another_label_is_1(prepared):
    made = log().assign(seen=lambda frame: (frame.event != "view").astype(int))
    labels = {"seen": {}, "event=buy": {"given": "seen", "after": "seen"}}
    data = prepared({"rows.csv": made.to_csv(index=False)}, **{**SETTINGS, "labels": labels})
    rows = sum(part["event=buy"]["rows"] for part in data.manifest["labels"].values())
    assert rows == made.event.isin(["cart", "buy"]).sum()


def test_a_column_whose_name_has_an_equals_sign(prepared):
    made = (
        log()
        .rename(columns={"event": "a=b"})
        .assign(**{"a=b": lambda frame: (frame["a=b"] == "buy").astype(int)})
    )
    text = made.to_csv(index=False)
    data = prepared({"rows.csv": text}, **{**SETTINGS, "labels": {"a=b": {"column": "a=b"}}})
    assert sum(part["a=b"]["positives"] for part in data.manifest["labels"].values()) == made["a=b"].sum()
    with pytest.raises(DataError, match=r"lacks 'a'$") as error:
        prepared({"rows.csv": text}, **{**SETTINGS, "labels": ["a=b"]})
    assert "set its column: dataset.labels: {'a=b': {column: ...}}" in error.value.fix
    headless = made.to_csv(index=False, header=False)
    data = prepared({"rows.csv": headless}, **{**SETTINGS, "labels": ["a=b"]}, columns=[*made.columns])
    assert [task.name for task in data.schema.tasks] == ["a=b"]


def test_new_rows_have_the_column_of_actions(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = {
        "dataset": {"sparse": ["user", "item"], "dense": {}},
        "training": {"epochs": 1, "min_positives": 5},
    }
    run = automtl.train(log(), ["event=buy", "event=cart"], settings=settings, name="mine")
    new = log(200)
    predicted = run.predict(new.drop(columns="event"))
    assert [*predicted] == ["event=buy", "event=cart"]
    new.to_csv("new.csv", index=False)
    found = run.evaluate(new)
    assert found.loc["event=buy", "rows"] == new.event.notna().sum()
    assert found.loc["event=cart", "positives"] == (new.event == "cart").sum()
    assert run.evaluate(pd.read_csv("new.csv")).equals(found)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"event=buy": {"kind": "regression"}}, "its kind is regression; take one out"),
        ({"event=buy": {"positive": ["cart"]}}, "the name of the label says 'buy' already; take it out"),
        ({"event": {}, "event=buy": {}}, "another label reads 'event' as binary; name texts in both"),
        ({"item=i3": {}}, "labels names 'item', and so does sparse; leave it in one of them"),
        ({"event=buy": {}, "event=Buy": {}}, "different only in case; rename one"),
    ],
)
def test_faulty_labels_are_named(labels, message):
    with pytest.raises(UsageError, match=message):
        table(**{**SETTINGS, "labels": labels})
