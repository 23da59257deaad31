"""Declarations of histories."""

import pytest

from automtl_core.dataset.dataset import DatasetSettings, History, Label, Sparse, histories_of
from automtl_core.dataset.history import faults_of_histories
from automtl_core.dataset.schema import inputs_of_part, is_encoder, last_of
from automtl_testing.samples import sample_schema

PAST = History("past", "user", "at", ("item",), ("buy",))


def test_json_restores_a_history() -> None:
    assert History.from_json(PAST.to_json()) == PAST
    assert PAST.columns() == ["user", "at", "item", "buy"]


@pytest.mark.parametrize(
    ("history", "fault"),
    [
        (History("past", "user", "at", ("shop",)), "shares 'shop', which is not a single-valued"),
        (History("past", "user", "at"), "has no columns"),
        (History("past", "user", "at", ("item",), length=0), "its length is 0"),
        (History("past", "user", "at", ("item",), delay=-1.0), r"its delay is -1\.0"),
    ],
)
def test_faults(history: History, fault: str) -> None:
    (found,) = faults_of_histories([history], ["user", "item"], [])
    assert found.startswith("history 'past'")
    assert fault.replace("\\", "") in found


@pytest.mark.parametrize(
    ("column", "fault"),
    [
        ("past", "column 'past' has the name of a history"),
        ("past:item", "column 'past:item' has the name of a list of events of history 'past'"),
    ],
)
def test_columns_do_not_have_names_that_automtl_makes(column: str, fault: str) -> None:
    (found,) = faults_of_histories([PAST], ["item"], ["item", column])
    assert found.startswith(fault)


@pytest.mark.parametrize("name", ["any", "last1"])
def test_shared_fields_do_not_have_names_of_inputs(name: str) -> None:
    (found,) = faults_of_histories([History("past", "user", "at", (name,))], [name], [name])
    assert f"shares {name!r}, which is the name of an input from events" in found


def test_two_histories_have_two_names() -> None:
    assert all("is declared twice" in one for one in faults_of_histories([PAST, PAST], ["item"], []))


class Shop:
    """As much of a dataset as counts here."""

    fields, labels, histories = (Sparse("user"), Sparse("item")), (Label("buy"),), (PAST,)

    def __init__(self, **settings: object) -> None:
        self.settings = DatasetSettings.parse(settings, "dataset")


def test_settings_give_length_and_delay_and_a_random_split_has_none() -> None:
    assert histories_of(Shop()) == ()  # type: ignore[arg-type]
    assert histories_of(Shop(split="time", history_length=0)) == ()  # type: ignore[arg-type]
    (found,) = histories_of(Shop(split="user", history_length=7, history_delay=3))  # type: ignore[arg-type]
    assert (found.length, found.delay) == (7, 3)


def test_the_inputs_of_parts_have_names() -> None:
    assert inputs_of_part("matches", PAST) == ["item", "any"]
    assert inputs_of_part("last-2", PAST) == ["last1", "last2"]
    assert inputs_of_part("mean", PAST) == ["mean"]
    assert [is_encoder(part) for part in ("matches", "last-2", "last-x", "gru")] == [False, False, True, True]
    assert last_of("last-12") == 12


def test_the_sample_has_fields_that_events_share() -> None:
    schema = sample_schema(histories=True)
    assert [schema.sparse[place].name for place in schema.shared_fields(schema.histories[0])] == [
        "item",
        "tab",
    ]
