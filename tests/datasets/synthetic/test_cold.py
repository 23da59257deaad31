import numpy as np
import pytest

from automtl_datasets.synthetic.cold import NEW, PERIODS, VECTOR, Cold


@pytest.fixture(scope="module")
def kind():
    return Cold(0, 8000)


def test_half_of_the_rows_of_the_last_period_have_items_that_no_row_before_has(kind):
    frame = kind.frame()
    last = frame["time"] >= len(frame) * (PERIODS - 1) // PERIODS
    unseen = ~frame.loc[last, "item_id"].isin(frame.loc[~last, "item_id"])
    assert unseen.mean() == pytest.approx(0.5, abs=0.05)


def test_vectors_determine_the_effects_of_items(kind):
    frame, vectors = kind.frame(), kind.vectors()
    assert vectors.shape == (PERIODS * NEW, 16)
    items = frame["item_id"].str.removeprefix("item_id_").astype(int).to_numpy()
    hours = frame["hour"].str.removeprefix("hour_").astype(int).to_numpy()
    for task in kind.tasks():
        chances = frame[f"probability_{task}"].to_numpy()
        logits = np.log(chances / (1 - chances))
        inputs = np.column_stack([vectors[items], kind.effects("item_id")[items], np.eye(24)[hours]])
        weights, *_ = np.linalg.lstsq(inputs, logits, rcond=None)
        assert np.allclose(inputs @ weights, logits, atol=1e-8)


def test_the_truth_names_the_vectors(kind):
    assert all(VECTOR in of_task["fields"] for of_task in kind.truth()["tasks"].values())
