"""Writes docs/reliability.md from the counts of `make faults`.

python tests/faults/table.py COUNTS SECONDS
"""

import json
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
START, END = "<!-- the table that `make faults` writes -->", "<!-- end of the table -->"


def table(lines):
    """Return the rows of the table: for each row of the programme, what was tried, held and lost."""
    rows = {}
    for line in lines:
        rows.setdefault(line["row"], []).append(line)
    found = ["| disturbance | commands | tried | held | lost |", "|---|---|---|---|---|"]
    for name, parts in sorted(rows.items()):
        tried, lost = (sum(part[key] for part in parts) for key in ("tried", "lost"))
        commands = dict.fromkeys(part["about"].split(",")[0].split(":")[0] for part in parts)
        found.append(f"| {name} | {', '.join(commands)} | {tried} | {tried - lost} | {lost} |")
    return found


def main():
    """Replace the table of the page."""
    counts, seconds = sys.argv[1:]
    lines = [json.loads(line) for line in Path(counts).read_text().splitlines()]
    before, _, rest = PAGE.read_text().partition(START)
    after = rest.partition(END)[2]
    total = sum(line["tried"] for line in lines)
    version = subprocess.run(
        ["git", "log", "-1", "--format=%h of %cs"],
        cwd=PAGE.parent,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    said = f"{total:,} cases in {round(int(seconds) / 60)} minutes, at commit {version}:"
    PAGE.write_text("\n".join([f"{before}{START}", "", said, "", *table(lines), "", f"{END}{after}"]))


if __name__ == "__main__":
    main()
