import pytest
from pydantic import Field, ValidationError

from automtl_core.errors import UsageError
from automtl_core.run_dir.config import RunConfig
from automtl_core.settings.faults import SHOWN, find, remedy, sentences, shown, truths
from automtl_core.settings.settings import Settings


class Label(Settings):
    after: str | None = None


class Mine(Settings):
    depth: int = Field(3, ge=1)
    widths: tuple[int, ...] = (4,)
    labels: dict[str, Label] = Field(default_factory=dict)


def faults(values):
    with pytest.raises(ValidationError) as error:
        Mine.model_validate(values)
    return error.value.errors()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"depth": 0}, "space.depth: expected a whole number from 1, given 0"),
        ({"depht": 3}, "space.depht is not a setting (did you mean 'depth'?)"),
        ({"widths": [4, "x"]}, "space.widths[1]: expected a whole number, given 'x'"),
        ({"widths": 4}, "space.widths: expected a list of whole numbers, given 4 (a list is written as [4])"),
        ({"widths": "x"}, "space.widths: expected a list of whole numbers, given 'x'"),
        (
            {"labels": {"buy": {"afer": "click"}}},
            "space.labels.buy.afer is not a setting (did you mean 'after'?)",
        ),
    ],
)
def test_a_fault_is_a_sentence_with_the_key_as_it_was_written(values, sentence):
    assert list(sentences(faults(values), "space", Mine)) == [sentence]


def test_the_remedy_lists_what_there_is_and_names_the_page():
    told = remedy(faults({"depht": 3}), "space", "mine", Mine)
    assert told == "space takes: depth, labels, widths; see the allowed values: automtl settings space mine"


def test_a_path_is_followed_as_far_as_it_leads():
    assert find(Mine, "space", ("labels", "buy", "after")).key == "space.labels.buy.after"
    assert find(Mine, "space", ("widths", 2)).key == "space.widths[2]"
    assert find(Mine, "", ("depth",)).key == "depth"


def test_true_is_no_number():
    assert [fault["loc"] for fault in truths(Mine, {"depth": True, "widths": [1, False]})] == [
        ("depth",), ("widths", 1),
    ]  # fmt: skip


def test_values_are_shown_as_in_yaml_and_cut():
    assert [shown(value) for value in (None, True, 1, "a")] == ["null", "true", "1", "'a'"]
    assert shown("x" * 1000) == "'" + "x" * (SHOWN - 1) + "..."


def test_a_setting_of_a_part_is_named_in_full():
    with pytest.raises(UsageError, match=r"epochs is not a setting \(did you mean 'training.epochs'\?\)"):
        RunConfig.parse({"epochs": 3})
