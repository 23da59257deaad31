from automtl_core.search.encoding.search import Looked
from automtl_core.workflow.progress_estimate import Ahead
from automtl_core.workflow.reporter import UNWATCHED


def test_who_does_not_watch_is_told_all_the_same_and_lets_everything_go_on() -> None:
    with UNWATCHED.preparing() as progress:
        progress("read", 0.5)
    with UNWATCHED.trying() as progress:
        progress("trial 1", 0.5)
    with UNWATCHED.training(Ahead(None, 1)) as listener:
        assert listener.step("train", 1, 10, 1, 32)
    UNWATCHED.warn("something")
    UNWATCHED.looked(Looked({}))
