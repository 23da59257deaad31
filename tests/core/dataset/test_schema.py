"""The schema: its checks, its tasks and encodings, its form as JSON, and what a dataset declares of it."""

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from failures import but

from automtl_core.dataset.dataset import Dataset, DatasetSettings, Dense, Label, Sparse, schema_of
from automtl_core.dataset.declarations import History
from automtl_core.dataset.encodings import PLAIN, Encodings, in_full, plain
from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task, products, scores_of
from automtl_core.errors import ArtifactError, PluginError, UsageError
from automtl_core.prepare.prepare import prepare
from automtl_core.registry.kinds import DATASETS
from automtl_core.registry.plugins import load_registry

FIELDS = (SparseField("user", 3), SparseField("item", 5))


def schema(*tasks):
    return Schema(FIELDS, (DenseField("price"),), tasks)


def funnel(*tasks):
    return [task.name for task in schema(*tasks).funnel()]


def test_tasks_keep_their_order_unless_one_comes_after_another():
    assert funnel(Task("b"), Task("a"), Task("c")) == ["b", "a", "c"]
    tasks = (Task("buy", "click"), Task("share"), Task("click"), Task("cart", "click"), Task("pay", "buy"))
    assert funnel(*tasks) == ["share", "click", "buy", "cart", "pay"]


@pytest.mark.parametrize(
    "tasks",
    [
        (Task("buy", "clik"), Task("click")),
        (Task("click"), Task("buy", "buy")),
        (Task("click"), Task("buy", "pay"), Task("pay", "buy")),
        (Task("click"), Task("buy", "user")),
    ],
)
def test_a_task_comes_after_another_task_and_never_after_itself(tasks):
    after = next(task.after for task in tasks if task.name == "buy")
    with pytest.raises(ArtifactError, match=f"^task 'buy' comes after '{after}', which is not a task or"):
        schema(*tasks)


def test_networks_may_read_fields_and_aggregates():
    made = schema(Task("click"), Task("buy"))
    assert made.readable() == made.fields() == ["user", "item", "price"]
    keys = (("item", "user"), "price")
    encoded = made.encoded(plain().with_answers(aggregates=keys))
    assert encoded.readable() == ["user", "item", "price", "by item*user", "by price"]
    assert encoded.fields() == made.fields()
    assert encoded.aggregates() == {"by item*user": 2 + 1, "by price": 2 + 1}, "tasks, a count"
    assert (made.n_numbers, encoded.n_numbers) == (1, 1 + 3 + 3)


@pytest.mark.parametrize(
    ("aggregate", "message"),
    [
        ("users", "by users: 'users' is not a field, or is there twice"),
        (("user", "user"), "by user.user: 'user' is not a field, or is there twice"),
        (("tags", "words"), "by tags.words has two multi-valued fields"),
    ],
)
def test_aggregates_name_fields_and_at_most_one_of_several_values(aggregate, message):
    bags = SparseField("tags", 4, "bag"), SparseField("words", 4, "bag")
    made = Schema((*FIELDS, *bags), (DenseField("price"),), (Task("click"),))
    assert made.encoded(plain().with_answers(aggregates=(("tags", "user", "price"),))).n_numbers == 1 + 2
    with pytest.raises(UsageError, match=message):
        made.encoded(plain().with_answers(aggregates=(aggregate,)))


def test_a_field_cannot_have_the_name_of_an_aggregate_or_of_a_history():
    keys = plain().with_answers(aggregates=(("item", "user"),))
    taken = Schema((*FIELDS, SparseField("by item*user", 2)), (), (Task("click"),))
    with pytest.raises(UsageError, match=r"'by item\*user' names two of the fields, aggregates"):
        taken.encoded(keys)
    with pytest.raises(UsageError, match=r"'by user' names two"):
        schema(Task("click")).encoded(plain().with_answers(aggregates=("user", "user")))
    past = (History("past", "user", "at", ("item",)),)
    named = Schema((*FIELDS, SparseField("past", 2)), (), (Task("click"),), histories=past)
    assert named.encoded(plain()).fields()[-1] == "past"
    with pytest.raises(UsageError, match="'past' names two of the fields"):
        named.encoded(plain().with_answers(history=("matches",)))


def test_it_survives_json():
    encodings = plain().with_answers(aggregates=(("user", "item"),), numbers="bins")
    made = schema(Task("buy", after="click"), Task("click")).encoded(encodings)
    value = json.loads(json.dumps(made.to_json()))
    assert [(task["name"], task["after"]) for task in value["tasks"]] == [("buy", "click"), ("click", None)]
    assert Schema.from_json(value) == made
    with pytest.raises(ArtifactError):
        Schema.from_json({**value, "encodings": {"numbers": "roman"}})


