"""Commands in this process: whether their end is one that a promise allows."""

import re
from collections.abc import Sequence

import pytest

from automtl_cli.app import run
from automtl_cli.errors import Stop

CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
CODES = (0, 2, 65, 66, 69, 71, 73, 74, 79)


def fault(
    capsys: pytest.CaptureFixture[str], words: Sequence[str], codes: Sequence[int] = CODES
) -> str | None:
    """Run a command in this process, and return what is wrong with its end."""
    code = run(words, Stop())
    out, err = capsys.readouterr()
    if code not in codes or "Traceback" in err:
        return f"code {code}: {err[-500:]}"
    if sign := CONTROL.search(out + err):
        return f"a control character {sign[0]!r}: {(out + err)[-300:]!r}"
    if code and not ("error: " in err and "\n  fix: " in err):
        return f"no message with a remedy: {err[-300:]}"
    return None
