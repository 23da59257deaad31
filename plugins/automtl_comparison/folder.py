"""The folder of a comparison: it holds the trainings and tables of one configuration on the same data."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from automtl_core.data.store import Prepared
from automtl_core.disk.files import make_folder
from automtl_core.disk.signed import read_signed, write_signed
from automtl_core.errors import RunExistsError, StorageError
from automtl_core.run_dir.config import split
from automtl_core.run_dir.facts import differences, without_places
from automtl_core.workflow.job import Job

FILE = "configuration.json"
FORMAT = 1
COMPARISONS = Path("comparisons")
VARIED = ("seed", "time_budget")
"""Settings that differ between the trainings of one comparison, besides the seed of the split."""


def take(folder: Path, jobs: Mapping[str, Job], prepared: Mapping[int, Prepared]) -> None:
    """Record the configuration and the data of a comparison in its folder, beside models and splits before.

    Args:
        folder: The folder, which need not exist.
        jobs: The models by name.
        prepared: Seed of a split -> its data.

    Raises:
        RunExistsError: the folder holds a comparison with other settings or data; it is left as it is.
        ArtifactError: the record is damaged.

    """
    parts = {name: split(_settings(job)) for name, job in jobs.items()}
    common, _ = next(iter(parts.values()))
    now: dict[str, Any] = {
        "settings": dict(common),
        "models": {name: dict(own) for name, (_, own) in parts.items()},
        "data": {f"data of split {seed}": one.manifest["fingerprint"][:12] for seed, one in prepared.items()},
    }
    path = folder / FILE
    remedy = f"give another folder: --out FOLDER, or delete {folder}, with its trainings"
    then = read_signed(path, FORMAT, remedy) if path.exists() else {}
    changed = differences(then.get("settings", common), now["settings"])
    for part in ("models", "data"):
        before = then.get(part, {})
        changed += differences(before, {name: now[part].get(name, value) for name, value in before.items()})
        now[part] = before | now[part]
    if changed:
        what = f"{folder}: holds a comparison with other settings or data: {'; '.join(changed)}"
        raise RunExistsError(what, remedy)
    with suppress(OSError, StorageError):  # the first training reports a faulty folder
        make_folder(folder)
        write_signed(path, FORMAT, now)


def _settings(job: Job) -> dict[str, Any]:
    """Return the settings of a model that are equal in all its trainings."""
    config = job.config.model_dump(mode="json")
    config["dataset"].pop("split_seed", None)
    return {key: value for key, value in without_places(config).items() if key not in VARIED}
