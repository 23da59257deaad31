"""One's own tables: what each setting makes of columns, labels, numbers and files."""

import duckdb
import numpy as np
import pandas as pd
import pytest

from automtl_core.data.frames import NewExamples, frame_rows
from automtl_core.data.store import PARTS
from automtl_core.dataset.dataset import UNUSED, Label
from automtl_core.errors import DataError
from automtl_core.prepare.prepare import prepare

from .tables import HEADED, rows, table

# Columns and labels


def test_columns_stand_in_any_order_and_those_without_a_role_are_not_read(rows_of):
    text = "click,note,price,item,user\n1,x,2.5,7,u1\n0,,,,\n"
    found = table(sparse={"user": "text", "item": "integer"}, dense=["price"])
    assert rows_of(found, {"clicks.csv": text}) == [("u1", 7, 1), (None, None, 0)]


WEIGHED = "user,click,w\n" + "".join(f"u{n % 7},{n % 2},{n % 4 / 2}\n" for n in range(40))


@pytest.mark.parametrize("roles", [{}, {"dense": ["w"]}, {"columns": ["user", "click", "w"]}])
def test_a_column_of_weights_is_read_and_may_be_a_field_too(prepared, roles):
    text = WEIGHED.split("\n", 1)[1] if "columns" in roles else WEIGHED
    data = prepared({"clicks.csv": text}, weights="w", **roles)
    assert {*data.part("train").weights.ravel().tolist()} == {0.5, 1.0, 1.5}
    assert {*data.part("test").weights.ravel().tolist()} <= {0.0, 0.5, 1.0, 1.5}
    made = table(weights="w", **roles)
    for labelled in (False, True):
        column = made.new_file("new.csv", labelled).columns.get("w", UNUSED)
        assert column.kind == ("number" if "dense" in roles else "unused"), "new rows need no weights"
        assert not column.matching


@pytest.mark.parametrize("value", ["-1", "", "inf", "much"])
def test_a_wrong_weight_is_a_faulty_row(prepared, value):
    faulty = f"{WEIGHED}u1,1,{value}\n"
    with pytest.raises(DataError, match=r"clicks\.csv:42: w: expected a (finite )?number") as error:
        prepared({"clicks.csv": faulty}, weights="w")
    assert "0 takes a row out of the training" in error.value.fix or "repair the row" in error.value.fix
    assert prepared({"clicks.csv": faulty}, weights="w", bad_rows="skip").manifest["rejected"] == 1
    with pytest.raises(DataError, match=r"clicks\.csv:1: the header lacks 'v'") as error:
        prepared({"clicks.csv": WEIGHED}, weights={"click": "v"})
    assert error.value.fix.startswith("correct dataset.weights ")


@pytest.mark.parametrize(
    ("label", "texts"),
    [({}, ["1.0", "0.0", "", "1", "0"]), ({"positive": ["yes", "Y"]}, ["yes", "no", "", "Y", "y"])],
)
def test_a_blank_label_is_missing_and_others_are_0_and_1(rows_of, label, texts):
    text = HEADED + "".join(f"{user},{one}\n" for user, one in zip("abcde", texts, strict=True))
    expected = [("a", 1), ("b", 0), ("c", None), ("d", 1), ("e", 0)]
    assert rows_of(table(labels={"click": label}), {"clicks.csv": text}) == expected


def test_a_label_counts_only_where_the_given_one_is_one(rows_of):
    labels = {
        "click": {"positive": ["yes"]},
        "buy": {"given": "click", "after": "click"},
        "rating": {"given": "buy", "kind": "regression"},
    }
    text = "user,click,buy,rating\na,yes,1,4.5\nb,yes,0,3\nc,no,1,2\nd,,1,1\ne,yes,,5\nf,yes,1,\n"
    found = table(labels=labels)
    assert rows_of(found, {"clicks.csv": text}) == [
        ("a", 1, 1, 4.5),
        ("b", 1, 0, None),
        ("c", 0, None, 2),  # it is the raw value that is given
        ("d", None, None, 1),
        ("e", 1, None, None),
        ("f", 1, 1, None),
    ]
    rating = Label("rating", "regression", given="buy")
    click, buy = Label("click", positive=("yes",)), Label("buy", after="click", given="click")
    assert found.labels == (click, buy, rating)


@pytest.mark.parametrize(("way", "left"), [("keep", [0, 1, 1]), ("drop", [0, 1])])
def test_rows_that_are_alike_in_the_columns_that_are_named(rows_of, way, left):
    text = "user,note,click\na,x,1\na,y,1\na,x,0\n"
    assert rows_of(table(duplicates=way), {"clicks.csv": text}) == [("a", click) for click in left]


