import sys

from app import app, columns, scores
from fastapi.testclient import TestClient

client = TestClient(app)


def test_rows_have_predictions():
    rows = [{}, dict.fromkeys(columns)]
    answer = client.post("/predict", json=rows)
    assert answer.status_code == 200
    assert [list(each) for each in answer.json()] == [scores, scores]
    assert all(0 <= value <= 1 for each in answer.json() for value in each.values())


def test_wrong_values_are_refused():
    answer = client.post("/predict", json=[{columns[0]: {"a": 1}}])
    assert answer.status_code == 422
    assert columns[0] in answer.json()["detail"]


def test_neither_automtl_nor_torch_is_needed():
    assert not {"automtl", "automtl_core", "torch"} & {*sys.modules}
