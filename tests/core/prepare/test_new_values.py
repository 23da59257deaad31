"""New values get the next ids of a vocabulary, if training rows have them often enough."""

from .later_rows import CUT, Shown, grown


def test_old_values_keep_their_ids_and_frequent_new_ones_follow(tmp_path):
    base, data = grown(tmp_path)
    for name in ("user", "item", "tags"):
        old, new = base.vocabulary(name), data.vocabulary(name)
        assert new[: len(old)] == old
        assert len(new) > len(old)
    seen = Shown.frame["item"][: CUT + 160].value_counts()
    later = {*Shown.frame["item"][CUT : CUT + 160]} - {*base.vocabulary("item")}
    assert {*data.vocabulary("item")} - {*base.vocabulary("item")} == {v for v in later if v and seen[v] >= 2}
    # A held-out row of before has the id of a value that has become known.
    held_out, place = base.part("test"), 1
    items = data.encoder.decode(data.part("train"))["item"][CUT - len(held_out) : CUT]
    was = base.encoder.decode(held_out)["item"]
    assert any(a is None and b is not None for a, b in zip(was, items, strict=True))
    assert data.schema.sparse[place].size == len(data.vocabulary("item")) + 1


def test_at_most_so_many_values_as_the_settings_ask(tmp_path):
    base, data = grown(tmp_path, max_vocabulary=20)
    assert len(base.vocabulary("user")) == len(data.vocabulary("user")) == 20
    base, data = grown(tmp_path, max_vocabulary=28)
    new = data.vocabulary("user")[len(base.vocabulary("user")) :]
    assert len(data.vocabulary("user")) == 28
    assert new == sorted(new)
