"""The record of a study: a journal or a database, which goes on after a kill."""

import pytest

from automtl_core.errors import StorageError, UsageError
from automtl_strategies.optuna_scheduler import Record, quiet

optuna = pytest.importorskip("optuna")


@pytest.fixture(scope="module")
def told():
    with quiet():
        study, records = optuna.create_study(direction="maximize"), []
        for k in range(4):
            trial = study.ask()
            trial.suggest_float("x", 0, 1)
            trial.set_user_attr("AUC", 0.5)
            records.append(study.tell(trial, [float(k)]))
    return records


def read(place, name="it"):
    storage = place
    if not isinstance(place, str):
        backend = optuna.storages.journal.JournalFileBackend(str(place))
        storage = optuna.storages.JournalStorage(backend)
    with quiet():
        return optuna.load_study(study_name=name, storage=storage)


@pytest.fixture(params=["journal", "database"])
def place(request, tmp_path):
    return tmp_path / "study.journal" if request.param == "journal" else f"sqlite:///{tmp_path}/s.db"


def test_trials_are_added_once_whoever_adds_them(place, told):
    Record(place, "it", ["maximize"]).add(told[:2])
    again = Record(place, "it", ["maximize"])
    again.add(told[:2])
    again.add(told[2:])
    study = read(place)
    assert [trial.params for trial in study.trials] == [trial.params for trial in told]
    assert study.best_value == 3.0
    assert study.trials[0].user_attrs == {"AUC": 0.5}


def test_a_line_that_a_kill_left_incomplete_is_written_again(tmp_path, told):
    place = tmp_path / "study.journal"
    Record(place, "it", ["maximize"]).add(told[:3])
    place.write_bytes(place.read_bytes()[:-20])
    Record(place, "it", ["maximize"]).add(told)
    assert [trial.values for trial in read(place).trials] == [[0.0], [1.0], [2.0], [3.0]]
    assert [path.name for path in tmp_path.iterdir()] == ["study.journal"]


def test_another_study_of_the_same_name_is_an_error(place, told):
    Record(place, "it", ["maximize"]).add(told[1:2] and [told[0]])
    with quiet():
        other = optuna.create_study()
        trial = other.ask()
        trial.suggest_float("x", 0, 1)
        theirs = other.tell(trial, [1.0])
    with pytest.raises(UsageError, match="has another study called 'it'"):
        Record(place, "it", ["maximize"]).add([theirs])


def test_a_storage_that_cannot_be_used_is_an_error(tmp_path):
    with pytest.raises(StorageError, match="the storage of the study, nosql://x, cannot be used") as error:
        Record("nosql://x", "it", ["maximize"])
    assert "strategy.storage" in error.value.fix
