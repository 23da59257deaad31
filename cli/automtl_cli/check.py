"""The command `automtl check`: the machine, a configuration or a run with its data, or a plugin.

As all commands, it imports slow modules itself.
"""

import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rich.filesize import decimal

import automtl_core
from automtl_cli import options
from automtl_cli.configuration import with_file
from automtl_core.errors import (
    AutoMTLError,
    PluginError,
    RunExistsError,
    SetupError,
    UsageError,
    is_table,
    one_line,
)
from automtl_core.registry.kinds import KINDS
from automtl_core.registry.registry import DISABLE, Registry, remedy
from automtl_core.run_dir.folders import prepared_folder
from automtl_core.workflow.components import is_file
from automtl_report.commands import Output, argument, option

if TYPE_CHECKING:
    import torch

    from automtl_core.raw.load import Rejected
    from automtl_core.system.strict_yaml import Places
    from automtl_core.workflow.job import Job
    from automtl_inspection.sections import Section

LEAST = 1 << 30
"""Bytes of free disk below which a search of a small table may fail."""
NVIDIA = Path("/proc/driver/nvidia/version")
"""A file of the driver of NVIDIA GPUs."""
EXTRAS: Mapping[str, tuple[str, ...]] = {
    "boosting": ("lightgbm",),
    "onnx": ("onnx", "onnxruntime", "onnxscript"),
    "study": ("optuna",),
    "tensorboard": ("tensorboard",),
    "torchjd": ("torchjd",),
    "zst": ("backports.zstd",),
}
"""Extra of automtl -> its packages."""
Status = Literal["ok", "optional", "warning", "problem"]
"""optional: not installed, and not needed. warning: a search works, but slower or with less. problem: a
search fails."""


@dataclass(frozen=True)
class Check:
    """The result of a check."""

    name: str
    """The thing that is checked."""
    status: Status
    result: str
    """The observation in words."""
    remedy: str | None = None
    """What to do about it, or about a part that is optional."""


def check(
    what: str | None = argument(
        "FILE|RUN|PLUGIN",
        "A table, settings in YAML, the folder of a run; a plugin, or an object of one, such as mmoe.",
    ),
    *,
    out: Path | None = option("FILE.csv", "Check every raw row, and write the faulty ones."),
    data_dir: options.DataDir = None,
    settings: options.Settings = None,
) -> Output:
    """Check the machine, settings or a run with its data, or a plugin.

    automtl check feed.yaml --out faulty.csv

    Without a name, machine and installation are checked. Each check is ok, optional (an extra that is not
    installed), a warning, or a problem with a remedy. Each fault of a configuration is one, with its line in
    the file. Raw files are checked by their headers and first rows, unless --out asks for all. The exit code
    is 78 if there is a problem.

    A plugin has a contract test for each thing that automtl relies on. --set changes settings of its objects,
    such as strategy.epochs=2. The exit code is 69 if a test fails.
    """
    if out is not None and out.exists():
        raise RunExistsError(f"{out}: exists already", "choose another file")
    paths = () if what is None else (what, os.path.join(what, "config.yaml"))
    if what is not None and not (is_file(what) or is_table(what) or any(map(os.path.isfile, paths))):
        from automtl_testing.commands import check_plugin

        return check_plugin(what, settings or (), data_dir)
    given = options.Configuration(Path(what) if what else None, data_dir=data_dir, settings=settings)
    checks = list(_checks(given if os.path.isdir(what or "") else with_file(given), out))
    names = [check.name for check in checks if check.status == "problem"]
    number = f"{len(names)} problem{'s' * (len(names) > 1)}"
    error = SetupError(f"{number}: {', '.join(names)}", "see the remedies in the table")
    return Output(checks, _view, error if names else None)


def _view(checks: Sequence[Check]) -> "Section":
    from automtl_inspection.sections import table

    rows = [(check.name, check.status, check.result, check.remedy or "") for check in checks]
    return table(["check", "status", "result", "remedy"], rows)


def _checks(given: options.Configuration, out: Path | None) -> Iterator[Check]:
    from automtl_core.registry.plugins import load_registry

    registry, (configuration, job) = load_registry(), _configuration(given)
    yield from _machine(job)
    prepared = job.config.prepared_dir if job else prepared_folder()
    yield folder("prepared data", prepared, raw_size(job) if job else 0)
    yield folder("runs", options.runs_folder())
    yield from extras()
    yield from list(plugins(registry)) or [Check("plugins", "ok", f"{len(registry.rows)}, all usable")]
    yield from configuration
    if job is not None:
        yield data(job, out)


