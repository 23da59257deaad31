"""Generated tables with histories: new rows and their log, in many forms, are read as prepared ones."""

import pytest

from tests.contract import test_exported
from tests.contract.test_served import check

from .programme import tried


@pytest.mark.parametrize("part", range(2))
def test_tables_with_histories(tmp_path, part):
    def fault(seed):
        try:
            check(seed, tmp_path / str(seed))
        except Exception as error:
            return repr(error)
        return None

    tried(
        "tables with histories",
        range(100 + 50 * part, 150 + 50 * part),
        fault,
        "predict, from files and frames",
    )


@pytest.mark.filterwarnings("ignore::UserWarning")  # of tables so small
@pytest.mark.needs_extra("onnx", "boosting")
@pytest.mark.parametrize("model", test_exported.MODELS)
def test_exported_tables(tmp_path, model):
    """The models take turns, so that there are 100 tables."""

    def fault(seed):
        try:
            gap = test_exported.check(seed, tmp_path / str(seed), model)
        except Exception as error:
            return repr(error)
        return f"differs by {gap:.2g}" if gap > test_exported.CLOSE else None

    models = list(test_exported.MODELS)
    tried("exports of generated tables", range(100 + models.index(model), 200, len(models)), fault, "export")
