from automtl_core.dataset.fitted import FittedEncodings


def test_plain_encodings_learn_nothing() -> None:
    assert FittedEncodings() == (None, None, None)
