"""Contract tests for plugin authors: one call checks everything that automtl relies on.

    from automtl_testing import check_op

    def test_my_op():
        check_op(my_op)

A check raises an `AssertionError` that names the violated requirement. automtl runs the same checks on
everything registered.
"""

from automtl_core.system.lazy import names_of_stub

__getattr__, __all__ = names_of_stub(__file__)


def __dir__() -> list[str]:
    return __all__
