"""The settings of the search for encodings; that each is used, tests of the modules that read them show."""

from automtl_core.run_dir.config import RunConfig
from automtl_core.search.encoding.settings import DEFAULTS, EncodingSearchSettings


def test_a_configuration_holds_them():
    config = RunConfig.parse(
        {"dataset": "synthetic", "space": "mmoe", "encoding_search": {"rows": 500, "margin": 0.1}}
    )
    assert config.encoding_search == EncodingSearchSettings(rows=500, margin=0.1)
    assert EncodingSearchSettings() == DEFAULTS
