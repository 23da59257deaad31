from datetime import UTC, datetime

import pytest

from automtl_core.dataset.dataset import DatasetSettings
from automtl_core.dataset.moments import in_times
from automtl_core.errors import UsageError
from automtl_core.system.strict_yaml import parse_yaml


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2024-01-31", 1706659200.0),
        ("2024-01-31 12:00:00", 1706702400.0),
        ("2024-01-31T12:00:00+08:00", 1706673600.0),
        ("1.5e9", 1.5e9),
        ("12", 12.0),
    ],
)
def test_a_moment_of_a_file_is_a_number_of_times(text, seconds):
    settings = DatasetSettings.parse(parse_yaml(f"test_from: {text}", "a.yaml"), "dataset")
    assert in_times("dataset.test_from", settings.test_from, "number", 1.0) == seconds
    again = DatasetSettings.parse(settings.model_dump(mode="json"), "dataset")
    assert again == settings
    if isinstance(settings.test_from, datetime):
        assert in_times("x", settings.test_from, "number", 0.001) == pytest.approx(1000 * seconds)
        assert in_times("x", settings.test_from, "date with offset", 1.0) == seconds


def test_a_date_without_an_offset_is_in_utc():
    assert in_times("x", datetime(2024, 1, 31), "date", 1.0) == datetime(2024, 1, 31, tzinfo=UTC).timestamp()


@pytest.mark.parametrize("value", ["soon", "2024-13-01", [1]])
def test_what_is_no_moment(value):
    with pytest.raises(UsageError, match=r"dataset.test_from: expected a number in the unit of the times"):
        DatasetSettings.parse({"test_from": value}, "dataset")
