"""New rows are read as the rows of preparation, event by event, whatever names, times and texts there are."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from torch import nn

from automtl_core.data.frames import NewExamples, frame_rows
from automtl_core.data.new_rows import new_rows
from automtl_core.data.store import PARTS
from automtl_core.errors import AutoMTLError
from automtl_core.prepare.prepare import prepare
from automtl_core.training.compute import CPU
from automtl_core.workflow.new_rows import encoded
from automtl_core.workflow.trained import Trained
from automtl_datasets.table import Table as Reader

from .helpers import contents

NAMES = (
    *("age", "item", "owner", "value", "code", "row", "event", "n", "k0", "now", "moment", "label"),
    *("place", "held", "bag", "user id", "it's", "é", "a*b", "select", "x:y", "automtl", "time of the row"),
    *("number", "automtl age", "rows", "number of", "any of", "mean", "ids", "dense", "users", "%s"),
    *("{0}", "grp", "c0"),
)
"""Names of columns: those that the program itself uses somewhere, words of SQL, and signs."""
INSTANTS = ("seconds", "milliseconds", "dates", "instants", "offsets")
"""Forms of the same instants."""
UNITS = (*INSTANTS, "fractions", "days", "short")
ROWS = 90


@dataclass
class Table:
    """Files of a table, and its settings."""

    files: dict[str, pd.DataFrame]
    settings: dict[str, Any]
    ending: str = ".csv"
    separator: str = ","
    header: bool = True
    same: bool = True
    """Whether the file `other`, a log of the same events, has the form of `log`, and cannot be refused."""

    def write(self, folder: Path) -> None:
        """Write the files as text or as Parquet."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, frame in self.files.items():
            path = folder / f"{name}{self.ending}"
            if self.ending == ".parquet":
                with duckdb.connect() as db:
                    db.register("frame", frame.replace("", None))
                    db.execute(f"COPY (FROM frame) TO '{path}'")
            else:
                frame.to_csv(path, sep=self.separator, index=False, header=self.header or name != "rows")


def times(draw, unit, moments):
    """Return moments, whole numbers from 0 on, as texts of a unit."""
    if unit in ("days", "fractions"):
        return [str(20_000 + m if unit == "days" else 1000 + m / 8) for m in moments]
    found = []
    for m in moments.tolist():
        at = pd.Timestamp("2024-03-30 22:00") + pd.Timedelta(17 * m, "min")  # across a change of the clock
        if unit in ("seconds", "milliseconds"):
            found.append(str(int(at.timestamp()) * (1 if unit == "seconds" else 1000)))
        elif unit == "dates":
            found.append(at.strftime("%Y-%m-%d %H:%M:%S"))
        elif unit == "short":
            found.append(str(at.date() + pd.Timedelta(m, "D")))
        elif unit == "instants":
            found.append(at.strftime("%Y-%m-%dT%H:%M:%S") + draw.choice(["Z", "+00:00"]))
        else:
            hours = int(draw.choice([-5, 1, 2, 9]))
            local = at + pd.Timedelta(hours, "h")
            found.append(local.strftime("%Y-%m-%d %H:%M:%S") + f"{hours:+03d}:00")
    return found


