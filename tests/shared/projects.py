"""Projects of plugins, as pip installs them."""

import tomllib


def installed(project, site):
    """Write the metadata of the project in a folder, with its entry points, into the folder `site`."""
    about = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    info = site / f"{about['name'].replace('-', '_')}-{about['version']}.dist-info"
    info.mkdir(parents=True)
    metadata = f"Metadata-Version: 2.1\nName: {about['name']}\nVersion: {about['version']}\n"
    (info / "METADATA").write_text(metadata)
    points = "".join(f"{name} = {module}\n" for name, module in about["entry-points"]["automtl"].items())
    (info / "entry_points.txt").write_text(f"[automtl]\n{points}")
