"""Identity: what the outcome of a run depends on, and what differs where it is to go on.

Settings, seed and data must be those that the run began with. Other versions, another device or another
number of threads may change the last digits, and no more: who wants to can go on all the same.
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
"""Settings that say where files are and where to compute."""


@dataclass(frozen=True)
class Identity(Fact):
    """What the outcome depends on, besides the environment."""

    file = "identity"

    settings: dict[str, Any]
    """The resolved configuration without `WHERE`."""
    data: str
    """Fingerprint of the prepared data."""

    @classmethod
    def of(cls, config: RunConfig, prepared: Prepared) -> Self:
        """Return the identity of a run on prepared data."""
        return cls(_settings(config.model_dump(mode="json")), prepared.manifest["fingerprint"])


def check_settings(run: Run) -> None:
    """Check that config.yaml still says what the run began with.

    Raises:
        ArtifactError: naming the settings that differ.

    """
    path = run.path / "config.yaml"
    _refuse(
        f"{path}: changed since the run began",
        _differences(run.read(Identity).settings, _settings(read_yaml(path))),
        "set it back, or start anew",
    )


def check_data(run: Run, now: Mapping[str, Any]) -> None:
    """Check that the data is what the run began with, given what a manifest says.

    Raises:
        ArtifactError: naming the raw files that differ, or whatever else the data depends on.

    """
    _refuse(
        f"{run.path}: the data is not what the run began with",
        data_differences(run.read(Data), now),
        "restore it, or start anew",
    )


def check_environment(run: Run, now: Environment, anyway: bool) -> None:
    """Check that a run goes on where it began, or write down that it goes on elsewhere.

    Raises:
        ArtifactError: naming the versions, the device or the threads that differ, unless `anyway`.

    """
    then = run.read(Environment)
    differing = environment_differences(then, now)
    if differing and anyway:
        run.write(replace(now, earlier=(*then.earlier, replace(then, earlier=()))))
    else:
        _refuse(
            f"{run.path}: the run began in another environment",
            differing,
            f"restore it, or go on in this one, which may change last digits: {resuming(run.path)} --anyway",
        )


def check_checkpoint(run: Run, identity: Mapping[str, Any]) -> None:
    """Check that a checkpoint is of this run, given the identity that it carries.

    Raises:
        ArtifactError: naming the settings that differ.

    """
    _refuse(
        f"{run.path / 'checkpoint.safetensors'}: of another run",
        _differences(run.read(Identity).to_json(), identity),
        "restore it from a copy, or start anew",
    )


def data_differences(then: Data, now: Mapping[str, Any]) -> list[str]:
    """Return in what data, as its manifest says, differs from that of a run; empty where it does not."""
    if then.fingerprint == now["fingerprint"]:
        return []
    raw: Mapping[str, Any] = now["raw"]
    files = [
        f"raw file {name} is {'another' if name in then.raw and name in raw else 'not in both'}"
        for name in sorted(then.raw.keys() | raw.keys())
        if then.raw.get(name) != raw.get(name)
    ]
    others = ("dataset", "version", "settings")
    was, is_ = {key: getattr(then, key) for key in others}, {key: now[key] for key in others}
    return files + _differences(was, is_, "data.") or ["its content is another"]


def environment_differences(then: Environment, now: Environment) -> list[str]:
    """Return in what an environment differs from that of a run."""
    return _differences(_told_of(then), _told_of(now))


def _told_of(environment: Environment) -> dict[str, Any]:
    return {key: value for key, value in environment.to_json().items() if key != "earlier"}


def _settings(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key not in WHERE}


def _differences(then: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Return one phrase a value that differs, named by its path."""
    return list(_phrases(then, now, prefix))


def _phrases(then: Mapping[str, Any], now: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for key in [*then, *(key for key in now if key not in then)]:
        old, new = then.get(key), now.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _phrases(old, new, f"{prefix}{key}.")
        elif old != new:
            yield f"{prefix}{key} was {_told(old)}, is {_told(new)}"


def _told(value: Any) -> str:
    return "not there" if value is None else f"{value}"


def _refuse(where: str, differing: list[str], fix: str) -> None:
    if differing:
        raise ArtifactError(f"{where}: {'; '.join(differing)}", fix)