# Numbers and multi-valued fields


def test_numbers_are_scaled_and_filled(prepared):
    text = "user,click,a,b,c\n" + "".join(f"u,{n % 2},{n},{n if n % 2 else ''},{n}\n" for n in range(100))
    dense = {"a": {"scaling": "log"}, "b": {"scaling": "none", "missing": -7}, "c": {"scaling": "minmax"}}
    found = prepared({"clicks.csv": text}, dense=dense, min_count=1)
    train = found.part("train")
    assert [field.name for field in found.schema.dense] == ["a", "b", "c"]
    assert np.allclose(found.schema.unscaled(train.dense)["a"].max(), np.log1p(99), rtol=0.1)
    assert set(train.dense[:, 1]) <= {-7.0, *range(1, 100, 2)}
    assert (train.dense[:, 2].min(), train.dense[:, 2].max()) == (0, 1)


def test_values_of_a_multi_valued_field(prepared):
    tags = ["a| b ", "b", "", "c|a|a", "|b||"]
    text = "user,tags,click\n" + "".join(f"u{n % 5},{tags[n % 5]},{n % 2}\n" for n in range(100))
    found = prepared({"clicks.csv": text}, multi={"tags": "|"})
    assert found.vocabulary("tags") == ["a", "b", "c"]
    train = found.part("train")
    bags, names = train.bags[1], ["?", *found.vocabulary("tags")]
    by_user = {}
    for user, bag in train.ids:
        held = bags.values[bags.starts[bag] : bags.starts[bag + 1]]
        by_user[found.vocabulary("user")[user - 1]] = [names[value] for value in held]
    assert by_user == {"u0": ["a", "b"], "u1": ["b"], "u2": [], "u3": ["a", "c"], "u4": ["b"]}


def test_a_separator_is_taken_as_it_is(prepared):
    text = "user,tags,click\n" + "".join(f"a,\"x'; y;'z\",{n % 2}\n" for n in range(50))
    assert prepared({"clicks.csv": text}, multi={"tags": "'; "}).vocabulary("tags") == ["x", "y;'z"]


# Files


def test_files_without_header_and_with_another_separator(rows_of):
    found = table(columns=["click", "note", "user"], separator=";")
    assert rows_of(found, {"clicks.csv": "1;x;a\n0;;b\n"}) == [("a", 1), ("b", 0)]


def test_patterns_and_lists_of_files_whose_headers_differ_in_order(rows_of):
    files = {
        "c-1.csv": "user,item,click\na,1,1\n",
        "c-2.csv": "item,user,click\n2,b,0\n",
        "d.csv": "item,click,user,more\n3,1,c,x\n",
    }
    found = table(files=["c-*.csv", "d.csv"], sparse=["user", "item"])
    assert rows_of(found, files) == [("a", "1", 1), ("b", "2", 0), ("c", "3", 1)]


def test_parquet_files(tmp_path, rows_of):
    (tmp_path / "data").mkdir()
    with duckdb.connect() as db:
        db.sql(
            "FROM (VALUES (1.0::DOUBLE, true, 1.5::DECIMAL(4, 2), 'x'), (NULL, false, NULL, 'y'), "
            "('nan'::DOUBLE, NULL, 3, 'z')) t(item, click, price, user)"
        ).write_parquet(str(tmp_path / "data" / "clicks.parquet"))
    found = table(files="*.parquet", sparse={"user": "text", "item": "integer"}, dense=["price"])
    assert rows_of(found, {}) == [("x", 1, 1), ("y", None, 0), ("z", None, None)]


def test_a_file_that_is_named_twice(tmp_path):
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(rows(50))
    with pytest.raises(DataError, match=r"b\.csv: 2 names or patterns of dataset table match it"):
        prepare(table(files={"train": "*.csv", "test": "b.csv"}), "table", tmp_path, tmp_path / "out")


BLANKS = "user,age,click,buy,tags\n" + "".join(
    f"{'null' if n % 7 == 0 else f'u{n % 5}'},{'NA' if n % 4 == 0 else n},{n % 2},"
    f"{'NA' if n % 3 == 0 else 'yes' if n % 2 else 'no'},{'NA' if n % 5 == 0 else 'a|b'}\n"
    for n in range(60)
)
WITH_BLANKS = {
    "blanks": ["NA", "null"],
    "sparse": ["user"],
    "dense": {"age": {"scaling": "none"}},
    "multi": ["tags"],
    "labels": {"click": {}, "buy": {"positive": ["yes"]}},
}


