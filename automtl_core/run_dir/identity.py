"""Identity: everything that the result of a run depends on, and checks of it before a run continues.

Settings, seed and data must be unchanged. Other versions, another device or another number of threads
change at most the last digits of results, so that a user may continue nevertheless.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from automtl_core.errors import ArtifactError
from automtl_core.run_dir.facts import Data, Environment, Identity, differences
from automtl_core.run_dir.run import Run, resuming


def check_data(run: Run, now: Mapping[str, Any]) -> None:
    """Check that the data is that of the start of the run.

    Raises:
        ArtifactError: it differs; the message lists raw files and other changes.

    """
    _refuse(
        f"{run.path}: the data has changed since the run began",
        data_differences(run.read(Data), now),
        "restore it, or start a new run",
    )


def check_environment(run: Run, now: Environment, anyway: bool) -> None:
    """Check that the environment is that of the start of the run, or record the new one.

    Raises:
        ArtifactError: it differs, and not `anyway`; the message lists the differences.

    """
    then = run.read(Environment)
    differing = environment_differences(then, now)
    if differing and anyway:
        run.write(replace(now, earlier=(*then.earlier, replace(then, earlier=()))))
    else:
        _refuse(
            f"{run.path}: the run began in another environment",
            differing,
            f"restore it, and continue there: {resuming(run.path)}\n"
            f"or continue here, which may change last digits: {resuming(run.path)} --anyway",
        )


def check_checkpoint(run: Run, saved: Mapping[str, Any] | None) -> None:
    """Check that a checkpoint belongs to this run; None without one.

    Raises:
        ArtifactError: it does not; the message lists the differences.

    """
    _refuse(
        f"{run.path / 'checkpoint.safetensors'}: belongs to another run",
        [] if saved is None else differences(run.read(Identity).to_json(), saved.get("identity", {})),
        "restore it from a copy, or start a new run",
    )


def data_differences(then: Data, now: Mapping[str, Any]) -> list[str]:
    """Return the differences of data to that of a run; empty if there are none."""
    if then.fingerprint == now["fingerprint"]:
        return []
    raw: Mapping[str, Any] = now["raw"]
    files = [
        f"raw file {name} is {'different' if name in then.raw and name in raw else 'not in both'}"
        for name in sorted(then.raw.keys() | raw.keys())
        if then.raw.get(name) != raw.get(name)
    ]
    others = ("dataset", "version", "settings")
    was, is_ = {key: getattr(then, key) for key in others}, {key: now[key] for key in others}
    return files + differences(was, is_, "data.") or ["its content differs"]


def environment_differences(then: Environment, now: Environment) -> list[str]:
    """Return the differences of an environment to that of a run."""
    was, is_ = (replace(one, earlier=()).to_json() for one in (then, now))
    return differences(was, is_)


def _refuse(where: str, differing: list[str], fix: str) -> None:
    if differing:
        raise ArtifactError(f"{where}: {'; '.join(differing)}", fix)
