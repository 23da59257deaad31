"""Prepared data that grows: later rows join those of a folder, and old values keep their ids.

All rows of the folder before are training rows, and new rows are divided as the dataset is split. Values that
no new row has stay unknown, since prepared data does not hold the texts of values outside of vocabularies.

Letters: R rows, F shared fields, E events, C codes, V values of bags.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automtl_core.data.encoder import Encoder
from automtl_core.data.frames import NewExamples, NewRows, numbered
from automtl_core.data.new_rows import new_rows
from automtl_core.data.part import CHUNK, COLUMNS, Part
from automtl_core.data.store import ENCODER, FORMAT, PARTS, REJECTED, Prepared, write_array, write_manifest
from automtl_core.dataset.lists import Formed
from automtl_core.errors import DataError
from automtl_core.fields.encode import OUTSIDE, file_name, outside, texts_of
from automtl_core.fields.field import Codes
from automtl_core.fields.lookup import hashes_of
from automtl_core.prepare.new_values import ROWS, codes_of, grown
from automtl_core.prepare.prepare import Accept, anything, write_rejected
from automtl_core.prepare.split import LEFT_OUT, TRAIN, divided, sizes_of
from automtl_core.prepare.values import Parts
from automtl_core.prepare.write import facts_of_labels
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
    notes = list[tuple[str, bool]]()
    with new_rows(replace(reading, note=lambda *said: notes.append(said), identified=True)) as rows:
        parts = _parts(base, rows)
        with publish_folder(path, same_content=True) as draft:
            if rows.rejected:
                write_rejected(draft / REJECTED, rows.rejected)
            kept = ("time_unit", "left_out", "unread")
            facts = {name: base.manifest[name] for name in kept if name in base.manifest}
            facts |= {"fingerprint": digest, "rejected": len(rows.rejected)}
            facts |= _written(base, rows, parts, draft)
            said = {"joined": False, "warnings": True}
            facts |= {name: [one for one, warns in notes if warns == of] for name, of in said.items()}
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
    if rows.times is None:
        free = rows.beyond(base.rows(*PARTS), "the run")
    else:
        lows, highs = zip(*base.times_of_parts.values(), strict=True)
        free = rows.later_than(max(highs), min(lows), "the newest row before")
    count, chosen = int(free.sum()), rows.reading.dataset.settings
    formed = None if rows.lists is None else Formed(rows.lists, rows.began)
    groups: NDArray[Any] | None = None
    if chosen.split == "time" and rows.times is not None:
        groups = np.unique(rows.times.seconds, return_inverse=True)[1]
    elif chosen.split == "user":
        user, known = str(rows.reading.dataset.user), dict[str, int]()
        users = [np.zeros(0, np.int32), *(numbered(chunk[user], known) for chunk in rows.chunks(ROWS))]
        groups = np.concatenate(users) - 1
    shares = [round(count * share) for share in (chosen.validation_fraction, chosen.test_fraction)]
    parts = np.full(len(rows), LEFT_OUT, np.int8)
    parts[free] = divided(chosen.split, chosen.split_seed, shares, free, groups, formed)
    if lacking := [name for name, size in zip(PARTS, sizes_of(parts), strict=True) if not size]:
        raise DataError(
            f"{count:,} new rows are too few: none is left for the {lacking[0]} part", "give more rows"
        )
    return parts


def _written(base: Prepared, rows: NewRows, parts: Parts, draft: Path) -> dict[str, Any]:
    """Write all files but the manifest; return what is known about the rows."""
    (draft / ENCODER).mkdir()
    before = base.encoder.of_run(rows.reading.histories, base.encoder.aggregates)
    encoder = grown(before, base, rows, parts == TRAIN, draft / ENCODER)
    encoder.save(draft / ENCODER)
    made, held = _Joined(base, before, encoder), dict[str, int]()
    made.add(rows)
    for place, part in enumerate(PARTS):
        mine, olds = np.flatnonzero(parts == place), PARTS if part == "train" else ()
        if rows.lists is not None:  # the rows of a list are neighbours
            mine = mine[np.argsort(rows.lists[mine], kind="stable")]
        held[part] = len(mine) + sum(base.manifest["rows"][one] for one in olds)
        for name, array in made.arrays.items():
            made.write(draft, f"{part}/{name}", [f"{one}/{name}" for one in olds], array[mine])
    for name, array in made.shared.items():
        made.write(draft, name, [name], array)
    labels = facts_of_labels(draft, encoder.schema.tasks)
    facts = {"schema": encoder.schema.to_json(), "rows": held, "labels": labels}
    return {**facts, "fresh": base.manifest["rows"]["train"]}


@dataclass(frozen=True)
class _Joined:
    """New rows behind the rows before, all of them in the numbers of the grown vocabularies."""

    base: Prepared
    before: Encoder
    """The encoder of the rows before."""
    encoder: Encoder
    """The grown one."""
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    """Name of a file of a part -> the new rows in it, [R] or [R, width]."""
    shared: dict[str, NDArray[Any]] = field(default_factory=dict)
    """Name of a file to which rows refer -> what comes behind: bags, events and hashes."""

    @cached_property
    def new_values(self) -> dict[int, Codes]:
        """Place of a field -> 0, then the numbers `outside` of its new values, in the order of their ids."""
        found = {}
        for place, name in enumerate(one.name for one in self.before.schema.sparse):
            if name in self.base.hashes:
                before, now = self.before.fields[name], self.encoder.fields[name]
                new = outside(hashes_of(now.decode(range(before.size, now.size))))
                found[place] = np.append(np.int32(0), new)
        return found

    def add(self, rows: NewRows) -> None:
        """Encode the new rows, whose numbers of users, lists, bags, codes and events follow those before."""
        found, user = defaultdict[str, list[Any]](list), rows.reading.dataset.user
        for chunk, part in rows.parts(self.encoder):
            for file, values in self._encoded(chunk, part, found).items():
                found[file].append(values)
        for file, blocks in found.items():
            (self.shared if "/" in file else self.arrays)[file] = np.concatenate(blocks)
        for name, table in self.base.hashes.items():
            of_rows = self.shared[_hashes(name)]
            self.shared[_hashes(name)] = more = np.setdiff1d(of_rows, table)
            self.arrays[f"{file_name(name)}.codes"] = codes = codes_of(of_rows, np.append(table, more))
            if name == user:
                self.arrays["users"] = codes
        for place, one in enumerate(self.encoder.schema.sparse):
            if one.kind == "bag":
                starts = self._before(file := f"bags/{file_name(one.name)}.starts")
                self.arrays["ids"][:, place] = len(starts) - 1 + np.arange(len(rows))
                self.shared[file] = starts[-1] + self.shared[file].cumsum()
        self.arrays["rows"] = rows.digests
        seconds = None if rows.times is None else rows.times.seconds
        for file, given in (("begin", rows.began), ("seconds", seconds)):
            if given is not None:
                self.arrays[file] = given
        for file in {"users", "lists"} & self.arrays.keys():
            if file == "lists" or user not in self.base.hashes:  # no row before has their numbers
                first = max(int(self._before(f"{part}/{file}").max(initial=0)) for part in PARTS)
                self.arrays[file] = np.where(self.arrays[file] > 0, self.arrays[file] + first, 0)

    def _encoded(
        self, chunk: pd.DataFrame, part: Part, found: Mapping[str, Sequence[Any]]
    ) -> dict[str, NDArray[Any]]:
        """Return what some rows bring by file; bags have their lengths in place of their starts."""
        schema, of = self.encoder.schema, {n: one for n in COLUMNS if (one := getattr(part, n)) is not None}
        for name in self.base.hashes:
            of[_hashes(name)] = hashes_of(texts_of(name, chunk, None))
        for place, (starts, values) in part.bags.items():
            stem = f"bags/{file_name(schema.sparse[place].name)}"
            of |= {f"{stem}.starts": np.diff(starts[1:]), f"{stem}.values": values}
        for history, rows in zip(schema.histories, part.histories, strict=True):
            name = file_name(history.name)
            first = len(self._before(f"events/{name}/times")) + sum(map(len, found[f"events/{name}/times"]))
            of |= {f"events/{name}/{array}": events for array, events in rows.events._asdict().items()}
            of |= {
                f"{name}.spans": rows.spans + first,
                f"{name}.times": rows.times,
                f"{name}.values": rows.values,
            }
        return of

    def write(self, draft: Path, file: str, olds: Sequence[str], more: NDArray[Any]) -> None:
        """Write a file: those before, one after the other, and what comes behind."""
        (path := draft / f"{file}.npy").parent.mkdir(parents=True, exist_ok=True)
        like, rows = self._before(file), sum(len(self._before(one)) for one in olds) + len(more)
        dtype = np.int64 if file.endswith(".spans") else like.dtype
        write_array(path, dtype, (rows, *like.shape[1:]), chain(*map(self._blocks, olds), [more]))

    def _before(self, file: str) -> NDArray[Any]:
        return np.load(self.base.path / f"{file}.npy", mmap_mode="r")  # type: ignore[no-any-return]

    def _blocks(self, file: str) -> Iterator[NDArray[Any]]:
        """Yield an array before, some rows at a time."""
        array, (part, name) = self._before(file), file.split("/", 1)
        of_events = {
            file_name(one.name) + of: one
            for one in self.before.schema.histories
            for of in ("/ids", ".values")
        }
        for start in range(0, len(array), CHUNK):
            some = slice(start, start + CHUNK)
            block = np.array(array[some])
            if name == "ids":
                for place, (codes, hashes) in self.base.part(part).coded.items():
                    unknown = (block[:, place] == 0) & (codes[some] > 0)
                    ids = self._ids_now(place, outside(hashes[codes[some][unknown]]))
                    block[unknown, place] = np.where(ids < OUTSIDE, ids, 0)
            elif (history := of_events.get(name)) is not None:
                for column, place in zip(block.T, self.before.schema.shared_fields(history), strict=True):
                    column[:] = self._ids_now(place, column) if place in self.new_values else column
            yield block

    def _ids_now(self, place: int, numbers: Codes) -> Codes:
        """Return the ids of values of a field that have become known by their numbers; others stay."""
        places = codes_of(numbers, self.new_values[place])
        return np.where(places > 0, self.before.schema.sparse[place].size - 1 + places, numbers)


def _hashes(field: str) -> str:
    """Return the name of the file with the hashes of the values of a field."""
    return f"hashes/{file_name(field)}"
