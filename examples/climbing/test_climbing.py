from automtl_climbing import Climbing, ClimbingSettings
from automtl_core.registry.kinds import SPACES
from automtl_core.registry.plugins import load_registry
from automtl_testing import check_strategy, sample_problem, sample_schema


def test_climbing():
    registry = load_registry()
    desan = registry.get(SPACES, "desan")
    sizes = desan.settings_class(embedding_dim=4, experts=2, layers=1, blocks=1, ops=("zero", "mlp-16"))
    problem = sample_problem(desan(sample_schema(), sizes, registry.op), rows=64)
    settings = ClimbingSettings(trials=2, epochs=1)
    check_strategy(lambda problem: Climbing(settings, problem), problem)
