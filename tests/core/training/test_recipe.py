import pytest

from automtl_core.errors import UsageError
from automtl_core.training.recipe import Recipe


@pytest.mark.parametrize(
    "change",
    [
        {"batch_size": 1},
        {"epochs": 0},
        {"patience": 0},
        {"learning_rate": 0.0},
        {"weight_decay": -1e-9},
        {"embedding_decay": -1.0},
        {"average_weights": 0.5},
        {"min_positives": 0},
    ],
)
def test_what_cannot_be_trained_with_is_refused_by_name(change):
    with pytest.raises(UsageError, match=f"training.{next(iter(change))}"):
        Recipe.parse(change, "training")


@pytest.mark.parametrize(
    ("epochs", "best", "cut"), [(9, 9, True), (9, 7, True), (9, 6, False), (3, 3, False), (1, 1, False)]
)
def test_epochs_that_end_before_patience_does_cut_a_training_short(epochs, best, cut):
    assert Recipe(epochs=epochs, patience=3).cut_short(best) is cut


def test_patience_follows_from_steps_and_ends_trainings():
    assert [Recipe().patience_for(steps) for steps in (81, 80, 24, 1)] == [3, 3, 10, 240]
    assert Recipe(patience=2).patience_for(1) == 2
    assert [Recipe(epochs=40).cut_short(best) for best in (37, 38)] == [False, True]
