"""Decisions by evidence: what held-out rows say when an option is removed, or another takes its place.

- of a choose-one the cheapest candidate is taken that may follow what stands, or what is clearly better
- of a choose-any an option is closed that is dispensable; first what nobody misses anywhere, such as a field
  that tells nothing, then one by one; all closings together are looked at, and undone by halves: two options
  that can stand in for each other are each dispensable, and both together are not

Dispensable is what is not significantly missed and, as surely, costs no more than is tolerated of all
decisions together. The second is what few rows cannot show, and then nothing is closed. Differences are taken
row by row, see `automtl_core.search.held_out`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property

from pydantic import Field

from automtl_core.choices import AnyOf, Architecture, Decision, OneOf
from automtl_core.modules.cost import Cost
from automtl_core.search.evidence import Action, Evidence, Verdict
from automtl_core.search.held_out import Difference, Losses, difference
from automtl_core.settings.settings import Settings
from automtl_core.space import SearchSpace

Option = tuple[str, str]
"""A choose-any choice and one of its options."""

Bundle = tuple[Option, ...]
"""What is closed together or not at all."""


class WeighingSettings(Settings):
    """When evidence is enough."""

    sure: float = Field(1.0, ge=0)
    """Standard errors from which on a difference counts."""
    tolerance: float = Field(0.002, ge=0)
    """What a cheaper architecture may lose of AUC, in the mean over tasks, as far as `sure` standard errors
    tell. Where rows are too few to tell, nothing is closed."""
    clear: float = Field(2.0, ge=0)
    """Standard errors by which a candidate must be better to take the place of the one that stands: by one
    alone, the best of several is ahead by chance."""
    flop_price: float = Field(0.0, ge=0)
    """Share of the loss that a million operations a row are worth."""


Score = Callable[[Mapping[str, Decision]], Losses]
"""Returns what each held-out row loses, given all decisions."""


class _Stand:
    """Decisions, what they lose and what they cost; the latter is counted when it is asked for."""

    def __init__(self, space: SearchSpace, decisions: Mapping[str, Decision], losses: Losses) -> None:
        self.space = space
        self.decisions = decisions
        self.losses = losses

    @cached_property
    def loss(self) -> float:
        """The mean over rows."""
        return float(self.losses.mean())

    @cached_property
    def cost(self) -> Cost:
        """What the network of these decisions costs."""
        return self.space.cost(Architecture(self.decisions))


class _Change:
    """One stand in place of another."""

    def __init__(self, before: _Stand, after: _Stand) -> None:
        self.before = before
        self.after = after
        self.difference = difference(after.losses, before.losses)

    @property
    def saved(self) -> Cost:
        """What it saves."""
        return self.before.cost - self.after.cost

    @property
    def z(self) -> float:
        """How much more it loses, in standard errors."""
        return z_score(self.difference)


class Weighing:
    """Decides, and notes why.

    Args:
        space: Whose choices are decided; tells costs.
        score: Tells losses.
        settings: When evidence is enough.
        decisions: What it begins with: what is open and chosen. All that it changes is held against these.
        epoch: Of the search, for the notes.
        lost: What decisions before have cost already.

    """

    def __init__(
        self,
        space: SearchSpace,
        score: Score,
        settings: WeighingSettings,
        decisions: Mapping[str, Decision],
        epoch: int,
        lost: float = 0.0,
    ) -> None:
        self.space = space
        self.score = score
        self.settings = settings
        self.epoch = epoch
        self.choices = space.choices()
        self.evidence: list[Evidence] = []
        self._lost = lost
        self._start = self._now = self._weighed_at = self._stand(decisions)
        self._weighed: dict[str, dict[str, _Stand]] = {}  # candidates of choose-ones, where that stands

    @property
    def decisions(self) -> dict[str, Decision]:
        """All, as they stand."""
        return dict(self._now.decisions)

    @property
    def lost(self) -> float:
        """What decisions have cost, those before and these; nothing is made up for by what another gains."""
        return self._lost + max(0.0, _Change(self._start, self._now).difference.mean)

    def all(self) -> None:
        """Decide everything."""
        self.choose([name for name, choice in self.choices.items() if isinstance(choice, OneOf)])
        self.close()

    def choose(self, names: Sequence[str]) -> None:
        """Decide the named choose-ones, one after the other, everything else as it stands."""
        for name in names:
            self._choose(name)

    def clearest(self, names: Sequence[str]) -> list[str]:
        """Return names of choose-ones, that first whose best candidate is most clearly ahead of the next."""

        def clarity(name: str) -> float:
            best, *others = sorted(self._candidates(name).values(), key=lambda stand: stand.loss)
            return _Change(best, others[0]).z if others else float("inf")

        found = {name: clarity(name) for name in names}
        return sorted(names, key=found.__getitem__, reverse=True)

    def close(self, singly: bool = True) -> None:
        """Close what is dispensable: first what nobody misses anywhere, then what is open option by option.

        Args:
            singly: Whether to go on to single options, which are many, and to tell what is kept.

        """
        self._close(self._everywhere())
        if singly:
            self._close([(option,) for option in self._open()], tell=True)

    def _choose(self, name: str) -> None:
        stands = self._candidates(name)
        now = str(self._now.decisions[name])
        best = min(stands, key=lambda o: stands[o].loss + self._price(stands[o].cost))
        if clearly_less(_Change(stands[now], stands[best]).difference, self.settings.clear):
            now = best
        cheapest_first = sorted(
            stands, key=lambda o: (stands[o].cost.flops_per_row, stands[o].cost.parameters)
        )
        option = next(o for o in cheapest_first if o == now or self._may_follow(stands[now], stands[o]))
        # Told is the difference to what stood or, of that itself, to the next.
        others = [o for o in stands if o != option]
        against = now if option != now else min(others, key=lambda o: stands[o].loss, default=now)
        self._note(name, option, "chosen", None, _Change(stands[against], stands[option]), against)
        self._now = stands[option]

    def _candidates(self, name: str) -> dict[str, _Stand]:
        """Return what each candidate of a choose-one would lead to, scored once while everything stands."""
        if self._weighed_at is not self._now:
            self._weighed_at, self._weighed = self._now, {}
        if name not in self._weighed:
            now = self._now.decisions
            self._weighed[name] = {
                option: self._now if option == now[name] else self._stand({**now, name: option})
                for option in self.choices[name].options
            }
        return self._weighed[name]

    def _close(self, bundles: Sequence[Bundle], tell: bool = False) -> None:
        """Close bundles, the least missed first; and tell what is kept."""
        weighed = {b: _Change(self._now, self._without(b)) for b in bundles}
        least_missed = sorted(weighed, key=lambda b: weighed[b].z)
        closed = self._closed_together([b for b in least_missed if self._dispensable(weighed[b])])
        for bundle, change in weighed.items():
            if bundle in closed:
                self._note_all(bundle, "closed", None, change)
            elif tell:
                self._note_all(bundle, "kept", self._kept(change), change)

    def _closed_together(self, few: Sequence[Bundle]) -> set[Bundle]:
        """Close all of a few, or of either half what can be closed; return what was."""
        if not few:
            return set()
        after = self._without(_all_of(few))
        if self._may_follow(self._now, after):
            self._now = after
            return set(few)
        middle = len(few) // 2
        return self._closed_together(few[:middle]) | self._closed_together(few[middle:]) if middle else set()

    def _kept(self, change: _Change) -> Verdict:
        """Return why what a change would close is kept."""
        if self._dispensable(change):
            return "undone"
        return "needed" if self._missed(change) else "not known"

    def _stand(self, decisions: Mapping[str, Decision]) -> _Stand:
        return _Stand(self.space, decisions, self.score(decisions))

    def _without(self, closed: Collection[Option]) -> _Stand:
        return self._stand(without(self._now.decisions, closed))

    def _open(self) -> list[Option]:
        gates = [name for name, choice in self.choices.items() if isinstance(choice, AnyOf)]
        return [(name, option) for name in gates for option in self._now.decisions[name]]

    def _everywhere(self) -> list[Bundle]:
        """Return what is open under one name in several choices of the same options, such as one field."""
        found: dict[tuple[tuple[str, ...], str], list[Option]] = {}
        for name, option in self._open():
            found.setdefault((self.choices[name].options, option), []).append((name, option))
        return [tuple(options) for options in found.values() if len(options) > 1]

    def _may_follow(self, now: _Stand, after: _Stand) -> bool:
        """Return whether a stand is as good as the one before it, and as what it all began with."""
        return self._dispensable(_Change(now, after)) and self._dispensable(_Change(self._start, after))

    def _missed(self, change: _Change) -> bool:
        """Return whether it loses significantly, after what is saved."""
        worse = self._worse(change)
        return worse > 0 and worse > self.settings.sure * change.difference.error

    def _dispensable(self, change: _Change) -> bool:
        """Return whether it does not lose significantly, and surely no more than is tolerated."""
        s = self.settings
        most = self._lost + self._worse(change) + s.sure * change.difference.error
        return not self._missed(change) and most <= s.tolerance

    def _worse(self, change: _Change) -> float:
        """Return what it loses, after what is saved."""
        priced = self.settings.flop_price  # without a price, what is saved need not be counted
        return change.difference.mean - (self._price(change.saved) if priced else 0.0)

    def _price(self, cost: Cost) -> float:
        return self.settings.flop_price * cost.flops_per_row / 1e6

    def _note_all(self, bundle: Bundle, action: Action, verdict: Verdict | None, change: _Change) -> None:
        for choice, option in bundle:
            self._note(choice, option, action, verdict, change, sharing=len(bundle))

    def _note(
        self,
        choice: str,
        option: str,
        action: Action,
        verdict: Verdict | None,
        change: _Change,
        against: str | None = None,
        sharing: int = 1,
    ) -> None:
        """Note a decision; where no verdict is given, one that was made is better, or a tie.

        What several save that were closed together is divided among them.
        """
        found = change.difference
        if verdict is None:
            verdict = "better" if clearly_less(found, self.settings.sure) else "tie: cheapest"
        saved = None if action == "kept" else change.saved
        self.evidence.append(
            Evidence(
                choice,
                option,
                action,
                verdict,
                against,
                found.mean,
                found.error,
                None if saved is None else saved.flops_per_row // sharing,
                None if saved is None else saved.parameters // sharing,
                epoch=self.epoch,
            )
        )


def _all_of(bundles: Collection[Bundle]) -> set[Option]:
    return {option for bundle in bundles for option in bundle}


def clearly_less(found: Difference, errors: float) -> bool:
    """Return whether a difference is below 0 by so many standard errors."""
    return found.mean < 0 and -found.mean > errors * found.error


def z_score(found: Difference) -> float:
    """Return a difference in standard errors."""
    return found.mean / found.error if found.error else 0.0


def without(decisions: Mapping[str, Decision], closed: Collection[Option]) -> dict[str, Decision]:
    """Return decisions that open nothing of `closed`."""
    return {
        name: d if isinstance(d, str) else tuple(o for o in d if (name, o) not in closed)
        for name, d in decisions.items()
    }
