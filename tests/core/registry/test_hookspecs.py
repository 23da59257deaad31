import inspect

from automtl_core.registry import hookspecs
from automtl_core.registry.kinds import KINDS

HOOKS = {name: hook for name, hook in vars(hookspecs).items() if name.startswith("automtl_")}


def test_every_hook_is_that_of_one_kind():
    assert {kind.hook for kind in KINDS.values()} == set(HOOKS.values())
    assert len(KINDS) == len(HOOKS)


def test_hooks_take_nothing_and_say_what_they_return():
    for name, hook in HOOKS.items():
        signature = inspect.signature(hook)
        assert not signature.parameters, name
        assert str(signature.return_annotation).startswith("Mapping[str, "), name
        assert inspect.getdoc(hook).startswith("Return "), name
