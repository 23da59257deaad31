"""All that a plugin imports is one module, which imports each name at its first use."""

import subprocess
import sys

import automtl_core.plugin
import automtl_testing


def test_each_name_is_there():
    for module in (automtl_core.plugin, automtl_testing):
        assert [name for name in dir(module) if not hasattr(module, name)] == []
        assert not hasattr(module, "no_such_name")


def test_names_of_datasets_load_no_torch():
    code = "import sys; from automtl_core.plugin import Dataset, hookimpl; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
