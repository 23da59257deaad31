"""Replays strategies on the table: what they found, what it cost, and how supernets rank.

    cd benchmarks; OMP_NUM_THREADS=1 python -m tabular.replay --strategies pd-darts,my_module:MyStrategy

Prints tables in Markdown, and writes all figures as JSON where `--json` says. README.md tells what they mean.
"""

import argparse
import json
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.stats import kendalltau

from automtl_core.registry.kinds import PRESETS, STRATEGIES
from automtl_core.registry.plugins import load_registry
from automtl_core.search.strategy import SearchStrategy
from automtl_core.search.trial import Problem
from automtl_core.system import seeds
from automtl_core.training.events import EventHandler
from automtl_strategies.last_round import RandomSearch
from automtl_strategies.paths import Paths, PathSettings
from tabular import bad
from tabular.play import replay
from tabular.slice import PROBLEMS, architectures, problem
from tabular.table import Record, Table

PAPER = "paper's pd-darts"
BAD: Mapping[str, type[SearchStrategy[Any]]] = {
    "at-chance": bad.AtChance,
    "cheapest": bad.Cheapest,
    "backwards": bad.Backwards,
    "worst-inherited": bad.WorstInherited,
}
LISTED = ("pd-darts", PAPER, "darts", "random", *BAD)
CANDIDATES = (1, 2, 4, 8, 16, 32)
"""Of random searches, for regret against cost."""
RANDOM_SEEDS = 40
DRAWS = 4000
RANKED = 50
"""Architectures that a supernet ranks."""


class Found(NamedTuple):
    """What a search came to."""

    trainings: float
    """Operations of the search, in mean trainings from scratch."""
    regret: float
    """Best test AUC of the table minus that of what was found; means over tasks and seeds of training."""
    flops_per_row: int
    seconds: float


