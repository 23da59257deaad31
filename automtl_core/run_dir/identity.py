"""Identity: everything that the result of a run depends on, and checks of it before a run continues.

Settings, seed and data must be unchanged. Other versions, another device or another number of threads or
processes change at most the last digits of results, so that a user may continue nevertheless.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from automtl_core.data.store import Prepared
from automtl_core.disk.strict_yaml import read_yaml
from automtl_core.errors import ArtifactError
from automtl_core.run_dir.config import RunConfig
from automtl_core.run_dir.facts import Data, Environment, Fact
from automtl_core.run_dir.run import Run, resuming

WHERE = ("data_dir", "prepared_dir", "device")
"""Settings of file locations and of the device."""
NO_WEIGHTS = ("metrics", "listeners")
"""Settings that no weight depends on: a test with other metrics changes no other value of a run, and a
listener none at all."""


@dataclass(frozen=True)
class Identity(Fact):
    """Everything that the result depends on, besides the environment."""

    file = "identity"

    settings: dict[str, Any]
    """The resolved configuration without `WHERE` and `NO_WEIGHTS`."""
    data: str
    """Fingerprint of the prepared data."""

    @classmethod
    def of(cls, config: RunConfig, prepared: Prepared) -> Self:
        """Return the identity of a run on prepared data."""
        return cls(_settings(config.model_dump(mode="json")), prepared.manifest["fingerprint"])


def check_settings(run: Run) -> None:
    """Check that config.yaml is unchanged since the start of the run.

    Raises:
        ArtifactError: it differs; the message lists the changed settings.

    """
    path = run.path / "config.yaml"
    _refuse(
        f"{path}: changed since the run began",
        _differences(run.read(Identity).settings, _settings(read_yaml(path))),
        "undo the change, or start a new run",
    )


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
            f"restore it, and continue there: {resuming(run.path, then.processes)}\n"
            f"or continue here, which may change last digits: {resuming(run.path)} --anyway",
        )


def check_checkpoint(run: Run, identity: Mapping[str, Any]) -> None:
    """Check that a checkpoint belongs to this run.

    Raises:
        ArtifactError: it does not; the message lists the differences.

    """
    _refuse(
        f"{run.path / 'checkpoint.safetensors'}: belongs to another run",
        _differences(run.read(Identity).to_json(), identity),
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
    return files + _differences(was, is_, "data.") or ["its content differs"]


def environment_differences(then: Environment, now: Environment) -> list[str]:
    """Return the differences of an environment to that of a run."""
    return _differences(_values(then), _values(now))


def _values(environment: Environment) -> dict[str, Any]:
    return {key: value for key, value in environment.to_json().items() if key != "earlier"}


def _settings(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key not in (*WHERE, *NO_WEIGHTS)}


def _differences(then: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Return a phrase for each changed value, with its path."""
    return list(_phrases(then, now, prefix))


def _phrases(then: Mapping[str, Any], now: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for key in [*then, *(key for key in now if key not in then)]:
        old, new = then.get(key), now.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _phrases(old, new, f"{prefix}{key}.")
        elif old != new:
            yield f"{prefix}{key} was {_shown(old)}, is {_shown(new)}"


def _shown(value: Any) -> str:
    return "not there" if value is None else f"{value}"


def _refuse(where: str, differing: list[str], fix: str) -> None:
    if differing:
        raise ArtifactError(f"{where}: {'; '.join(differing)}", fix)
