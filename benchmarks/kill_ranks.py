"""Kills a process of a data-parallel job at random times, resumes the job, and compares the files of its run.

    python benchmarks/kill_ranks.py --kills 20 train --model mmoe --dataset synthetic

The words after the options are a command of automtl without `--name` and `--runs-dir`. It is run once without
a kill, and then once for each kill. It prints one line for each kill, and ends with 1 if the bytes of any
file differ.
"""

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FILES = ("architecture.json", "metrics.jsonl", "weights.safetensors", "search.json", "result.json")
"""Files that must have the same bytes."""


def job(processes: int, words: list[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a job with the processes."""
    start = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        f"--nproc-per-node={processes}",
        "--master-port=0",
    ]
    start += ["--standalone", "--no-python", "automtl"]
    with log.open("ab") as out:
        return subprocess.Popen([*start, *words], stdout=out, stderr=out, start_new_session=True)


def ranks_of(parent: int) -> list[int]:
    """Return the processes that torchrun started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rsplit(")", 1)[1].split()[1]) == parent:
                found.append(int(stat.parent.name))
    return found


def finished(run: Path) -> bool:
    """Return whether the run has its test metrics."""
    return (run / "status.json").exists() and '"done"' in (run / "status.json").read_text()


def main() -> None:
    """Compare killed jobs with an undisturbed one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("words", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    draw = random.Random(options.seed)  # noqa: S311 - times of kills
    folder = Path(tempfile.mkdtemp(prefix="kill-ranks-"))
    log, words = folder / "log.txt", options.words

    def named(name: str) -> list[str]:
        return [*words, "--name", name, "--runs-dir", str(folder)]

    start = time.monotonic()
    if job(options.processes, named("whole"), log).wait():
        sys.exit(f"the undisturbed job failed, see {log}")
    seconds = time.monotonic() - start
    print(f"undisturbed: {seconds:.0f} s, in {folder}")
    wrong = 0
    for number in range(options.kills):
        name, resumed = f"kill{number}", 0
        run = folder / name
        until, rank = draw.uniform(0.1, 0.95) * seconds, draw.randrange(options.processes)
        process = job(options.processes, named(name), log)
        time.sleep(until)
        ranks = sorted(ranks_of(process.pid))
        if len(ranks) == options.processes:
            os.kill(ranks[rank], signal.SIGKILL)
        code = process.wait()
        while not finished(run) and resumed < 3:
            resumed += 1
            again = [words[0], "--resume", str(run)] if run.exists() else named(name)
            job(options.processes, again, log).wait()
        equal = finished(run) and all(same(folder / "whole" / file, run / file) for file in FILES)
        wrong += not equal
        print(
            f"kill of process {rank} after {until:.0f} s: exit code {code}, resumed {resumed} times, "
            f"{'same bytes' if equal else 'DIFFERENT'}",
            flush=True,
        )
    print(f"{options.kills} kills, {wrong} with other bytes")
    sys.exit(bool(wrong))


def same(one: Path, other: Path) -> bool:
    """Return whether both files have the same bytes, or both do not exist."""
    if not one.exists():
        return not other.exists()
    return other.exists() and one.read_bytes() == other.read_bytes()


if __name__ == "__main__":
    main()
