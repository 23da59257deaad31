"""Raw files by hand, tables of one's own, and prepared data against rows made without it."""

from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest

from automtl_core.data.store import PARTS
from automtl_core.dataset.dataset import names_of
from automtl_core.prepare.prepare import prepare
from automtl_core.raw.connection import connect
from automtl_core.raw.find import find
from automtl_core.raw.load import load

from .tables import table


@pytest.fixture
def loaded(tmp_path):
    """Return a database with the tables of raw files, given as path -> text."""

    @contextmanager
    def by_hand(dataset, files):
        data, work = tmp_path / "data", tmp_path / "work"
        work.mkdir()
        for path, text in files.items():
            (data / path).parent.mkdir(parents=True, exist_ok=True)
            (data / path).write_text(text)
        with connect(data, work) as db:
            for table, sources in find(data, dataset, "by hand").items():
                load(db, table, sources, work, None)
            yield db

    return by_hand


@pytest.fixture
def rows_of(loaded):
    """Return the sorted rows, fields then tasks, that a dataset makes of raw files."""

    def rows(dataset, files):
        with loaded(dataset, files) as db:
            relation = dataset.rows(db)
            assert not isinstance(relation, pd.DataFrame)
            columns = [
                f'"{column}"' for column in (*names_of(dataset.layout.sparse), *names_of(dataset.labels))
            ]
            return sorted(relation.project(", ".join(columns)).fetchall(), key=str)

    return rows


@pytest.fixture
def prepared(tmp_path):
    """Prepare a table of files, given as name -> text."""

    def prepared(files, /, **settings):
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        return prepare(table(**settings), "table", tmp_path, tmp_path / "out")

    return prepared


@pytest.fixture
def assert_prepared_as():
    """Return a check of prepared data against the same rows, made without the code that is tested.

    The frame holds sparse fields as text, None where unknown, or sets of text where multi-valued; dense
    fields as numbers, NaN where unknown; tasks as 0 and 1; and the part where the publisher has split the
    data. With the setting `min_count` 1, so that the vocabulary holds all values of the training rows.
    """

    def check(prepared, frame, dataset):
        train, validation, test = (_decoded(prepared, part, dataset) for part in PARTS)
        rows = _comparable(frame, dataset)
        given = frame[dataset.part] == "test" if dataset.part else pd.Series(False, frame.index)
        known = {field: _values(train[field]) for field in names_of(dataset.layout.sparse)}
        # What is not for training is for validation or the test, and values that training lacks are unknown.
        taken = _numbered(rows[~given]).isin(_numbered(train))
        assert taken.sum() == len(train)
        left = _seen(rows[~given][~taken], known)
        if given.any():
            assert _same(test, _seen(rows[given], known))
            assert _same(validation, left)
        else:
            assert _same(pd.concat([validation, test]), left)
        for field in prepared.schema.sparse:
            assert field.size == len(known[field.name]) + 1
        for task in names_of(dataset.labels):
            labels = [prepared.manifest["labels"][part][task] for part in PARTS]
            assert sum(label["positives"] for label in labels) == frame[task].sum()
            assert labels[0]["mean"] == pytest.approx(train[task].mean())

    return check


def _decoded(prepared, name, dataset):
    """Return the rows of a part as the values that they were made of."""
    part, columns = prepared.part(name), {}
    for place, field in enumerate(names_of(dataset.layout.sparse)):
        values = np.array([None, *prepared.vocabulary(field)], dtype=object)
        if place in part.bags:
            starts, held = part.bags[place]
            bags = [frozenset(values[held[starts[bag] : starts[bag + 1]]]) for bag in part.ids[:, place]]
            columns[field] = pd.Series(bags, dtype=object)
        else:
            columns[field] = pd.Series(values[part.ids[:, place]], dtype=object)
    for place, field in enumerate(names_of(dataset.layout.dense)):
        scale = prepared.encoder.fields[field]
        columns[field] = pd.Series(part.dense[:, place].astype(float) * scale.width + scale.offset)
    for place, task in enumerate(names_of(dataset.labels)):
        columns[task] = pd.Series(part.labels[:, place].astype(int))
    return pd.DataFrame(columns)


def _comparable(frame, dataset):
    """Return the columns of `_decoded`."""
    columns = {field: frame[field].astype(object) for field in names_of(dataset.layout.sparse)}
    for field in names_of(dataset.layout.dense):
        columns[field] = frame[field].astype(float)
    return pd.DataFrame(columns | {task: frame[task].astype(int) for task in names_of(dataset.labels)})


def _seen(rows, known):
    """Return rows in which values that are not known are None, or not in their bag."""

    def seen(value, values):
        return value & values if isinstance(value, frozenset) else value if value in values else None

    columns = {
        field: pd.Series([seen(value, values) for value in rows[field]], rows.index, dtype=object)
        for field, values in known.items()
    }
    return rows.assign(**columns)


def _values(column):
    """Return the different values that rows hold, in bags or one each."""
    bags = (value if isinstance(value, frozenset) else {value} for value in column.unique())
    return set().union(*bags) - {None}


def _numbered(rows):
    """Return for each row a hash of what it holds, and how many such rows stand before it."""
    plain = rows.copy()
    for column in rows:
        if rows[column].dtype == float:
            plain[column] = rows[column].round(5) + 0.0  # no negative zero
        elif isinstance(rows[column].iloc[0], frozenset):
            plain[column] = [" ".join(sorted(bag)) for bag in rows[column]]
    hashes = pd.util.hash_pandas_object(plain, index=False)
    return pd.MultiIndex.from_arrays([hashes, hashes.groupby(hashes.to_numpy()).cumcount()])


def _same(one, two):
    """Return whether two frames hold the same rows, in any order."""
    return len(one) == len(two) and bool(_numbered(one).isin(_numbered(two)).all())
