"""The schema: its checks, the order of its tasks, and its form as JSON."""

import json

import numpy as np
import pytest

from automtl_core.dataset.declarations import History
from automtl_core.dataset.encodings import plain
from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task, products, scores_of
from automtl_core.errors import ArtifactError, UsageError

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
    ("tasks", "stuck"),
    [
        ((Task("buy", "clik"), Task("click")), "task 'buy' comes after 'clik'"),
        ((Task("click"), Task("buy", "buy")), "task 'buy' comes after 'buy'"),
        ((Task("click"), Task("buy", "pay"), Task("pay", "buy")), "task 'buy' comes after 'pay'"),
        ((Task("click"), Task("buy", "user")), "task 'buy' comes after 'user'"),
    ],
)
def test_a_task_comes_after_another_task_and_never_after_itself(tasks, stuck):
    with pytest.raises(ArtifactError, match=f"^{stuck}, which is not a task or comes after it$") as error:
        schema(*tasks)
    assert error.value.fix == f"name one of the tasks: {', '.join(sorted(task.name for task in tasks))}"


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
        ("users", r"by users: 'users' is not a field, or is there twice \(did you mean 'user'\?\)"),
        (("user", "user"), "by user.user: 'user' is not a field, or is there twice"),
        (("tags", "words"), "by tags.words has two multi-valued fields: tags, words"),
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
    made = schema(Task("buy", after="click"), Task("click"))
    value = json.loads(json.dumps(made.to_json()))
    assert [(task["name"], task["after"]) for task in value["tasks"]] == [("buy", "click"), ("click", None)]
    assert Schema.from_json(value) == made


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


STARS = Task("stars", kind="regression", given="buy")
FUNNEL = [Task("click"), Task("buy", given="click"), STARS, Task("like")]


def test_a_conditional_probability_is_named_so_and_the_event_stands_beside_it():
    assert {score.name: score.meaning for score in scores_of(FUNNEL)} == {
        "click": "probability that click is 1",
        "buy_given_click": "probability that buy is 1, in rows where click is 1",
        "click_and_buy": "probability that click and buy are both 1",
        "stars_given_buy": "expected value of stars, in rows where buy is 1",
        "like": "probability that like is 1",
    }


def test_events_have_the_products_of_probabilities_and_names_of_their_own():
    chain = [Task("a"), Task("b", given="a"), Task("c", given="b")]
    names = [score.name for score in scores_of(chain)]
    assert names == ["a", "b_given_a", "a_and_b", "c_given_b", "a_and_b_and_c"]
    found = products(scores_of(chain), np.array([[0.5, 0.5, 0.1]]))
    assert np.allclose(found, [[0.5, 0.5, 0.25, 0.1, 0.025]])
    tasks = [Task("a"), Task("b", given="a"), Task("a_and_b")]
    assert [score.name for score in scores_of(tasks)] == ["a", "b_given_a", "a_and_b_", "a_and_b"]
    assert [score.name for score in scores_of([Task("buy", given="click")])] == ["buy"]