@pytest.mark.parametrize("line_end", ["\n", "\r\n", " mixed"])
def test_texts_that_are_blanks(prepared, line_end):
    text = BLANKS.replace("\n", "\r\n", 3) if line_end == " mixed" else BLANKS.replace("\n", line_end)
    found = prepared({"clicks.csv": text}, **WITH_BLANKS)
    parts = [found.part(part) for part in ("train", "validation", "test")]
    assert sum(int(np.isnan(part.dense).sum()) for part in parts) == 15
    assert sum(int(np.isnan(part.labels[:, 1]).sum()) for part in parts) == 20
    assert found.vocabulary("user") == ["u0", "u1", "u2", "u3", "u4"]
    assert found.vocabulary("tags") == ["a", "b"]


@pytest.mark.parametrize("kind", ["BIGINT", "DOUBLE", "INTEGER"])
def test_a_number_that_is_a_blank(tmp_path, kind):
    with duckdb.connect() as db:
        rows = (
            f"n::VARCHAR AS user, n % 2 AS click, (CASE WHEN n % 4 = 0 THEN -999 ELSE n END)::{kind} AS age"
        )
        db.sql("FROM range(40) t(n)").project(rows).write_parquet(str(tmp_path / "clicks.parquet"))
    made = table(files="clicks.parquet", labels=["click"], sparse=[], dense=["age"], blanks=["-999"])
    found = prepare(made, "table", tmp_path, tmp_path / "out")
    assert sum(int(np.isnan(found.part(p).dense).sum()) for p in ("train", "validation", "test")) == 10


def test_blanks_of_new_rows_in_memory():
    made = table(files="clicks.csv", **WITH_BLANKS)
    inputs = {"user": ["u1", "null"], "age": ["NA", 5], "tags": ["NA", "a"]}
    examples = {**inputs, "click": [0, 1], "buy": ["NA", "no"]}
    rows = next(frame_rows(NewExamples(made, examples, labelled=True)).tables(1000))
    assert rows.user.isna().tolist() == [False, True]
    assert rows.tags.isna().tolist() == [True, False]
    assert np.isnan(rows.age.tolist()).tolist() == [True, False]
    assert np.isnan(made.new_rows(rows, labelled=True).buy.tolist()).tolist() == [True, False]
    made = table(files="a.csv", labels=["click"], sparse=[], dense=["age"], blanks=["-999"])
    numbers = next(frame_rows(NewExamples(made, pd.DataFrame({"age": [-999.0, 3.0]}))).tables(1000))
    assert np.isnan(numbers.age.tolist()).tolist() == [True, False]


# Outcomes of events that a log holds as texts in one column, such as view, cart and buy.


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
    other = prepared(files, **SETTINGS, history={"outcomes": LABELS["labels"]})
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


# One's own tables: parts by files, by user and by time.


def users(prepared, part):
    """Return the users of a part; unseen ones are `?`."""
    names = ["?", *prepared.vocabulary("user")]
    return sorted(names[id_] for id_ in prepared.part(part).ids[:, 0])


def test_files_by_part_and_a_validation_part_that_is_drawn(prepared):
    files = {"train.csv": rows(100), "test.csv": HEADED + "new,1\nu1,0\n"}
    found = prepared(files, files={"train": "train.csv", "test": "test.csv"})
    assert found.manifest["rows"] == {"train": 90, "validation": 10, "test": 2}
    assert users(found, "test") == ["?", "u1"]
    valid = {**files, "valid.csv": HEADED + "u2,1\n"}
    found = prepared(valid, files={"train": ["train.csv"], "validation": "valid.csv", "test": "test.csv"})
    assert found.manifest["rows"] == {"train": 100, "validation": 1, "test": 2}
    assert users(found, "validation") == ["u2"]


def test_a_split_by_user(prepared):
    text = HEADED + "".join(f"u{n % 40},{int(n % 3 == 0)}\n" for n in range(400))
    found = prepared({"clicks.csv": text}, split="user", user="user")
    assert found.manifest["rows"] == {"train": 320, "validation": 40, "test": 40}
    assert set(users(found, "test") + users(found, "validation")) == {"?"}


WAYS = {
    "numbers": lambda n: n,
    "fractions": lambda n: n + 0.5,
    "nanoseconds": lambda n: 1_700_000_000_000_000_000 + n,
    "dates": lambda n: pd.Timestamp("2023-12-01") + pd.Timedelta(n, "D"),
    "offsets": lambda n: (
        (pd.Timestamp("2024-01-01") + pd.Timedelta(n + 60 * (n % 12), "min")).isoformat() + f"+{n % 12:02}:00"
    ),
    "instants": lambda n: (pd.Timestamp("2023-12-31 23:00") + pd.Timedelta(n, "min")).isoformat() + "Z",
}


