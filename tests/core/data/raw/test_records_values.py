"""Records of delimited files: values are as declared, or told."""

import pytest

from automtl_core.dataset.dataset import BIT, INTEGER, NUMBER, TEXT, UNUSED, Column, RawFile

from .logs import Read


@pytest.mark.parametrize(
    ("column", "good", "bad"),
    [
        (
            INTEGER,
            ["0", "-1", "42", "9.0", "-7.00", "0.0", "9223372036854775807", "-9223372036854775808"],
            {
                "9.5": "an integer",
                "9.": "an integer",
                "-0.0": "an integer",
                "05.0": "an integer",
                "9223372036854775808.0": "an integer of 64 bits",
                "1e3": "an integer",
                "0x10": "an integer",
                " 1": "an integer",
                "1_0": "an integer",
                "\u0663": "an integer",
                "007": "an integer without plus or leading zeros",
                "+1": "an integer without plus or leading zeros",
                "-0": "an integer without plus or leading zeros",
                "9223372036854775808": "an integer of 64 bits",
                "-9223372036854775809": "an integer of 64 bits",
                "9" * 5000: "an integer of 64 bits",
            },
        ),
        (
            NUMBER,
            ["0", "-1.5", "+1.5", ".5", "5.", "1e-3", "1E37", "007", "9" * 38, "1e38", "-1e38"],
            {
                "cheap": "a number",
                "1,5": "a number",
                "0x1p3": "a number",
                "nan": "a finite number",
                "-Infinity": "a finite number",
                "1e999": "a finite number",
                "1.1e38": "a number of at most 1e+38",
                "-1e39": "a number of at most 1e+38",
                "9" * 39: "a number of at most 1e+38",
                "9" * 400: "a finite number",
                "\u0663": "a number in digits from 0 to 9",
            },
        ),
        (BIT, ["0", "1", "1.0"], {"2": "0 or 1", "1.5": "0 or 1", "yes": "0 or 1", " 1": "0 or 1"}),
        (Column("text", ("a", "b", "c")), ["a", "c"], {"d": "a, b or c", "A": "a, b or c"}),
        (Column(matching="[a-z]+"), ["ab", "a"], {"b1": 'text that matches "[a-z]+"'}),
        (Column("integer", matching="1.*"), ["1"], {"2": 'text that matches "1.*"', "1.5": "an integer"}),
        (UNUSED, ["anything", "9.5"], {}),
    ],
    ids=["integer", "number", "bit", "among", "matching", "matching integer", "unused"],
)  # fmt: skip
def test_values_are_as_declared(read: Read, column: Column, good: list[str], bad: dict[str, str]) -> None:
    file = RawFile("values.csv", {"id": TEXT, "value": column}, separator=";", header=False)
    values = [*good, "", '""', *bad]
    rows, faults = read("".join(f"x;{value}\n" for value in values).encode(), file)
    assert [row[1] for row in rows] == [*good, "", ""]
    cut = {value: f'"{value[:80]}..."' if len(value) > 80 else f'"{value}"' for value in bad}
    assert faults == [
        f"{line}: value: expected {expected}, found {cut[value]}"
        for line, (value, expected) in enumerate(bad.items(), len(good) + 3)
    ]


def test_messages_are_safe_to_print(read: Read) -> None:
    file = RawFile("x.csv", {"user\x1b\n": INTEGER, "tag": TEXT}, header=False)
    reason = r'1: user\x1b\n: expected an integer, found "\x1b[31m\r"'
    assert read(b'"\x1b[31m\r",\n', file) == ([], [reason])


def test_only_the_first_fault_of_a_row_is_told(read: Read) -> None:
    assert read(b"x,a,7\n")[1] == ['1: user: expected an integer, found "x"']