@pytest.mark.parametrize("value", [{}, {"sparse": [], "dense": [], "tasks": [3]}, [], {"sparse": 7}])
def test_anything_else_is_no_schema(value):
    with pytest.raises(ArtifactError, match=r"^not a schema"):
        Schema.from_json(value)


@pytest.mark.parametrize(
    ("sparse", "dense", "tasks", "message"),
    [
        (FIELDS, (DenseField("user"),), (Task("click"),), "the field 'user' twice"),
        (FIELDS, (), (Task("click"), Task("click")), "the task 'click' twice"),
        ((), (), (Task("click"),), "at least one field and one task"),
        (FIELDS, (), (), "at least one field and one task"),
    ],
)
def test_names_are_unique_and_nothing_is_empty(sparse, dense, tasks, message):
    with pytest.raises(ArtifactError, match=message):
        Schema(sparse, dense, tasks)


def test_events_have_the_products_of_probabilities_and_names_of_their_own():
    chain = [Task("a"), Task("b", given="a"), Task("c", given="b")]
    names = [score.name for score in scores_of(chain)]
    assert names == ["a", "b_given_a", "a_and_b", "c_given_b", "a_and_b_and_c"]
    found = products(scores_of(chain), np.array([[0.5, 0.5, 0.1]]))
    assert np.allclose(found, [[0.5, 0.5, 0.25, 0.1, 0.025]])
    tasks = [Task("a"), Task("b", given="a"), Task("a_and_b"), Task("c", kind="regression", given="a")]
    names = [score.name for score in scores_of(tasks)]
    assert names == ["a", "b_given_a", "a_and_b_", "a_and_b", "c_given_a"]
    assert [score.name for score in scores_of([Task("buy", given="click")])] == ["buy"]


def test_a_word_stands_for_all_and_what_is_not_answered_is_to_be_looked_up():
    assert Encodings.model_validate(in_full("auto")) == Encodings()
    assert Encodings.model_validate(in_full("ids")) == plain()
    assert in_full({"numbers": "bins"}) == {"numbers": "bins"}
    assert Encodings().unanswered() == tuple(PLAIN)
    assert Encodings(aggregates=()).unanswered() == ("numbers", "derived", "history")
    assert not plain().auto
    assert plain().plain
    assert not plain().with_answers(numbers="bins").plain


def test_an_aggregate_is_its_key_alone_or_has_means_too():
    one, two, more = Encodings(aggregates=["a", ["b", "a"], {"key": ["c"], "half_life": 2}]).keys
    assert (one.key, two.key, more.key, more.half_life) == (("a",), ("b", "a"), ("c",), 2)
    assert [each.name for each in (one, two, more)] == ["by a", "by b*a", "by c with half-life 2"]
    assert Encodings().keys == ()
    for wrong in ([], ["a", "b", "c", "d"]):
        with pytest.raises(UsageError, match="aggregates"):
            Encodings.parse({"aggregates": [wrong]}, "features")


class Shop(Dataset):
    version = 1
    fields: Sequence[Sparse | Dense] = (Dense("price"), Sparse("user"), Sparse("item"))
    labels: Sequence[Label] = (Label("click"), Label("buy", after="click"))

    def rows(self, db):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("declared", "fault"),
    [
        ({"labels": (Label("click"), Label("buy", after="clik"))}, "label 'buy': after names 'clik'"),
        ({"fields": (), "labels": ()}, "`fields` is empty; `labels` is empty"),
        ({"version": None}, "`version` has to be a whole number"),
    ],
)
def test_a_class_is_checked_when_it_is_registered_and_its_settings_when_it_is_made(declared, fault):
    with pytest.raises(PluginError, match=f"^dataset 'shop': {fault}"):
        DATASETS.check("shop", but(Shop, **declared))
    DATASETS.check("shop", Shop)
    late = but(Shop, user="nobody", declare=lambda self: None)  # may follow from settings
    DATASETS.check("shop", late)
    with pytest.raises(PluginError, match="Other: user names 'nobody', which is not a field"):
        late(DatasetSettings())


SYNTHETIC = load_registry().get(DATASETS, "synthetic")


@pytest.mark.parametrize("kind", ["pairs", "history"])
def test_it_differs_from_the_prepared_schema_only_in_what_rows_define(kind, tmp_path):
    dataset = SYNTHETIC(SYNTHETIC.settings_class.parse({"kind": kind, "rows": 300}))
    expected = schema_of(dataset)
    prepared = prepare(dataset, "synthetic", None, tmp_path).schema
    assert {field.size for field in expected.sparse} == {2}
    sizes = [field.size for field in prepared.sparse]
    fields = tuple(replace(f, size=size) for f, size in zip(expected.sparse, sizes, strict=True))
    assert replace(expected, sparse=fields, dense=prepared.dense) == prepared
