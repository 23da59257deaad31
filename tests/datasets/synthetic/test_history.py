import hashlib

import numpy as np
import pytest

from automtl_datasets.synthetic.history import Histories


@pytest.fixture(scope="module")
def kind():
    return Histories(0, 6000)


def test_the_last_event_and_ten_events_of_the_category_have_an_effect_and_no_others(kind):
    frame = kind.frame().sort_values(["user_id", "time"])
    last, count = [], []
    for _, of_user in frame.groupby("user_id", sort=False):
        categories, opened = of_user["category"].tolist(), of_user["opened"].tolist()
        for place, category in enumerate(categories):
            last.append(0 if place == 0 else 1 if opened[place - 1] else -1)
            count.append(categories[max(place - 10, 0) : place].count(category))
    chances = frame["probability_click"].to_numpy()
    logits = np.log(chances / (1 - chances))
    fields = []
    for name in ("item_id", "category", "hour"):
        places = frame[name].str.removeprefix(f"{name}_").astype(int).to_numpy()
        fields.append(kind.effects(name)[places])
    inputs = np.column_stack([*fields, last, count, np.ones(len(frame))])
    weights, *_ = np.linalg.lstsq(inputs, logits, rcond=None)
    assert np.allclose(inputs @ weights, logits, atol=1e-8)
    assert weights[:3] == pytest.approx([0.5, 0.4, 0.3])
    assert weights[3] > 0.5
    assert weights[4] > 0.1


def test_the_truth_names_inputs_from_distinct_events(kind):
    assert kind.frame()["time"].is_unique
    for of_task in kind.truth()["tasks"].values():
        assert {"past:last1", "past:category"} < set(of_task["fields"])


def test_rows_are_those_of_every_version():
    text = Histories(1, 3000).frame().to_csv(index=False, float_format="%.6g")
    digest = "fd0ca99b739a376f11bb4c501f74ae164543db5c50657d88b72714e93f0e73ac"
    assert hashlib.sha256(text.encode()).hexdigest() == digest
