"""Drift between two tables, and the command for both kinds."""

import numpy as np
import pandas as pd
import pytest

pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, share in (("old", 0.0), ("new", 0.3)):
        draw = np.random.default_rng(len(name) + int(10 * share))
        frame = pd.DataFrame({"user_id": draw.integers(0, 300, 2000), "city": draw.choice(list("abc"), 2000)})
        frame["price"] = draw.normal(size=2000).round(4)
        frame.loc[draw.random(2000) < share, "city"] = "d"
        frame["click"] = (draw.random(2000) < 0.3 + share).astype(int)
        frame.to_csv(f"{name}.csv", index=False)


def test_tables_are_compared_by_the_roles_of_their_columns(automtl):
    found = automtl("data", "drift", "old.csv", "new.csv", "--json").json()
    drifted = {shift["column"]: shift for shift in found["shifts"] if shift["p"] < 0.05}
    assert drifted.keys() == {"city", "click"}
    assert (drifted["city"]["value"], drifted["click"]["value"]) == ("d", "mean")
    assert (found["rows"], found["columns"], found["days"]) == ([2000, 2000], 4, [])
    out = automtl("data", "drift", "old.csv", "new.csv").out
    assert "new.csv, 2,000 rows, against old.csv, 2,000 rows: 2 of 4 columns differ beyond chance" in out
    out = automtl("data", "drift", "old.csv", "old.csv").out
    assert "no column differs beyond chance" in out


def test_a_table_that_lacks_a_column_is_an_error(automtl):
    pd.read_csv("new.csv").drop(columns="city").to_csv("less.csv", index=False)
    found = automtl("data", "drift", "old.csv", "less.csv")
    assert found.code == 65
    assert "city" in found.err
    assert automtl("data", "drift", "missing.csv", "new.csv").code == 66