class Bench:
    """One problem with its table.

    Args:
        given: The problem; for strategies that train nothing but from scratch it may be blank.
        records: Its table.

    """

    def __init__(self, given: Problem, records: Mapping[str, Record]) -> None:
        self.given, self.records = given, records
        self.training = statistics.mean(r.cost(given, t.seed) for r in records.values() for t in r.trainings)
        """Operations of a training, in the mean."""
        self.best = max(record.test_auc for record in records.values())
        self.lost = 0.5
        """What an architecture is worth that is not in the table, since one of its tasks reads nothing."""

    def regret(self, record: Record | None) -> float:
        """Return what was left on the table."""
        return self.best - (record.test_auc if record else self.lost)

    def floor(self) -> float:
        """Return the regret of knowing all trainings of a seed, and taking the best on validation."""
        picked = [
            max(self.records.values(), key=lambda r: r.training(seed).validation_auc)
            for seed in range(len(next(iter(self.records.values())).trainings))
        ]
        return statistics.mean(map(self.regret, picked))

    def search(self, strategy: type[SearchStrategy[Any]], settings: Mapping[str, Any], seed: int) -> Found:
        """Replay a strategy once."""
        start = time.monotonic()
        given = replace(self.given, seed=seed)
        result, record, flops = replay(strategy, settings, given, self.records)
        cost = given.space.cost(result.architecture).flops_per_row
        return Found(flops / self.training, self.regret(record), cost, time.monotonic() - start)

    def random_curve(self, seeds_: int = RANDOM_SEEDS) -> list[tuple[float, float]]:
        """Return (cost in trainings, expected regret) of random searches with successive halving."""
        points = []
        for count in CANDIDATES:
            found = [self.search(RandomSearch, {"candidates": count}, seed) for seed in range(seeds_)]
            points.append(tuple(statistics.mean(values) for values in zip(*found, strict=True))[:2])
        return points

    def drawing_curve(self, draws: int = DRAWS) -> list[tuple[float, float]]:
        """Return the same of drawing from the table, each trained to its end."""
        random, records = seeds.generator(0, "draws"), list(self.records.values())
        validation = np.array([[t.validation_auc for t in r.trainings] for r in records])
        costs = np.array([[r.cost(self.given, t.seed) for t in r.trainings] for r in records])
        regrets = np.array([self.regret(r) for r in records])
        points = []
        for count in CANDIDATES:
            drawn = random.integers(len(records), size=(draws, count))
            seed = random.integers(validation.shape[1], size=(draws, 1))
            taken = drawn[np.arange(draws), validation[drawn, seed].argmax(1)]
            cost = costs[drawn, seed].sum(1).mean() / self.training
            points.append((float(cost), float(regrets[taken].mean())))
        return points

    def ranking(self, seed: int) -> dict[str, float]:
        """Return Kendall's tau of inherited losses and validation after training.

        Of `RANKED` architectures drawn from the table, and of the best fifth of the table.
        """
        given = replace(self.given, seed=seed)
        paths = Paths(given, PathSettings())
        paths.train("supernet", EventHandler())
        points = architectures(given.space)
        some = seeds.generator(seed, "ranked").choice(sorted(self.records), RANKED, replace=False)
        return {
            "drawn": self._tau(paths, points, some),
            "best fifth": self._tau(paths, points, self.best_fifth()),
            "epochs": float(paths.best_epoch),
        }

    def best_fifth(self, seed: int | None = None) -> list[str]:
        """Return keys of the best architectures after training, by validation in the mean or of one seed."""

        def value(name: str) -> float:
            record = self.records[name]
            return record.validation_auc if seed is None else record.training(seed).validation_auc

        return sorted(self.records, key=value, reverse=True)[: len(self.records) // 5]

    def _tau(self, paths: Paths, points: Mapping[str, Any], keys: Sequence[str]) -> float:
        inherited = [-float(paths.score(points[k]).losses.mean()) for k in keys]
        return float(kendalltau(inherited, [self.records[k].validation_auc for k in keys]).statistic)

    def agreement(self) -> dict[str, float]:
        """Return Kendall's tau of one training and the next, which bounds what can be foretold.

        The best fifth is here that of one seed: among those of the best mean, seeds would seem to contradict
        each other.
        """

        def tau(keys: Sequence[str]) -> float:
            pairs = [[t.validation_auc for t in self.records[k].trainings] for k in keys]
            return float(kendalltau(*np.array(pairs).T).statistic)

        fifths = [tau(self.best_fifth(seed)) for seed in (0, 1)]
        return {"drawn": tau(list(self.records)), "best fifth": statistics.mean(fifths)}


def at(cost: float, curve: Sequence[tuple[float, float]]) -> float:
    """Return the regret of a curve at a cost, linear in its logarithm between the points."""
    costs, regrets = zip(*curve, strict=True)
    return float(np.interp(np.log1p(cost), np.log1p(costs), regrets))


def named(name: str) -> tuple[type[SearchStrategy[Any]], Mapping[str, Any]]:
    """Return a strategy and its settings: one of the listed, a registered one, or `module:Class`."""
    registry = load_registry()
    if name in BAD:
        return BAD[name], {}
    if name == PAPER:
        settings = dict(registry.get(PRESETS, "paper")["strategy"])
        return registry.get(STRATEGIES, settings.pop("name")), settings
    module, _, cls = name.partition(":")
    return (getattr(import_module(module), cls) if cls else registry.get(STRATEGIES, name)), {}


def report(kind: str, bench: Bench, strategies: Sequence[str], runs: int) -> dict[str, Any]:
    """Replay, print, and return the figures of a problem."""
    tests = sorted(r.test_auc for r in bench.records.values())
    print(f"\n## {kind}: {len(tests)} architectures, test AUC {tests[-1]:.4f} at best, ", end="")
    print(f"{statistics.mean(tests):.4f} in the mean, {tests[0]:.4f} at worst; ", end="")
    print(f"regret of the best by validation of a whole training of each {bench.floor():.4f}\n")
    random, drawing = bench.random_curve(), bench.drawing_curve()
    _row("candidates", "random with halving: trainings", "regret", "each to its end: trainings", "regret")
    _row(*["---"] * 5)
    for count, one, other in zip(CANDIDATES, random, drawing, strict=True):
        _row(count, *(f"{cost:.1f} | {regret:.4f}" for cost, regret in (one, other)))
    print()
    _row("strategy", "trainings", "regret", "±", "random at that cost", "ratio", "kFLOP a row", "seconds")
    _row(*["---"] * 8)
    rows = {}
    for name in strategies:
        found = [bench.search(*named(name), seed) for seed in range(runs)]
        regrets = [f.regret for f in found]
        error = statistics.stdev(regrets) / len(found) ** 0.5 if len(found) > 1 else float("nan")
        regret, cost = statistics.mean(regrets), statistics.mean(f.trainings for f in found)
        same = at(cost, random)
        rows[name] = {
            "runs": [f._asdict() for f in found], "regret": regret, "trainings": cost, "random": same,
        }  # fmt: skip
        flops, seconds = (statistics.mean(values) for values in list(zip(*found, strict=True))[2:])
        _row(
            name, f"{cost:.1f}", f"{regret:.4f}", f"{error:.4f}", f"{same:.4f}", f"{regret / same:.2f}",
            f"{flops / 1e3:.1f}", f"{seconds:.0f}",
        )  # fmt: skip
    taus, agreed = [bench.ranking(seed) for seed in range(runs)], bench.agreement()
    print()
    _row("Kendall's tau", f"{RANKED} drawn", "best fifth")
    _row(*["---"] * 3)
    mean = {of: statistics.mean(tau[of] for tau in taus) for of in agreed}
    named_taus = {f"supernet, seed {k}": tau for k, tau in enumerate(taus)} | {"supernet, mean": mean}
    for name, tau in {**named_taus, "one training and the next": agreed}.items():
        _row(name, f"{tau['drawn']:.2f}", f"{tau['best fifth']:.2f}")
    return {"strategies": rows, "random": random, "drawing": drawing, "tau": taus, "agreement": agreed}


def _row(*cells: object) -> None:
    print("|", " | ".join(map(str, cells)), "|", flush=True)


def main() -> None:
    """Replay on all problems."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--strategies", default=",".join(LISTED))
    parser.add_argument("--problems", default=",".join(PROBLEMS))
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--prepared", type=Path, default=Path("prepared"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    table, found = Table.load(), {}
    for kind in options.problems.split(","):
        bench = Bench(problem(kind, 0, options.prepared)[0], table.records[kind])
        found[kind] = report(kind, bench, options.strategies.split(","), options.seeds)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
