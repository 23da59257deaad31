"""The view of drift has shares in percent, and means as they are."""

from automtl_inspection.shifts import Shift, differences
from automtl_report.plain import markdown


def test_differences_are_rows_of_a_table():
    shifts = [
        Shift("city", "north", 0.1, 0.3, 0.15, 0.25, 0.001),
        Shift("price", "mean", 2.5, 2.75, -0.1, 0.6, 0.8),
        Shift("hour", "12", 0.1, 0.1, -0.1, 0.1, 1.0),
    ]
    text = markdown("drift", [differences(shifts, 2)])
    assert "city" in text
    assert "10.0 %" in text
    assert "15.0 % to 25.0 %" in text
    assert "beyond chance" in text
    assert "2.75" in text
    assert "-0.1 to 0.6" in text
    assert "1 more columns differ less" in text
    assert "hour" not in text