def table(seed):
    """Return a random table."""
    draw = np.random.default_rng([47, seed])
    user, when, *names = draw.permutation(NAMES)[:10].tolist()
    kinds = {name: str(draw.choice(["text", "text", "integer"])) for name in names[:3]}
    blanks = ["NA", "-"] if draw.random() < 0.5 else []
    blank = draw.choice(["", *blanks]) if blanks else ""
    how = str(draw.choice(["rows", "rows", "log", "texts", "lists"]))
    labels = {names[3]: {}, names[4]: {}}
    words = draw.random() < 0.4
    if words:
        labels[names[3]] = {"positive": ["yes", "Y"]}
    if draw.random() < 0.4:
        labels[names[4]]["given"] = names[3]
    unit = str(draw.choice(UNITS))

    def values(kind, rows):
        numbers = draw.integers(0, 12, rows)
        if kind == "integer":  # data frames write floats where a column has blanks
            return [str(draw.choice([f"{n}.0", n])) for n in numbers]
        forms = ("{}", "0{}", "{}.0", "v{}", "{} ", "é{}") if draw.random() < 0.5 else ("{}",)
        return [str(draw.choice(forms)).format(n) for n in numbers]

    def events(rows):
        drawn.append(draw.integers(0, 40, rows))
        columns = {user: values(users, rows)}
        columns |= {name: values(kind, rows) for name, kind in kinds.items()}
        columns[when] = times(draw, unit, drawn[-1])
        for name, label in labels.items():
            yes, no = (["yes", "Y"], ["no", "0"]) if label.get("positive") else (["1"], ["0"])
            columns[name] = [str(draw.choice(yes if one else no)) for one in draw.random(rows) < 0.4]
        frame = pd.DataFrame(columns)
        for name in (user, *kinds, *labels):
            frame.loc[draw.random(rows) < 0.06, name] = blank
        return frame

    users, drawn = str(draw.choice(["text", "integer"])), []
    rows, log = events(ROWS), events(2 * ROWS)
    settings = {
        "sparse": {user: users, **kinds},
        "labels": labels,
        "user": user,
        "time": when,
        "split": str(draw.choice(["time", "user"])),
        "blanks": blanks,
        "history_length": int(draw.choice([2, 5, 50])),
        "history_delay": float(draw.choice([0.0, 0.0, 2.0])),
        "min_count": int(draw.choice([1, 2])),
        "hashed": {name: int(draw.choice([3, 50])) for name in (user, *kinds) if draw.random() < 0.25},
        "duplicates": str(draw.choice(["keep", "keep", "drop"])),
        "history": {},
    }
    if draw.random() < 0.5:
        rows = pd.concat([rows, rows.sample(15, random_state=seed)], ignore_index=True)
    ending = str(draw.choice([".csv", ".tsv", ".parquet"]))
    separator = "\t" if ending == ".tsv" else str(draw.choice([",", ";", "|"]))
    header = same = True
    if ending != ".parquet" and separator not in (",", "\t"):
        settings["separator"] = separator
    found = {"rows": rows}
    if how == "log":
        bits = {"yes": "1", "Y": "1", "no": "0"} if words else {}
        found["log"] = log.replace({names[3]: bits}) if bits else log
        amounts = np.random.default_rng(seed).integers(0, 9, len(log)).astype(str)
        found["log"] = found["log"].assign(**{names[7]: np.where(amounts == "3", "", amounts)})
        form = str(draw.choice(INSTANTS)) if unit in INSTANTS else unit
        found["other"] = found["log"].assign(**{when: times(draw, form, drawn[1])})
        same = form == unit
        settings["history"] = {"files": f"log{ending}", "numbers": {names[7]: {"scaling": "log"}}}
    elif how == "texts":
        action = names[5]
        found["rows"] = rows.assign(**{action: draw.choice(["view", "cart", "buy", ""], len(rows))})
        settings["history"] = {"outcomes": [f"{action}=buy", f"{action}=view"]}
        if draw.random() < 0.5:
            labels[f"{action}=buy"] = {}
    elif how == "lists":
        made, sign = _lists(draw, rows, kinds, names[3]), "|" if separator != "|" else " "
        keys = {"automtl:age" if "age" in kinds else "age": "list age", names[3]: "list done"}
        keys |= {name: f"list {name}" for name in kinds}
        settings["history"] = {"lists": keys, "separator": sign}
        for column, of in made.items():
            lists = [sign.join(one) for one in of]
            found["rows"] = found["rows"].assign(**{column: lists})
    elif ending != ".parquet" and draw.random() < 0.3:
        header, settings["columns"] = False, list(rows.columns)
    if unit == "milliseconds":
        settings["time_unit"] = "ms"
    if header and how != "lists" and draw.random() < 0.5:
        request = [str(draw.choice([f"r{n}", n, blank])) for n in draw.integers(0, 30, len(rows))]
        found["rows"] = found["rows"].assign(**{names[6]: request})
        # The moments span a few lists in each unit, so that a split by time has three parts.
        gap, every = ("40m", "5h") if unit in INSTANTS else (0.25, 1) if unit == "fractions" else (2, 8)
        by_time = {"user": None, "gap": gap}
        forms = [names[6], [names[0], names[6]], by_time, {**by_time, "every": every}]
        settings["list"] = forms[draw.integers(len(forms))]
    settings["files"] = f"rows{ending}"
    return Table(found, settings, ending, separator, header, same)


def _lists(draw, rows, kinds, done):
    counts = draw.integers(0, 6, len(rows))
    plain = {name: [v.strip() or "1" for v in rows[name]] for name in kinds}
    made = {f"list {name}": [draw.choice(of, k).tolist() for k in counts] for name, of in plain.items()}
    made["list done"] = [draw.choice(["0", "1"], k).tolist() for k in counts]
    made["list age"] = [
        [str(n) for n in sorted(draw.integers(1, 900, k).tolist(), reverse=True)] for k in counts
    ]
    return made