def _configuration(given: options.Configuration) -> tuple[list[Check], "Job | None"]:
    """Return a check of the configuration, or of each of its faults, and its job unless it has none."""
    from automtl_core.dataset.dataset import schema_of
    from automtl_core.system.strict_yaml import Places, read_places

    name = "configuration" if given.file is None else f"configuration {given.file}"
    job, places = None, Places({}, {})
    try:
        if given.file is not None and not given.file.is_dir():
            places = read_places(given.file)
        job = _job(given)
        job.checked(schema_of(job.dataset()))
    except AutoMTLError as error:
        several = getattr(error, "several", ()) or [error]
        faults = {fault: one.fix for one in several for fault in str(one).splitlines()}
        return [Check(f"{name}{_line(of, places)}", "problem", of, fix) for of, fix in faults.items()], job
    parts = filter(None, (job.config.dataset, job.config.space, job.config.strategy))
    return [Check(name, "ok", f"valid: {', '.join(part.name for part in parts)}")], job


def _job(given: options.Configuration) -> "Job":
    """Return the job of a configuration or of a run; raises as `Job.load` does."""
    from automtl_cli.configuration import layers
    from automtl_core.registry.plugins import load_registry
    from automtl_core.run_dir.run import Run
    from automtl_core.workflow.job import Job
    from automtl_core.workflow.workflow import Workflow

    if given.file is None or not given.file.is_dir():
        return Workflow(load_registry()).job(layers(given, {}).all)
    if given.data_dir or given.settings:
        raise UsageError("a run has its own settings and data", "leave out --set and --data-dir")
    return Job.resolve(Run.open(given.file).config(), load_registry())


def _line(fault: str, places: "Places") -> str:
    """Return the line, as `:3`, of the setting that a fault begins with, or of the name that it quotes."""
    keys = [path for path in places.keys if re.match(rf"{re.escape('.'.join(path))}(?![\w-])", fault)]
    quoted = (places.values[name] for name in re.findall("'([^']*)'", fault) if name in places.values)
    line = places.keys[max(keys, key=len)] if keys else next(quoted, None)
    return "" if line is None else f":{line}"


