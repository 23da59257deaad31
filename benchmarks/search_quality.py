"""What a search costs, and what else could be had for the same: random search and hand-designed models.

A search is worth its cost where it ends above what the same operations buy elsewhere. Operations are those
of matrix products, forward and backward, of everything that a search does until its network is trained:
supernet, scoring, closing, last round. This script counts them once, and says how many random architectures,
and how many recipes of a hand-designed model, cost the same; `automtl compare` then tells who is ahead.

    python benchmarks/search_quality.py --dataset planted --set dataset.kind=factors
"""

import argparse
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from automtl_core.data.store import Prepared
from automtl_core.registry.kinds import STRATEGIES
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.config import assignments
from automtl_core.settings.settings import Component
from automtl_core.system import seeds
from automtl_core.training.events import EventHandler
from automtl_core.training.fit import Fit
from automtl_core.workflow.job import Job
from automtl_core.workflow.workflow import Workflow
from automtl_strategies.last_round import RandomSearch
from tabular.play import Meter, Products

RIVALS = ("shared-bottom", "mmoe", "ple", "single-task")
"""Hand-designed models that a search is compared with."""


@dataclass(frozen=True)
class Spent:
    """What something cost to find and to train."""

    name: str
    gigaflops: float
    flops_per_row: int
    """Of the network that came out."""


def spent(name: str, job: Job, prepared: Prepared) -> Spent:
    """Search if there is a strategy, train, and count; the test part is not read."""
    problem, meter = job.problem(prepared), Meter()
    with Products(meter):
        if job.config.strategy is None:
            architecture, network, epochs, trained = job.fixed_architecture(problem.space), None, 0, False
        else:
            found = job.strategy(problem).search(EventHandler())
            architecture, network, epochs, trained = (
                found.architecture, found.network, found.epochs, found.trained,
            )  # fmt: skip
        if not trained:
            if network is None or job.retrain() == "scratch":
                seeds.seed_torch(problem.seed, "network")
                network, epochs = problem.space.network(architecture), 0
            Fit(network, problem.data, problem.recipe, problem.seed, problem.compute, epochs).run(
                EventHandler()
            )
    return Spent(name, meter.flops / 1e9, problem.space.cost(architecture).flops_per_row)


def candidates(budget: float, random: Job, prepared: Prepared, few: int = 4, most: int = 100) -> int:
    """Return how many candidates of a random search cost as much as a budget.

    A few are searched; that more cost in proportion is so by what halving is.
    """
    cost = spent("random", with_candidates(random, few), prepared).gigaflops
    problem = random.problem(prepared)
    drawn = with_candidates(random, most).strategy(problem)
    assert isinstance(drawn, RandomSearch)  # noqa: S101 - whose candidates do not depend on how many there are
    flops = np.cumsum([problem.space.cost(a).flops_per_row for a in drawn.architectures])
    return max(2, int(np.searchsorted(flops * cost / flops[few - 1], budget, "right")))


def with_candidates(job: Job, count: int) -> Job:
    """Return a random search of so many candidates."""
    strategy = job.config.strategy
    assert strategy is not None  # noqa: S101 - it searches
    changed = Component(**{"name": strategy.name, **strategy.settings, "candidates": count})
    return Job.resolve(job.config.model_copy(update={"strategy": changed}), job.registry)


def main() -> None:
    """Print costs, and the comparisons at equal cost as commands."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", default="synthetic")
    parser.add_argument("--data-dir")
    parser.add_argument("--space", default="desan")
    parser.add_argument("--strategies", default="pd-darts")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="assignments")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    line = Workflow(registry := load_registry())
    common: dict[str, Any] = {"dataset": {"name": arguments.dataset}, "seed": arguments.seed}
    if arguments.data_dir:
        common["data_dir"] = arguments.data_dir
    searches = [f"{arguments.space}:{name}" for name in arguments.strategies.split(",")]
    names = [*RIVALS, f"{arguments.space}:random", *searches]
    jobs = line.models(names, [common, assignments(arguments.assignments)])
    assert all(registry.get(STRATEGIES, name) for name in arguments.strategies.split(","))  # noqa: S101
    prepared = line.prepare(jobs[names[0]])
    report(jobs, searches, prepared, shlex.join(_words(arguments)))


def report(jobs: Mapping[str, Job], searches: list[str], prepared: Prepared, words: str) -> None:
    """Count what each costs, print a line of JSON each, then the commands."""
    costs: dict[str, Spent] = {}
    for name in (*RIVALS, *searches):
        costs[name] = spent(name, jobs[name], prepared)
        print(json.dumps(costs[name].__dict__), flush=True)
    budget = max(costs[name].gigaflops for name in searches)
    random = next(name for name in jobs if name.endswith(":random"))
    count = candidates(budget, jobs[random], prepared)
    print(json.dumps({"name": random, "candidates": count}), flush=True)
    models = ",".join((*RIVALS, random, *searches))
    print(f"automtl compare {words} --seeds 3 --models {models} --set strategy.candidates={count}")
    # Apart, since it is a random search too, which would take the candidates for its own.
    print(f"automtl compare {words} --seeds 3 --models {searches[-1]},random-architecture")
    for name in RIVALS:
        recipes = max(1, int(budget / costs[name].gigaflops))
        print(f"automtl compare {words} --seeds 3 --models {name} --tune {recipes}")


def _words(arguments: argparse.Namespace) -> list[str]:
    words = ["--dataset", arguments.dataset]
    if arguments.data_dir:
        words += ["--data-dir", arguments.data_dir]
    return [*words, *(word for given in arguments.assignments for word in ("--set", given))]


if __name__ == "__main__":
    main()
