"""Decisions by ablation: the effect on held-out rows when an option is removed or replaced.

- choose-one: take a clearly better candidate, or else the cheapest candidate that is as good as the current
  one
- choose-any: close the dispensable options; first those that are dispensable in all choices at once, such as
  a noise field, then one by one. Then test all closings together, and undo them by halves: two redundant
  options can each be dispensable, while both together are not

An option is dispensable if the loss without it is lower by more than its error. It is also dispensable if the
difference is within its error or negligible, and the AUC that all decisions cost together stays within the
tolerance with the same certainty; if the estimated loss is higher, the saving must be worth it. Few rows
cannot show the second, and then only options with a gain above its error are closed. Differences are taken
row by row, see `automtl_core.search.held_out`. Decisions are made one by one; whether their effects are
findings is judged at the end, over all comparisons (`automtl_core.search.evidence.judged`).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from automtl_core.plugin import (
    EVERYWHERE,
    Action,
    AnyOf,
    Architecture,
    Cost,
    Decision,
    Difference,
    Evidence,
    Losses,
    SearchSpace,
    difference,
)

Option = tuple[str, str]
"""A choose-any choice and one of its options."""

Bundle = tuple[Option, ...]
"""Options that are closed together or not at all."""

TOLERANCE = 0.002
"""Maximum drop of mean AUC that all removals together may cost, with their error: 0.2 points of AUC."""
WORTH = 0.01
"""Minimum saving, as a share of the FLOPs, for which a part goes if the estimated AUC is lower without it."""
CLEAR = 2.0
"""Lead in standard errors with which an operation replaces the current one; the best of several equal ones
leads by one by chance."""

Score = Callable[[Mapping[str, Decision]], Losses]
"""Function from all decisions to the loss of each held-out row."""


@dataclass(eq=False)
class _Stand:
    """Decisions with their losses and their cost. The cost is computed on first access."""

    space: SearchSpace
    decisions: Mapping[str, Decision]
    losses: Losses

    @cached_property
    def loss(self) -> float:
        """The mean loss over rows."""
        return float(self.losses.mean())

    @cached_property
    def cost(self) -> Cost:
        """The cost of the network of these decisions."""
        return self.space.cost(Architecture(self.decisions))


@dataclass(eq=False)
class _Change:
    """The replacement of one stand by another."""

    before: _Stand
    after: _Stand

    def __post_init__(self) -> None:
        self.difference = difference(self.after.losses, self.before.losses)

    @property
    def saved(self) -> Cost:
        """The cost that it saves."""
        return self.before.cost - self.after.cost


class Ablation:
    """Makes decisions by ablation in rounds, and records the evidence.

    `score` may raise: the decisions and the evidence are then those before its call.

    Args:
        space: The space of the decisions, which also returns costs.

    """

    _start: _Stand
    _now: _Stand
    _weighed_at: _Stand

    def __init__(self, space: SearchSpace) -> None:
        self.space = space
        self.choices = space.choices()
        self.decisions: Mapping[str, Decision] = {}
        """All current decisions."""
        self.lost = 0.0
        """Mean AUC that the decisions have cost; a gain of a round does not offset an earlier loss."""
        self.evidence: list[Evidence] = []
        self.comparisons = 0
        """Number of alternatives that were compared with the current decisions."""
        self._fields = space.schema.readable()
        self._before = 0.0  # `lost` at the begin of the round
        self._weighed: dict[str, dict[str, _Stand]] = {}  # candidates of choose-ones at `_weighed_at`

    def begin(self, score: Score, decisions: Mapping[str, Decision], epoch: int) -> None:
        """Begin a round.

        Args:
            score: Function that returns losses.
            decisions: Initial decisions, with the current weights the baseline of the tolerance.
            epoch: Epoch of the search, recorded in the evidence.

        """
        self.score, self.decisions, self.epoch = score, decisions, epoch
        self._before = self.lost
        self._start = self._weighed_at = self._stand(decisions)
        self._weighed = {}  # the weights may have changed
        self._take(self._start)

    def choose(self, names: Sequence[str]) -> None:
        """Decide the named choose-ones one after the other, with all other decisions unchanged."""
        for name in names:
            stands = self._candidates(name)
            now = str(self._now.decisions[name])
            best = min(stands, key=lambda o: stands[o].loss)
            if _Change(stands[now], stands[best]).difference.is_below_zero(CLEAR):
                now = best
            cheapest_first = sorted(
                stands, key=lambda o: (stands[o].cost.flops_per_row, stands[o].cost.parameters)
            )
            option = next(o for o in cheapest_first if o == now or self._may_follow(stands[now], stands[o]))
            # The evidence is the difference to the previous option or, if that is kept, to the next best one.
            others = [o for o in stands if o != option]
            against = now if option != now else min(others, key=lambda o: stands[o].loss, default=now)
            change, equal = _Change(stands[against], stands[option]), len(self._siblings(name)) > 1
            self._record(name, option, "chosen", change, equal, against)
            self._take(stands[option])

    def _take(self, stand: _Stand) -> None:
        """Make the decisions of a stand the current ones."""
        self._now, self.decisions = stand, stand.decisions
        self.lost = self._before + max(0.0, _Change(self._start, stand).difference.mean)

    def clearest(self, names: Sequence[str]) -> list[str]:
        """Return names of choose-ones, sorted by the lead of the best candidate in standard errors."""

        def clarity(name: str) -> float:
            best, *others = sorted(self._candidates(name).values(), key=lambda stand: stand.loss)
            return _Change(best, others[0]).difference.z if others else float("inf")

        gap = {name: clarity(name) for name in names}
        return sorted(names, key=gap.__getitem__, reverse=True)

    def close(self, singly: bool = True) -> None:
        """Close dispensable options: first those dispensable in all choices at once, then one by one.

        Args:
            singly: Whether to test single options too, which are many, and to record what is kept.

        """
        self._close(self._everywhere(), record=singly)
        if singly:
            self._close([(option,) for option in self._open()], record=True)

    def _candidates(self, name: str) -> dict[str, _Stand]:
        """Return the stand of each candidate of a choose-one, scored once per set of current decisions."""
        if self._weighed_at is not self._now:
            self._weighed_at, self._weighed = self._now, {}
        if name not in self._weighed:
            now = self._now.decisions
            self._weighed[name] = {
                option: self._now if option == now[name] else self._stand({**now, name: option})
                for option in self.choices[name].options
            }
        return self._weighed[name]

    def _close(self, bundles: Sequence[Bundle], record: bool = False) -> None:
        """Close the dispensable bundles, smallest effect first; `record` the kept ones too."""
        before = self._now
        weighed = {b: _Change(before, self._without(b)) for b in bundles}
        least_missed = sorted(weighed, key=lambda b: weighed[b].difference.z)
        closed = self._closed_together([b for b in least_missed if self._dispensable(weighed[b])])
        for bundle, change in weighed.items():
            replaceable = self._interchangeable(bundle, before)
            if bundle in closed:
                for choice, option in bundle:
                    self._record(choice, option, "closed", change, replaceable, sharing=len(bundle))
            elif record:
                (choice, option), *others = bundle
                self._record(EVERYWHERE if others else choice, option, "kept", change, replaceable)

    def _closed_together(self, few: Sequence[Bundle]) -> set[Bundle]:
        """Close all bundles together or, if that costs too much, as many as possible of each half.

        Returns:
            The closed bundles.

        """
        if not few:
            return set()
        after = self._without([option for bundle in few for option in bundle])
        if self._may_follow(self._now, after):
            self._take(after)
            return set(few)
        middle = len(few) // 2
        return self._closed_together(few[:middle]) | self._closed_together(few[middle:]) if middle else set()

    def _stand(self, decisions: Mapping[str, Decision]) -> _Stand:
        self.comparisons += 1
        return _Stand(self.space, decisions, self.score(decisions))

    def _without(self, closed: Collection[Option]) -> _Stand:
        decisions = {
            name: d if isinstance(d, str) else tuple(o for o in d if (name, o) not in closed)
            for name, d in self._now.decisions.items()
        }
        return self._stand(decisions)

    def _open(self) -> list[Option]:
        gates = [name for name, choice in self.choices.items() if isinstance(choice, AnyOf)]
        return [(name, option) for name in gates for option in self._now.decisions[name]]

    def _everywhere(self) -> list[Bundle]:
        """Return the options that are open in several choices with the same options, such as one field."""
        gap: dict[tuple[tuple[str, ...], str], list[Option]] = {}
        for name, option in self._open():
            gap.setdefault((self.choices[name].options, option), []).append((name, option))
        return [tuple(options) for options in gap.values() if len(options) > 1]

    def _siblings(self, name: str) -> list[str]:
        """Return the choices with the same options as this one, and itself."""
        options = self.choices[name].options
        return [other for other, choice in self.choices.items() if choice.options == options]

    def _interchangeable(self, bundle: Bundle, before: _Stand) -> bool:
        """Return whether other parts could have the role of these options, so that a seed decides.

        A field that is closed wherever it is open has no other part; an expert always has.
        """
        siblings, option = self._siblings(bundle[0][0]), bundle[0][1]
        if option not in self._fields:
            return len(siblings) > 1
        return any(option in before.decisions[name] and (name, option) not in bundle for name in siblings)

    def _may_follow(self, now: _Stand, after: _Stand) -> bool:
        """Return whether a stand is as good as the previous one, and all changes together are affordable."""
        total = _Change(self._start, after)
        return self._dispensable(_Change(now, after)) and self._affordable(total.difference)

    def _dispensable(self, change: _Change) -> bool:
        """Return whether the loss is not higher, or higher within the limits, for a worthwhile saving."""
        worse, error = change.difference.mean, change.difference.error
        # A supernet that has fitted noise predicts slightly worse without it, however sure that is.
        if worse > error and worse + error > 0.3 * TOLERANCE:
            return False
        if worse > 0 and change.saved.flops_per_row < WORTH * change.before.cost.flops_per_row:
            return False
        return self._affordable(change.difference)

    def _affordable(self, difference: Difference) -> bool:
        """Return whether the loss is lower beyond its error, or surely higher by less than the tolerance."""
        worse, error = difference.mean, difference.error
        return worse <= -error or self._before + max(worse, 0.0) + error <= TOLERANCE

    def _record(
        self,
        choice: str,
        option: str,
        action: Action,
        change: _Change,
        interchangeable: bool,
        against: str | None = None,
        sharing: int = 1,
    ) -> None:
        """Record a decision. The saved cost of options that were closed together is divided among them."""
        saved = None if action == "kept" else change.saved
        evidence = Evidence(
            choice,
            option,
            action,
            "no significant effect",  # until all decisions are judged
            against,
            change.difference.mean,
            change.difference.error,
            flops=None if saved is None else saved.flops_per_row // sharing,
            parameters=None if saved is None else saved.parameters // sharing,
            epoch=self.epoch,
            interchangeable=interchangeable,
        )
        self.evidence.append(evidence)