def _machine(job: "Job | None") -> Iterator[Check]:
    """Yield checks of versions and of the device."""
    import torch

    yield Check("python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    yield Check("automtl", "ok", automtl_core.__version__)
    build = f"for CUDA {torch.version.cuda}" if torch.version.cuda else "for the CPU"
    yield Check("torch", "ok", f"{torch.__version__}, built {build}")
    of = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with suppress(AutoMTLError):  # the check of the configuration has this error
        of = job.compute().device if job else of
    yield device(of)


def device(of: "torch.device") -> Check:
    """Return a check of the device of all computations."""
    import torch

    if of.type == "cuda":
        free, total = torch.cuda.mem_get_info(of)
        name = torch.cuda.get_device_name(of)
        return Check("device", "ok", f"GPU {name}, {decimal(free)} of {decimal(total)} memory free")
    if torch.version.cuda is None and NVIDIA.exists():
        result = "CPU; there is an NVIDIA GPU, and torch is built for the CPU only"
        remedy = "to use the GPU, install a CUDA build of torch: https://pytorch.org/get-started"
        return Check("device", "warning", result, remedy)
    return Check("device", "ok", f"CPU, {os.cpu_count()} cores")


def folder(name: str, path: Path, needed: int = 0) -> Check:
    """Return a check that a folder is writable, or can be created, and of the free disk there.

    Args:
        name: Its use.
        path: The folder.
        needed: Bytes that will be written, as far as is known.

    """
    title = f"folder of {name}"
    there = next(p for p in (path.absolute(), *path.absolute().parents) if os.path.lexists(p))
    where = f"{path}" if there == path.absolute() else f"{path}, to be created in {there}"
    try:
        with tempfile.TemporaryFile(dir=there):
            free = shutil.disk_usage(there).free
    except OSError as error:
        result = f"{where}: not writable: {error.strerror}"
        return Check(title, "problem", result, f"choose another folder of {name}")
    if free >= (least := max(LEAST, needed)):
        return Check(title, "ok", f"{where}: writable, {decimal(free)} of disk free")
    remedy = f"free {decimal(least - free)} more, or choose a folder of {name} on another disk"
    return Check(title, "warning", f"{where}: {decimal(free)} of disk free", remedy)


def extras() -> Iterator[Check]:
    """Yield a check of each extra: whether its packages can be imported."""
    for extra, packages in EXTRAS.items():
        name, install = f"extra {extra}", f"pip install 'automtl[{extra}]'"
        if extra == "zst" and sys.version_info >= (3, 14):
            packages = ()
        try:
            versions = ", ".join(f"{package} {version(package)}" for package in packages)
            for package in packages:
                import_module(package)
            yield Check(name, "ok", versions or "part of Python")
        except PackageNotFoundError as error:
            yield Check(name, "optional", f"not installed: {error.name}", install)
        except Exception as error:  # such as a shared library that is missing
            yield Check(name, "warning", f"cannot be imported: {one_line(error)}", install)


def plugins(registry: Registry) -> Iterator[Check]:
    """Yield a check of each plugin and object that is not usable."""
    for row in registry.rows:
        if row.problem == f"disabled by {DISABLE}":
            yield Check(f"plugin {row.name}", "warning", row.problem, f"to use it, remove it from {DISABLE}")
        elif row.problem is not None:
            yield Check(f"plugin {row.name}", "problem", f"not loaded: {row.problem}", remedy(row))
    for kind in KINDS.values():
        for name in registry.names(kind):
            try:
                registry.describe(kind, name)
            except PluginError as error:
                yield Check(f"{kind.name} {name}", "problem", str(error), error.fix)


def data(job: "Job", out: Path | None = None) -> Check:
    """Return a check of the raw files of the dataset: they exist, and headers and first rows fit.

    With `out`, all rows are checked, and the faulty ones written there.
    """
    from automtl_cli.output import stages
    from automtl_core.prepare.prepare import write_rejected
    from automtl_core.raw.records import located
    from automtl_core.system.files import publish_file
    from automtl_inspection.validate import Validation

    name, dataset, faults = f"dataset {job.config.dataset.name}", job.dataset(), list[str]()
    if not dataset.files():
        return Check(name, "ok", "needs no files")

    def noted(rows: "Iterator[Rejected]") -> "Iterator[Rejected]":
        for row in rows:
            if len(faults) < 3:
                faults.append(located(row.file, row.fault))
            yield row

    try:
        validation = Validation(dataset, job.config.dataset.name, job.config.data_dir, None if out else 1000)
        if out is None:
            list(noted(validation.rejected()))
        else:
            with stages("checking data") as progress, publish_file(out) as draft:
                write_rejected(draft, noted(validation.rejected(progress)))
    except AutoMTLError as error:
        return Check(name, "problem", str(error), error.fix)
    if broken := [file for file in validation.files if file.problem]:
        return Check(name, "problem", "; ".join(file.problem or "" for file in broken), broken[0].fix)
    if not faults:
        files = ", ".join(f"{file.file} ({file.accepted:,})" for file in validation.files)
        rows = "first rows" if out is None else "all rows"
        return Check(name, "ok", f"{decimal(raw_size(job))}; {rows} are as declared: {files}")
    number, records = (sum(getattr(f, k) for f in validation.files) for k in ("rejected", "records"))
    result = f"faulty rows: {'; '.join(faults)}"
    result += "" if out is None else f"; {number:,} of {records:,} are written to {out}"
    settings = job.components["dataset"]
    if settings.bad_rows == "skip" and number <= settings.max_bad_rows:
        return Check(name, "warning", f"{result}; they are left out")
    leave = f"--set dataset.bad_rows=skip --set dataset.max_bad_rows={number if out else 'N'}"
    return Check(name, "problem", result, f"list all by --out FILE.csv, or leave them out: {leave}")


def raw_size(job: "Job") -> int:
    """Return the size of the raw files in bytes; 0 if some are missing."""
    from automtl_core.raw.find import find

    try:
        sources = find(job.config.data_dir, job.dataset(), job.config.dataset.name)
    except AutoMTLError:
        return 0
    return sum(source.path.stat().st_size for files in sources.values() for source in files)
