"""Decisions by evidence: what held-out rows say when an option is removed, or a cheaper one takes its place.

- of a choose-one the cheapest candidate is taken that is not significantly worse than the best
- of a choose-any an option is closed where held-out rows do not significantly miss it; first what nobody
  misses anywhere, such as a field that tells nothing, then one by one; a few at a time, the least missed
  first, and then all closings together are looked at: two options that can stand in for each other are each
  dispensable, and both together are not

Differences are of the loss row by row, see `automtl_core.held_out`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from math import ceil

from pydantic import Field

from automtl_core.choices import AnyOf, Architecture, Decision, OneOf
from automtl_core.evidence import Action, Evidence, Verdict
from automtl_core.held_out import Difference, Losses, difference
from automtl_core.modules.cost import Cost
from automtl_core.settings import Settings
from automtl_core.space import SearchSpace

Option = tuple[str, str]
"""A choose-any choice and one of its options."""

Bundle = tuple[Option, ...]
"""What is closed together or not at all."""

DOUBTFUL = 3.0
"""Standard errors up to which an option that is missed is weighed again when others are closed."""


class WeighingSettings(Settings):
    """When evidence is enough."""

    sure: float = Field(1.0, ge=0)
    """Standard errors from which on a difference of a single decision counts; below, the cheaper is taken."""
    undo: float = Field(2.0, ge=0)
    """Standard errors of the loss of several closings together from which on they are taken back."""
    slack: float = Field(0.0, ge=0)
    """Standard errors that all closings may lose against what was open before them. Few rows miss nothing
    significantly, and would let everything be closed bit by bit."""
    close_share: float = Field(0.35, gt=0, le=1)
    """Share of what is not missed that is closed together, the least missed first."""
    flop_price: float = Field(0.0, ge=0)
    """Share of the loss that a million operations a row are worth."""
    parameter_price: float = Field(0.0, ge=0)
    """Share of the loss that a million parameters are worth."""


Score = Callable[[Mapping[str, Decision]], Losses]
"""Returns what each held-out row loses, given all decisions."""


class _Stand:
    """Decisions, what they lose and what they cost; the latter is counted when it is asked for."""

    def __init__(self, space: SearchSpace, decisions: Mapping[str, Decision], losses: Losses) -> None:
        self.space = space
        self.decisions = decisions
        self.losses = losses

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
        epoch: Of the search, for the notes.

    """

    def __init__(self, space: SearchSpace, score: Score, settings: WeighingSettings, epoch: int) -> None:
        self.space = space
        self.score = score
        self.settings = settings
        self.epoch = epoch
        self.choices = space.choices()
        self.evidence: list[Evidence] = []

    def all(self, decisions: Mapping[str, Decision]) -> dict[str, Decision]:
        """Decide everything, beginning with what is open and chosen in `decisions`."""
        names = [name for name, choice in self.choices.items() if isinstance(choice, OneOf)]
        return self.close(self.choose(decisions, names))

    def choose(self, decisions: Mapping[str, Decision], names: Sequence[str]) -> dict[str, Decision]:
        """Decide the named choose-ones, one after the other, everything else as in `decisions`."""
        decided = dict(decisions)
        for name in names:
            decided[name] = self._chosen(decided, name)
        return decided

    def _chosen(self, decisions: Mapping[str, Decision], name: str) -> str:
        stands = {option: self._stand({**decisions, name: option}) for option in self.choices[name].options}
        best = min(stands, key=lambda o: stands[o].losses.mean() + self._price(stands[o].cost))
        cheapest_first = sorted(
            stands, key=lambda o: (stands[o].cost.flops_per_row, stands[o].cost.parameters)
        )
        option = next(
            o
            for o in cheapest_first
            if o == best or not self._missed(_Change(stands[best], stands[o]), self.settings.sure)
        )
        # Told is the difference to the best or, of the best itself, to the next.
        others = [o for o in stands if o != option]
        against = best if option != best else min(others, key=lambda o: stands[o].losses.mean(), default=best)
        self._note(name, option, "chosen", None, _Change(stands[against], stands[option]), against)
        return option

    def clearest(self, decisions: Mapping[str, Decision], names: Sequence[str]) -> list[str]:
        """Return names of choose-ones, that first whose best candidate is most clearly ahead of the next."""

        def clarity(name: str) -> float:
            options = self.choices[name].options
            best, *others = sorted(
                (self.score({**decisions, name: o}) for o in options), key=lambda losses: losses.mean()
            )
            return z_score(difference(others[0], best)) if others else float("inf")

        found = {name: clarity(name) for name in names}
        return sorted(names, key=found.__getitem__, reverse=True)

    def close(self, decisions: Mapping[str, Decision], rounds: int | None = None) -> dict[str, Decision]:
        """Close what is not missed: first what nobody misses anywhere, then what is open option by option.

        Args:
            decisions: All, with what is open.
            rounds: Of either, in each of which a few are closed; None until nothing is left to close.

        """
        start = now = self._stand(decisions)
        now = self._closed_in_rounds(now, self._everywhere(now), start, rounds, last=False)
        singly: list[Bundle] = [(option,) for option in self._open(now)]
        return dict(self._closed_in_rounds(now, singly, start, rounds, last=True).decisions)

    def _closed_in_rounds(
        self, now: _Stand, bundles: Sequence[Bundle], start: _Stand, rounds: int | None, last: bool
    ) -> _Stand:
        """Close bundles, the least missed first; where nothing follows, tell what is kept too."""
        weighed = self._weighed(now, bundles)
        undone = set[Bundle]()
        done = 0
        while rounds is None or done < rounds:
            done += 1
            least_missed = sorted(weighed, key=lambda b: weighed[b].z)
            closable = [
                b
                for b in least_missed
                if b not in undone and not self._missed(weighed[b], self.settings.sure)
            ]
            if not closable:
                break
            few = closable[: ceil(self.settings.close_share * len(closable))]
            closed = self._closed_together(now, few, start)
            for bundle in few:
                if bundle in closed:
                    self._note_all(bundle, "closed", None, weighed.pop(bundle))
                else:
                    undone.add(bundle)
                    if last:
                        self._note_all(bundle, "kept", "undone", weighed[bundle])
            now = self._stand(without(now.decisions, _all_of(closed)))
            # What is missed by far stays so, however much else is closed.
            doubtful = [b for b in weighed if b not in undone and weighed[b].z < DOUBTFUL]
            weighed |= self._weighed(now, doubtful)
        for bundle, change in weighed.items():
            if last and bundle not in undone:
                self._note_all(bundle, "kept", "needed", change)
        return now

    def _stand(self, decisions: Mapping[str, Decision]) -> _Stand:
        return _Stand(self.space, decisions, self.score(decisions))

    def _open(self, now: _Stand) -> list[Option]:
        gates = [name for name, choice in self.choices.items() if isinstance(choice, AnyOf)]
        return [(name, option) for name in gates for option in now.decisions[name]]

    def _everywhere(self, now: _Stand) -> list[Bundle]:
        """Return what is open under one name in several choices of the same options, such as one field."""
        found: dict[tuple[tuple[str, ...], str], list[Option]] = {}
        for name, option in self._open(now):
            found.setdefault((self.choices[name].options, option), []).append((name, option))
        return [tuple(options) for options in found.values() if len(options) > 1]

    def _weighed(self, now: _Stand, bundles: Sequence[Bundle]) -> dict[Bundle, _Change]:
        """Return what the removal of each bundle alone changes."""
        return {b: _Change(now, self._stand(without(now.decisions, b))) for b in bundles}

    def _closed_together(self, now: _Stand, few: Sequence[Bundle], start: _Stand) -> set[Bundle]:
        """Return what of a few closings stands: all, or of either half what stands."""
        after = self._stand(without(now.decisions, _all_of(few)))
        lost = self._missed(_Change(now, after), self.settings.undo)
        if not lost and not self._missed(_Change(start, after), self.settings.slack):
            return set(few)
        if len(few) == 1:
            return set()
        first = self._closed_together(now, few[: len(few) // 2], start)
        if first:
            now = self._stand(without(now.decisions, _all_of(first)))
        return first | self._closed_together(now, few[len(few) // 2 :], start)

    def _missed(self, change: _Change, errors: float) -> bool:
        """Return whether a loss is significant, after what is saved."""
        found, priced = change.difference, self.settings.flop_price or self.settings.parameter_price
        worse = found.mean - (self._price(change.saved) if priced else 0.0)
        return worse > 0 and worse > errors * found.error

    def _price(self, cost: Cost) -> float:
        s = self.settings
        return (s.flop_price * cost.flops_per_row + s.parameter_price * cost.parameters) / 1e6

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
