"""Prepared data that grows: later rows join those of a folder, and old values keep their ids.

All rows of the folder before are training rows, and new rows are divided as the dataset is split. Values that
no new row has stay unknown, since prepared data does not hold the texts of values outside of vocabularies.

Letters: R rows, F shared fields, E events, C codes, V values of bags.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automtl_core.data.encoder import Encoder
from automtl_core.data.frames import NewExamples, NewRows
from automtl_core.data.new_rows import new_rows
from automtl_core.data.part import CHUNK, Bags, Events, Part
from automtl_core.data.store import ENCODER, FORMAT, PARTS, REJECTED, Prepared, events_folder, write_manifest
from automtl_core.dataset.declarations import History
from automtl_core.dataset.lists import Formed
from automtl_core.errors import DataError
from automtl_core.fields.encode import file_name, texts, texts_of
from automtl_core.fields.lookup import hashes_of
from automtl_core.prepare.new_values import ROWS, grown, ids_of_codes, vocabulary_of
from automtl_core.prepare.prepare import Accept, anything, write_rejected
from automtl_core.prepare.split import LEFT_OUT, TRAIN, Parts, divided, ranks, sizes_of
from automtl_core.prepare.write import Tally, write_array
from automtl_core.raw.find import listed_files
from automtl_core.system.documents import canonical, sha256
from automtl_core.system.files import publish_folder, remove_stale


def grow(
    base: Prepared, reading: NewExamples, root: Path, elsewhere: Path | None = None, accept: Accept = anything
) -> Prepared:
    """Return prepared data with more rows, from a folder in `root` if it exists.

    Args:
        base: The data before, whose parts all become training rows.
        reading: Labelled rows in files, with their times under a split by time.
        root: Folder of all prepared datasets; a failed preparation leaves nothing there.
        elsewhere: A second folder of prepared datasets, read-only.
        accept: Receives the origin of the data before anything is written; may refuse it.

    Raises:
        DataError: no row is new, a part has no rows, or as `new_rows` raises it.
        ArtifactError: the folder exists and is damaged.

    """
    known = {name: base.manifest[name] for name in ("dataset", "version", "settings", "content")}
    origin = known | {"raw": {**base.manifest["raw"], **_files(base.manifest["raw"], reading)}}
    histories = [one.name for one in reading.histories]
    parent = {"parent": base.manifest["fingerprint"], "refit": base.of_refit, "histories": histories}
    digest = hashlib.sha256(canonical({"format": FORMAT, **origin, **parent})).hexdigest()
    accept({**origin, "fingerprint": digest})
    path = root / f"{known['dataset']}-{digest[:12]}"
    for folder in (root, elsewhere):
        if folder is not None and (folder / path.name).exists():
            remove_stale(root)
            return Prepared.open(folder / path.name, reused=True, kinds=base.kinds)
    notes: dict[bool, list[str]] = {False: [], True: []}

    def note(sentence: str, is_warning: bool) -> None:
        notes[is_warning].append(sentence)

    with new_rows(replace(reading, note=note, identified=True)) as rows:
        parts = _parts(base, rows)
        with publish_folder(path, same_content=True) as draft:
            if rows.rejected:
                write_rejected(draft / REJECTED, rows.rejected)
            facts = {name: base.manifest[name] for name in ("truth", "time_unit", "left_out")}
            facts |= {"fingerprint": digest, "rejected": len(rows.rejected)}
            facts |= _written(base, rows, parts, draft)
            facts |= {"joined": notes[False], "warnings": notes[True]}
            manifest = write_manifest(draft, {**origin, **parent, **facts})
    return Prepared(path, manifest, kinds=base.kinds)


def _files(before: Mapping[str, Any], reading: NewExamples) -> dict[str, dict[str, Any]]:
    """Return the sizes and digests of new files, with other names than those before."""
    found = {}
    for given in (reading.examples, reading.log):
        for path in listed_files(str(given))[2] if isinstance(given, Path) else ():
            digest = str(sha256(path))
            name = path.name if path.name not in before else f"{path.name} ({digest[:12]})"
            found[name] = {"bytes": path.stat().st_size, "sha256": digest}
    return found


def _parts(base: Prepared, rows: NewRows) -> Parts:
    """Return the parts of new rows, [R]; `LEFT_OUT` for rows that are known, or not later than all before.

    Raises:
        DataError: no row is new, a part has no rows, or times are in another unit than before.

    """
    parts, ends = np.full(len(rows), LEFT_OUT, np.int8), base.times_of_parts.values() or [(0.0, 0.0)]
    first, newest = min(low for low, _ in ends), max(high for _, high in ends)
    if rows.times is None:
        free = rows.beyond(base.rows(*PARTS), "the run")
    else:
        free = rows.later_than(newest, first, "the newest row before")
    places, settings = np.flatnonzero(free), base.manifest["settings"]
    formed = None
    if rows.lists is not None:
        formed = Formed(rows.lists[places], None if rows.began is None else rows.began[places])
    groups: NDArray[Any] | None = None
    if settings["split"] == "time" and rows.times is not None:
        groups = ranks(rows.times.seconds[places])
    elif settings["split"] == "user":
        groups = _users(rows)[places]
    shares = settings["validation_fraction"], settings["test_fraction"]
    shares = tuple(round(len(places) * share) for share in shares)
    parts[places] = divided(settings["split"], settings["split_seed"], shares, len(places), groups, formed)
    if lacking := [name for name, size in zip(PARTS, sizes_of(parts), strict=True) if not size]:
        raise DataError(
            f"{len(places):,} new rows are too few: none is left for the {lacking[0]} part", "give more rows"
        )
    return parts


def _users(rows: NewRows) -> NDArray[np.int32]:
    """Return the number of the user of each new row, -1 for none, [R]."""
    users = [user for chunk in rows.chunks(ROWS) for user in texts(chunk[rows.reading.dataset.user])]
    return pd.factorize(pd.Series(users, dtype=object).replace("", None))[0].astype(np.int32)


Codes = dict[str, tuple[int, int]]
"""Field with a vocabulary -> number of codes of old rows, and of all rows."""


@dataclass(frozen=True)
class _New:
    """The encoded new rows."""

    arrays: dict[str, NDArray[Any]]
    """Name of a file of a part -> the rows in it, [R, width]."""
    bags: dict[str, Bags]
    """Multi-valued field -> its bags, without the empty one."""
    events: dict[str, Events]
    """History -> its events."""
    hashes: dict[str, NDArray[np.uint64]]
    """Field with a vocabulary -> hashes of the values of the codes of old and new rows, [C]."""
    codes: Codes


def _written(base: Prepared, rows: NewRows, parts: Parts, draft: Path) -> dict[str, Any]:
    """Write all files but the manifest; return what is known about the rows."""
    (draft / ENCODER).mkdir()
    before = base.encoder.of_run(rows.reading.histories, base.encoder.aggregates)
    encoder = grown(before, base, rows, parts == TRAIN, draft / ENCODER)
    encoder.save(draft / ENCODER)
    old, new = _Old(base, before, encoder), _encoded(base, encoder, rows)
    tally, held = Tally.of(encoder.schema.tasks), dict[str, int]()
    for place, part in enumerate(PARTS):
        mine, olds = np.flatnonzero(parts == place), PARTS if part == "train" else ()
        if rows.lists is not None:  # the rows of a list are neighbours
            mine = mine[np.argsort(rows.lists[mine], kind="stable")]
        held[part] = len(mine) + sum(base.manifest["rows"][one] for one in olds)
        (draft / part).mkdir()
        for name, array in new.arrays.items():
            blocks = [*(old.blocks(one, name, new) for one in olds), [array[mine]]]
            shape = held[part], array.shape[1]
            write_array(draft / part / f"{name}.npy", array.dtype, shape, chain.from_iterable(blocks))
        labels = np.load(draft / part / "labels.npy", mmap_mode="r")
        weights = np.load(draft / part / "weights.npy", mmap_mode="r") if "weights" in new.arrays else None
        for start in range(0, len(labels), CHUNK):
            some = slice(start, start + CHUNK)
            tally.add(place, labels[some], None if weights is None else weights[some])
    old.write_shared(new, draft)
    facts = {"schema": encoder.schema.to_json(), "rows": held, "labels": tally.facts(encoder.schema.tasks)}
    return {**facts, "fresh": base.manifest["rows"]["train"]}


@dataclass(frozen=True)
class _Old:
    """The rows before, in the numbers of the new vocabularies and behind which new rows follow."""

    base: Prepared
    before: Encoder
    """Their encoder."""
    encoder: Encoder
    """The grown one."""

    @cached_property
    def new_ids(self) -> dict[int, NDArray[np.int32]]:
        """Place of a field with codes -> the id of each code that is a new value, 0 for others, [C]."""
        places, found = {one.name: n for n, one in enumerate(self.before.schema.sparse)}, {}
        for name, hashes in self.base.hashes.items():
            before, now = vocabulary_of(self.before.fields[name]), vocabulary_of(self.encoder.fields[name])
            if before is not None and now is not None and now.size > before.size:
                found[places[name]] = ids_of_codes(hashes, before, now)
        return found

    def blocks(self, part: str, name: str, new: _New) -> Iterator[NDArray[Any]]:
        """Yield an array of a part, some rows at a time."""
        array, coded = (
            np.load(self.base.path / part / f"{name}.npy", mmap_mode="r"),
            self.base.part(part).coded,
        )
        shared = {f"{file_name(one.name)}.values": one for one in self.encoder.schema.histories}
        for start in range(0, len(array), CHUNK):
            some = slice(start, start + CHUNK)
            block = array[some]
            if name == "ids" and self.new_ids:
                block = block.copy()
                for place, ids in self.new_ids.items():
                    column = block[:, place]
                    column[column == 0] = ids[coded[place].codes[some][column == 0]]
            elif name in shared:
                block = self.renumbered(block, shared[name], new.codes)
            yield block

    def renumbered(self, values: NDArray[np.int32], history: History, codes: Codes) -> NDArray[np.int32]:
        """Return values of shared fields, [E, F], numbered as in the grown data.

        A value outside of the vocabulary has a number above it: by its code, see `matched_values`, or, of new
        rows, beyond all codes. It gets its id if it has become known.
        """
        columns = []
        for place, column in zip(self.before.schema.shared_fields(history), values.T, strict=True):
            name = self.before.schema.sparse[place].name
            last, ids = self.before.fields[name].size - 1, self.new_ids.get(place)
            grown_by, (known, all_codes) = self.encoder.fields[name].size - 1 - last, codes.get(name, (0, 0))
            code = column - last
            moved = column + np.where(code < known, grown_by, grown_by + all_codes - known)
            if ids is not None:
                of_code = ids[np.clip(code, 0, known - 1)]
                moved = np.where((code < known) & (of_code > 0), of_code, moved)
            columns.append(np.where(code <= 0, column, moved))
        return np.stack(columns, axis=1).astype(np.int32)

    def write_shared(self, new: _New, draft: Path) -> None:
        """Write the arrays that rows refer to: bags, events and hashes, those of new rows behind old ones."""
        path = self.base.path
        for name, (starts, values) in new.bags.items():
            (draft / "bags").mkdir(exist_ok=True)
            files = [f"bags/{file_name(name)}.{array}.npy" for array in Bags._fields]
            ends, held = (np.load(path / file, mmap_mode="r") for file in files)
            np.save(draft / files[0], np.concatenate([ends, starts[1:] + ends[-1]]))
            np.save(draft / files[1], np.concatenate([held, values]))
        for name, hashes in new.hashes.items():
            (draft / "hashes").mkdir(exist_ok=True)
            np.save(draft / "hashes" / f"{file_name(name)}.npy", hashes)
        for history in self.encoder.schema.histories:
            there = events_folder(draft, history.name)
            there.mkdir(parents=True)
            for name, array in new.events[history.name]._asdict().items():
                old = np.load(events_folder(path, history.name) / f"{name}.npy", mmap_mode="r")
                moved = self.renumbered(old, history, new.codes) if name == "ids" else old
                np.save(there / f"{name}.npy", np.concatenate([moved, array.astype(old.dtype)]))


def _encoded(base: Prepared, encoder: Encoder, rows: NewRows) -> _New:
    """Return the new rows, whose numbers of users, lists, bags, codes and events follow the ones before."""
    schema, user = encoder.schema, rows.reading.dataset.user
    held = list[Part]()
    hashes: dict[str, list[NDArray[np.uint64]]] = {name: [] for name in base.hashes}
    weights, users = list[NDArray[np.float32]](), list[str]()
    for chunk in rows.chunks(ROWS):
        held.append(encoder.encode(chunk))
        for name, values in hashes.items():
            values.append(hashes_of(texts_of(name, chunk, None)))
        if schema.weights:
            weights.append(encoder.weights(chunk))
        if user is not None and user not in hashes:
            users += texts(chunk[user])
    arrays = {name: np.concatenate([getattr(p, name) for p in held]) for name in ("ids", "dense", "labels")}
    if weights:
        arrays["weights"] = np.concatenate(weights)
    new = _New(arrays, {}, {}, {}, {})
    for name, of_rows in hashes.items():
        codes, new.hashes[name] = _codes(np.concatenate(of_rows), base.hashes[name])
        new.codes[name] = len(base.hashes[name]), len(new.hashes[name])
        arrays[f"{file_name(name)}.codes"] = codes[:, None]
        if name == user:
            arrays["users"] = codes[:, None]
    if users:
        numbers = pd.factorize(pd.Series(users, dtype=object).replace("", None))[0] + 1
        arrays["users"] = _behind(numbers, base, "users")
    if rows.lists is not None:
        arrays["lists"] = _behind(rows.lists, base, "lists")
        if rows.began is not None:
            arrays["begin"] = rows.began[:, None]
    arrays["rows"] = rows.digests[:, None]
    if rows.times is not None:
        arrays["seconds"] = rows.times.seconds[:, None]
    for place, one in enumerate(schema.sparse):
        if one.kind == "bag":
            new.bags[one.name] = bags = _joined([part.bags[place] for part in held])
            first = len(base.part("train").bags[place].starts) - 1
            arrays["ids"][:, place] = np.arange(first, first + len(bags.starts) - 1)
    for place, history in enumerate(schema.histories):
        of = [part.histories[place] for part in held]
        sparse = [schema.sparse[n] for n in schema.shared_fields(history)]
        largest = np.array([one.size - 1 for one in sparse])
        codes_of = np.array([new.codes.get(one.name, (0, 0))[1] for one in sparse])

        def beyond(values: NDArray[np.int32]) -> NDArray[np.int32]:
            """Return values, [E, F], whose numbers outside of vocabularies are beyond all codes."""
            return np.where(values > largest, values + codes_of, values).astype(np.int32)  # noqa: B023

        events = Events(*map(np.concatenate, zip(*(one.events for one in of), strict=True)))
        new.events[history.name] = events._replace(ids=beyond(events.ids))
        before, name = base.part("train").histories[_place(base, history)], file_name(history.name)
        starts = np.cumsum([len(before.events.times), *(len(one.events.times) for one in of[:-1])])
        spans = [one.spans + start for one, start in zip(of, starts, strict=True)]
        arrays[f"{name}.spans"] = np.concatenate(spans).astype(np.int64)
        arrays[f"{name}.times"] = np.concatenate([one.times for one in of])[:, None].astype(np.float64)
        arrays[f"{name}.values"] = beyond(np.concatenate([one.values for one in of]))
    return new


def _place(base: Prepared, history: History) -> int:
    return [one.name for one in base.schema.histories].index(history.name)


def _joined(bags: Sequence[Bags]) -> Bags:
    """Return the bags of several chunks one after the other, each of which begins with an empty one."""
    ends, start = [np.zeros(1, np.int64)], 0
    for one in bags:
        ends.append(one.starts[2:] + start)
        start += int(one.starts[-1])
    return Bags(np.concatenate(ends), np.concatenate([one.values for one in bags]))


def _codes(
    hashes: NDArray[np.uint64], known: NDArray[np.uint64]
) -> tuple[NDArray[np.int32], NDArray[np.uint64]]:
    """Return the codes of values, 0 for none, [R], and the hashes of all codes, [C]."""
    new = np.setdiff1d(hashes, known)
    table = np.concatenate([known, new[new > 0]])
    order = np.argsort(table[1:])
    places = order[np.searchsorted(table[1:], hashes, sorter=order).clip(max=max(len(table) - 2, 0))]
    return np.where(hashes > 0, places + 1, 0).astype(np.int32), table


def _behind(numbers: NDArray[Any], base: Prepared, name: str) -> NDArray[np.int32]:
    """Return numbers of users or lists, 0 for none, that no row before has, [R, 1]."""
    columns = [np.load(base.path / part / f"{name}.npy", mmap_mode="r") for part in PARTS]
    first = max(int(column.max(initial=0)) for column in columns)
    found: NDArray[np.int32] = np.where(numbers > 0, numbers + first, 0).astype(np.int32)[:, None]
    return found
