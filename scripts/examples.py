"""Installs each example into an environment of its own, runs its test, and the commands of its README.

    python scripts/examples.py            # all
    python scripts/examples.py op metric

Searches and trainings are shortened, and left out where they need raw files. Nothing is downloaded: an
environment sees the packages of the one that runs the script.
"""

import os
import re
import shlex
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1] / "examples"
COMMANDS = re.compile(r"^```bash\n(.*?)^```$", re.DOTALL | re.MULTILINE)
USES = ("search", "train", "compare")
SHORT = ("--set", "training.epochs=1", "--set", "features=ids")
"""Settings of a search, a training or a comparison, beneath those that a README shows."""
ROWS = ("--set", "dataset.rows=1000")
SKIPPED = 5
"""Exit code of pytest where a library of an example is not installed, such as Ray."""


def environment(folder: Path) -> Path:
    """Make an environment that has the packages of this one; return its Python."""
    venv.create(folder)
    site = next(folder.glob("lib/python*/site-packages"))
    here = sysconfig.get_paths()["purelib"]
    (site / "here.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    return folder / "bin" / "python"


def run(command: list[str | Path], cwd: Path) -> bool:
    """Run a command; return whether it did its work, and end with its output if it fails."""
    told = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=cwd, env=told, capture_output=True, text=True)  # noqa: S603
    if done.returncode not in (0, SKIPPED):
        raise SystemExit(f"{shlex.join(map(str, command))}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.returncode != SKIPPED


def shortened(words: list[str]) -> list[str]:
    """Return the words of a command of automtl, with few rows and epochs."""
    if words[1] not in USES:
        return words
    rows = ROWS if "dataset.rows=20000" in words else ()
    return [*words[:2], *SHORT, *words[2:], *rows]


def use(example: Path, work: Path) -> list[str]:
    """Install an example, do what its README shows, and return what was done."""
    python = environment(work / "venv")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index"]
    run([*pip, "--no-deps", "--no-build-isolation", example], work)
    done = ["installed"]
    if (example / "data").exists():
        (work / "data").symlink_to(example / "data")
    for line in COMMANDS.findall((example / "README.md").read_text("utf-8"))[0].splitlines():
        words = shlex.split(line)
        if words[0] == "pytest":
            if run([python, "-m", "pytest", "-q", "-p", "no:cacheprovider", example], work):
                done.append("tested")
        elif words[0] == "automtl" and "--data-dir" not in words:
            start = "from automtl_cli.start import main; main()"
            run([python, "-c", start, *shortened(words)[1:]], work)
            done += [f"used by {words[1]}"] * (words[1] in USES)
    return done


def main() -> None:
    """Use the examples that are named, or all."""
    examples = [ROOT / name for name in sys.argv[1:]] or sorted(
        path.parent for path in ROOT.glob("*/README.md")
    )
    for example in examples:
        with tempfile.TemporaryDirectory() as work:
            print(f"{example.name}: {', '.join(use(example, Path(work)))}", flush=True)


if __name__ == "__main__":
    main()
