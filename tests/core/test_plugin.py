"""All that a plugin imports is one module, which imports each name at its first use."""

import re
import subprocess
import sys
from pathlib import Path

import automtl_core.plugin
import automtl_testing


def test_each_name_is_there():
    for module in (automtl_core.plugin, automtl_testing):
        assert [name for name in dir(module) if not hasattr(module, name)] == []
        assert not hasattr(module, "no_such_name")


def test_each_class_and_function_of_the_api_pages_is_there():
    pages = (Path(__file__).parents[2] / "docs" / "api").glob("*.md")
    texts = [page.read_text() for page in pages if page.stem not in ("python", "testing")]
    described = re.compile(r":: automtl_core\.(?:\w+\.)*(\w+)\.(\w+)$", re.MULTILINE)
    names = [found for text in texts for found in described.findall(text)]
    known = dir(automtl_core.plugin)
    assert [name for module, name in names if not {module, name} & set(known)] == []


def test_names_of_datasets_load_no_torch():
    code = "import sys; from automtl_core.plugin import Dataset, hookimpl; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
