"""Settings of components, in a layer and written out."""

import pytest

from automtl_core.errors import UnknownNameError
from automtl_core.registry.plugins import load_registry
from automtl_core.workflow.components import check_model, parsed, parts, run_of

REGISTRY = load_registry()


def test_the_dataset_adds_the_errors_that_only_it_knows():
    _, (error,) = parsed({"dataset": {"name": "table", "split": "user"}}, REGISTRY)
    assert "dataset.split: user needs a column" in str(error)
    assert parsed({"dataset": "synthetic"}, REGISTRY)[1] == parsed({}, REGISTRY)[1] == []


@pytest.mark.parametrize(
    "name", ["mmoe", "mmoe+uncertainty", "desan:pd-darts", "random-architecture", "a.yaml"]
)
def test_known_names_pass(name):
    check_model(name, load_registry())


@pytest.mark.parametrize("name", ["mmoee", "mmoe+x", "desan:x", "x:pd-darts", "a.yml+x"])
def test_unknown_names_are_errors(name):
    with pytest.raises(UnknownNameError, match=r"is called '(mmoee|x)'"):
        check_model(name, load_registry())


def test_a_run_is_a_model_of_any_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a+b").mkdir()
    check_model("a+b", load_registry())
    check_model("a+b+uncertainty", load_registry())
    assert parts("a+b") == ("a+b", "")
    assert parts("a+b+uncertainty") == ("a+b", "uncertainty")
    assert [path and path[1] for path in map(run_of, ("a+b", "a+b@2", "mmoe"))] == [None, "2", None]
