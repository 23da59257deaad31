"""Tables with histories, and logs of new rows in many forms: new rows are read as prepared ones."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from automtl_core.data.frames import NewExamples
from automtl_core.data.new_rows import new_rows
from automtl_core.data.part import Part
from automtl_core.data.prepare.prepare import prepare
from automtl_core.data.store import Prepared
from automtl_core.dataset.dataset import Dataset
from automtl_core.errors import AutoMTLError, DataError
from automtl_core.registry.plugins import load_registry
from automtl_core.workflow.new_rows import _encoded
from automtl_datasets.table import Table
from tests.contract.test_served import check as check_table

from .new_logs import Case, check, first_difference, generate
from .programme import tried

REGISTRY = load_registry()


class Files:
    """The files of a case, as automtl prepares and serves them."""

    def __init__(self) -> None:
        self.dataset: Dataset
        self.prepared: Prepared

    def prepare(self, case: Case) -> tuple[Part, Sequence[int]]:
        """Return the prepared test rows, and the number of ids of each shared field."""
        settings = {name: value for name, value in case.settings.items() if value is not None}
        try:
            self.dataset = Table(Table.settings_class.model_validate(settings))
        except ValidationError as error:
            raise DataError(str(error), "change the settings") from None
        self.prepared = prepare(self.dataset, "table", case.folder, case.folder / "prepared")
        sizes = {field.name: field.size for field in self.prepared.schema.sparse}
        shared = self.prepared.schema.histories[0].shared
        return self.prepared.part("test"), [sizes[name] for name in shared]

    def serve(self, case: Case) -> tuple[Part, Sequence[str]]:
        """Return the new rows, encoded, and the warnings about their histories."""
        warnings: list[str] = []
        reading = NewExamples(
            self.dataset,
            case.rows,
            case.folder,
            histories=self.prepared.schema.histories,
            log=case.log,
            note=lambda sentence, is_warning: warnings.append(sentence) if is_warning else None,
        )
        made: Any = SimpleNamespace(encoder=self.prepared.encoder, unread=(), batch_size=1 << 20)
        with new_rows(reading) as rows:
            (part,) = _encoded(made, rows)
        return part, [sentence for sentence in warnings if "history" in sentence]


def test_the_check_sees_other_events_and_other_rows(tmp_path: Path) -> None:
    """Served rows that are the prepared ones pass; with one other age, outcome, order or row they do not."""

    def changed(part: Part, **events: Any) -> Part:
        history = part.histories[0]
        return replace(part, histories=(replace(history, events=history.events._replace(**events)),))

    def fault(seed: int) -> str | None:
        folder = tmp_path / str(seed)
        folder.mkdir()
        case, files = generate(seed, folder), Files()
        try:
            part, sizes = files.prepare(case)
        except AutoMTLError:
            return None
        ids, outcomes, times = map(np.array, part.histories[0].events)
        others = {
            "age": changed(part, times=times.astype(np.float64) + 7),
            "outcome": changed(part, numbers=1 - outcomes),
            "id": changed(part, ids=np.where(ids > 0, 0, 1)),
            "row": part.some(slice(1, None)),
            "events": replace(part, histories=(part.histories[0].some(np.roll(np.arange(len(part)), 1)),)),
        }
        missed = [what for what, other in others.items() if first_difference(part, other, sizes) is None]
        if problem := first_difference(part, part.some(np.arange(len(part))[::-1]), sizes):
            return f"the order of rows has an effect: {problem}"
        return f"not seen: {missed}" if missed else None

    tried("the check of served rows: changes that it must see", range(12), fault, "predict")


@pytest.mark.parametrize("part", range(2))
def test_logs_of_new_rows(tmp_path: Path, part: int) -> None:
    def fault(seed: int) -> str | None:
        folder = tmp_path / str(seed)
        folder.mkdir()
        files = Files()
        return check(generate(seed, folder), files.prepare, files.serve)

    tried("logs of new rows in other forms", range(50 * part, 50 * (part + 1)), fault, "predict")


@pytest.mark.parametrize("part", range(2))
def test_tables_with_histories(tmp_path: Path, part: int) -> None:
    def fault(seed: int) -> str | None:
        try:
            check_table(seed, tmp_path / str(seed))
        except Exception as error:
            return repr(error)
        return None

    tried(
        "tables with histories",
        range(100 + 50 * part, 150 + 50 * part),
        fault,
        "predict, from files and frames",
    )
