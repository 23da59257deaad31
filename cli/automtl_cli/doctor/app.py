"""The command `automtl doctor`. As in `app`, it imports slow modules itself."""

from pathlib import Path

from automtl_cli import options
from automtl_cli.output import emit


def doctor(
    dataset: options.DatasetName = None,
    data_dir: options.DataDir = None,
    preset: options.Preset = None,
    config: options.File = None,
    settings: options.Settings = None,
    runs_dir: options.RunsDir = Path("runs"),
    as_json: options.AsJson = False,
) -> None:
    """Check machine, installation, configuration and data.

    Each check is ok, a warning or a problem with a remedy. Raw files are checked by their headers and first
    rows. The exit code is 78 if there is a problem.
    """
    from automtl_cli.config.resolved import Request
    from automtl_cli.doctor import checks

    request = Request(None, preset, config, {"dataset": dataset, "data_dir": data_dir}, settings)
    result = checks.examined(request, runs_dir)
    emit(result, checks.view, as_json)
    checks.check_ready(result)