def check(seed, folder):
    """Compare all rows of a table, read as new rows from files and in memory, with its prepared rows.

    Returns:
        The number of compared events.

    """
    given = table(seed)
    given.write(folder)
    dataset = Reader(Reader.settings_class.parse(given.settings, "dataset"))
    prepared = prepare(dataset, "table", folder, folder / "prepared")
    encoder, schema = prepared.encoder, prepared.schema
    stored = Counter(row for part in PARTS for row in contents(schema, prepared.part(part)))
    rows = folder / f"rows{given.ending}"
    log = None if any(h.lists for h in schema.histories) else "log" if "log" in given.files else "rows"
    path = folder / f"{log}{given.ending}" if log else None
    with new_rows(
        NewExamples(
            dataset, rows, folder, histories=schema.histories, log=path, labelled=True, rule=schema.lists
        )
    ) as served:
        parts = [encoder.encode(chunk) for chunk in served.chunks(64)]
    texts = {name: frame.replace("", None).astype(object) for name, frame in given.files.items()}
    events = None if log is None else texts[log]
    made = frame_rows(
        NewExamples(
            dataset, texts["rows"], histories=schema.histories, log=events, labelled=True, rule=schema.lists
        )
    )
    for served_parts in (parts, [encoder.encode(chunk) for chunk in made.chunks(64)]):
        found = Counter(row for part in served_parts for row in contents(schema, part))
        if given.settings["duplicates"] == "drop":  # the file still has equal rows
            assert found.keys() == stored.keys(), seed
        else:
            assert found == stored, seed
    if log == "log":
        check_other_log(given, dataset, prepared, folder, stored)
    return sum(len(one) - 1 for _, events_of in stored for one in events_of)


def check_other_log(given, dataset, prepared, folder, stored):
    """Check that the events of a log in another form are the same, or that it is refused or warned of."""
    warnings, schema = [], prepared.schema
    reading = NewExamples(
        dataset,
        folder / f"rows{given.ending}",
        folder,
        histories=schema.histories,
        log=folder / f"other{given.ending}",
        labelled=True,
        rule=schema.lists,
        note=lambda sentence, is_warning: warnings.extend([sentence] * is_warning),
    )
    try:
        with new_rows(reading) as served:
            parts = [prepared.encoder.encode(chunk) for chunk in served.chunks(64)]
    except AutoMTLError:
        assert not given.same
        return
    found = {row for part in parts for row in contents(schema, part)}
    assert found == set(stored) or any("history" in warning for warning in warnings)


@pytest.mark.parametrize("seed", range(12))
def test_new_rows_are_read_as_prepared_ones(seed, tmp_path):
    check(seed, tmp_path)


@pytest.mark.parametrize("rule", ["req", {"user": None, "gap": 90}])
@pytest.mark.parametrize("form", ["files", "frames"])
def test_a_row_alone_is_of_the_list_that_began_in_the_log(rule, form, tmp_path):
    draw = np.random.default_rng(0)
    rows = [
        (draw.integers(3), draw.integers(5), f"r{n}", 1_000 * (n // 2) + 40 * k + n % 2, draw.integers(2))
        for n in range(40)
        for k in range(3)  # two lists at a time
    ]
    frame = pd.DataFrame(rows, columns=["user", "item", "req", "time", "click"])
    frame.to_csv(tmp_path / "rows.csv", index=False)
    settings = {"files": "rows.csv", "sparse": ["user", "item"], "labels": ["click"], "user": "user"}
    settings |= {"time": "time", "split": "time", "history": {}, "list": rule}
    dataset = Reader(Reader.settings_class.parse(settings, "dataset"))
    schema = (prepared := prepare(dataset, "table", tmp_path, tmp_path / "prepared")).schema

    warned = []

    def note(sentence, is_warning):
        warned.extend([sentence] * is_warning)

    trained = Trained(nn.Identity(), prepared.encoder, CPU)

    def events(examples, log=frame):
        if form == "files":
            for name, table in (("some", examples), ("log", log)):
                table.to_csv(tmp_path / f"{name}.csv", index=False)
            examples, log = tmp_path / "some.csv", tmp_path / "log.csv"
        how = {"histories": schema.histories, "rule": schema.lists, "note": note}
        with new_rows(NewExamples(dataset, examples, tmp_path, log=log, **how)) as read:
            return [row for part in encoded(trained, read) for row in contents(schema, part)]

    assert [events(frame.iloc[[row]])[0] for row in range(90, 120, 4)] == events(frame)[90::4]
    assert not warned
    events(frame.tail(1), log=frame.drop(columns="req"))
    assert bool(warned) == (rule == "req")  # the user and the time are there
