"""The check of histories accepts prepared data and finds an event that is shifted."""

from dataclasses import replace

import numpy as np
import pytest

from automtl_core.data.prepare.prepare import prepare
from automtl_core.data.store import Prepared
from automtl_core.dataset.history import History
from automtl_datasets.synthetic import Synthetic, SyntheticSettings
from automtl_testing.histories import check_histories


def test_histories_are_those_of_a_loop_and_a_row_that_sees_itself_is_found(tmp_path, monkeypatch):
    dataset = Synthetic(SyntheticSettings(kind="history", rows=2000))
    data = prepare(dataset, "checked", None, tmp_path)
    assert check_histories(dataset, data, None, tmp_path, rows=300) > 100
    part = Prepared.part

    def leaking(self, name):
        found = part(self, name)
        (history,) = found.histories
        return replace(found, histories=(replace(history, spans=np.add(history.spans, (0, 1))),))

    monkeypatch.setattr(Prepared, "part", leaking)
    with pytest.raises(AssertionError, match="is not the history of a row"):
        check_histories(dataset, data, None, tmp_path, rows=300)


def test_fields_that_are_hashed_or_have_vectors_are_left_out(tmp_path):
    class Cold(Synthetic):
        """Items with vectors, and histories that have them."""

        histories = (History("past", "user_id", "time", ("item_id", "hour"), ("click",)),)

    dataset = Cold(SyntheticSettings(kind="cold", rows=2000, hashed={"hour": 5}))
    data = prepare(dataset, "checked", None, tmp_path)
    assert check_histories(dataset, data, None, tmp_path, rows=300) > 100