def by_time(order, times):
    return pd.DataFrame({"user": "u", "click": order % 2, "place": order, "when": times})


def places(prepared, part):
    return sorted(map(int, prepared.part(part).dense[:, 0]))


def assert_in_order(prepared):
    assert places(prepared, "train") == list(range(160))
    assert places(prepared, "validation") == list(range(160, 180))
    assert places(prepared, "test") == list(range(180, 200))


TIMED = {"split": "time", "time": "when", "dense": {"place": {"scaling": "none"}}}


@pytest.mark.parametrize("way", WAYS)
def test_a_split_by_time(prepared, way):
    order = np.random.default_rng(0).permutation(200)
    text = by_time(order, [WAYS[way](int(n)) for n in order]).to_csv(index=False)
    unit = "ns" if way == "nanoseconds" else "s"
    assert_in_order(prepared({"clicks.csv": text}, **TIMED, time_unit=unit))


@pytest.mark.parametrize("kind", ["BIGINT", "TIMESTAMP", "DATE"])
def test_a_split_by_time_in_parquet(tmp_path, kind):
    order = np.random.default_rng(0).permutation(200)
    frame = by_time(order, [WAYS["numbers" if kind == "BIGINT" else "dates"](int(n)) for n in order])
    with duckdb.connect() as db:
        db.from_df(frame).project(f'"user", click, place, CAST("when" AS {kind}) AS "when"').to_view("clicks")
        db.execute(f"COPY clicks TO '{tmp_path}/clicks.parquet'")
    found = table(files="clicks.parquet", **TIMED)
    assert_in_order(prepare(found, "table", tmp_path, tmp_path / "out"))


def test_the_time_may_be_a_field_too_but_not_of_several_kinds(prepared):
    order = np.random.default_rng(0).permutation(200)
    text = by_time(order, order).to_csv(index=False)
    assert_in_order(prepared({"clicks.csv": text}, **{**TIMED, "time": "place"}))
    text = "user,click,when\n" + "".join(f"u,{n % 2},{n if n else '2023-12-01'}\n" for n in range(100))
    with pytest.raises(DataError, match="time when holds '2023-12-01', and most rows have another format"):
        prepared({"clicks.csv": text}, split="time", time="when")


@pytest.mark.parametrize("odd", ["soon", "inf", "2024-02-30", "2024-01-31 25:00:00"])
def test_a_text_that_is_no_time_is_a_faulty_row(prepared, odd):
    text = "user,click,when\n" + "".join(f"u,{n % 2},{n if n != 7 else odd}\n" for n in range(100))
    with pytest.raises(DataError, match=f'clicks.csv:9: when: expected a number, or a date .* found "{odd}"'):
        prepared({"clicks.csv": text}, split="time", time="when")
    made = prepared({"clicks.csv": text}, split="time", time="when", bad_rows="skip")
    assert sum(made.manifest["rows"].values()) == 99


@pytest.mark.parametrize("column", ["when", "place"])
@pytest.mark.parametrize("kind", ["csv", "VARCHAR", "DOUBLE"])
def test_a_blank_time_is_a_faulty_row(tmp_path, kind, column):
    """Also where the time is a field of numbers."""
    frame = by_time(np.arange(200), np.arange(200)).astype(str)
    frame.loc[7, column] = ""
    if kind == "csv":
        frame.to_csv(tmp_path / "clicks.csv", index=False)
    else:
        with duckdb.connect() as db:
            typed = ", ".join(f'CAST(nullif("{c}", \'\') AS {kind}) AS "{c}"' for c in ("when", "place"))
            db.from_df(frame).project(f'"user", click, {typed}').to_view("clicks")
            db.execute(f"COPY clicks TO '{tmp_path}/clicks.parquet'")
    settings = {**TIMED, "time": column, "files": "clicks.csv" if kind == "csv" else "clicks.parquet"}
    row = r"clicks.csv:9" if kind == "csv" else r"clicks.parquet: row 8"
    with pytest.raises(DataError, match=rf"{row}: {column}: expected a number.*, found a blank"):
        prepare(table(**settings), "table", tmp_path, tmp_path / "out")
    made = prepare(table(**settings, bad_rows="skip"), "table", tmp_path, tmp_path / "out")
    assert sum(made.manifest["rows"].values()) == 199
