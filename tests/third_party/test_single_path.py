"""A strategy of forty lines brings a relaxation of its own, searches DESAN, and can be resumed."""

from automtl_core.modules.relaxation import MixedOp
from automtl_core.registry.plugins import load_registry
from automtl_core.settings.settings import Settings
from automtl_core.training.events import EventHandler
from automtl_desan.space import DESAN, DESANSettings
from automtl_testing import check_strategy, sample_problem, sample_schema

from .single_path import SinglePath

SIZES = DESANSettings(
    embedding_dim=4, experts=2, layers=2, blocks=2, expert_width=8, tower_width=8,
    ops=("identity", "mlp-16", "zero"),
)  # fmt: skip


def problem():
    return sample_problem(DESAN(sample_schema(), SIZES, load_registry().op))


def make(problem):
    return SinglePath(Settings(), problem)


def test_it_searches_follows_from_its_seed_and_resumes():
    check_strategy(make, problem())


def test_it_computes_one_candidate_a_step():
    search = make(problem())
    mixed = [q for q in search.relaxed.supernet.questions.values() if isinstance(q, MixedOp)]
    calls = dict.fromkeys(mixed, 0)
    passes = []
    search.relaxed.supernet.register_forward_hook(lambda *_: passes.append(1))
    for question in mixed:
        for op in question.candidates.values():
            op.register_forward_hook(lambda *_, q=question: calls.update({q: calls[q] + 1}))
    search.search(EventHandler())
    assert set(calls.values()) == {len(passes)}
