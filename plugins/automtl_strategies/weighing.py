"""Decisions by evidence: what held-out rows say when an option is removed, or a cheaper one takes its place.

- of a choose-one the cheapest candidate is taken that is not significantly worse than the best
- of a choose-any an option is closed where held-out rows do not significantly miss it; a few at a time, the
  least missed first, and then all closings together are looked at: two options that can stand in for each
  other are each dispensable, and both together are not

Differences are of the loss row by row, see `automtl_core.held_out`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from math import ceil
from typing import NamedTuple

from pydantic import Field

from automtl_core.choices import AnyOf, Architecture, Decision, OneOf
from automtl_core.evidence import Evidence, Verdict
from automtl_core.held_out import Difference, Losses, difference
from automtl_core.modules.cost import Cost
from automtl_core.settings import Settings
from automtl_core.space import SearchSpace

Option = tuple[str, str]
"""A choose-any choice and one of its options."""


DOUBTFUL = 3.0
"""Standard errors up to which an option that is missed is weighed again when others are closed."""


class WeighingSettings(Settings):
    """When evidence is enough."""

    sure: float = Field(1.0, ge=0)
    """Standard errors from which on a difference of a single decision counts; below, the cheaper is taken."""
    undo: float = Field(2.0, ge=0)
    """Standard errors of the loss of several closings together from which on they are taken back."""
    close_share: float = Field(0.35, gt=0, le=1)
    """Share of what is not missed that is closed together, the least missed first."""
    flop_price: float = Field(0.0, ge=0)
    """Share of the loss that a million operations a row are worth."""
    parameter_price: float = Field(0.0, ge=0)
    """Share of the loss that a million parameters are worth."""


Score = Callable[[Mapping[str, Decision]], Losses]
"""Returns what each held-out row loses, given all decisions."""


class _Stand(NamedTuple):
    """Decisions, what they lose and what they cost."""

    decisions: Mapping[str, Decision]
    losses: Losses
    cost: Cost

    def against(self, before: "_Stand") -> tuple[Difference, Cost]:
        """Return how much more these lose than those before, and what they save."""
        return difference(self.losses, before.losses), before.cost - self.cost


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
        options = self.choices[name].options
        losses = {o: self.score({**decisions, name: o}) for o in options}
        costs = {o: self.cost({**decisions, name: o}) for o in options}
        best = min(options, key=lambda o: losses[o].mean() + self._price(costs[o]))
        cheapest_first = sorted(options, key=lambda o: (costs[o].flops_per_row, costs[o].parameters))
        for option in cheapest_first:
            found = difference(losses[option], losses[best])
            if option == best or not self._missed(found, costs[best] - costs[option], self.settings.sure):
                break
        # Told is the difference to the best or, of the best itself, to the next.
        others = [o for o in options if o != option]
        against = best if option != best else min(others, key=lambda o: losses[o].mean(), default=best)
        found = difference(losses[option], losses[against])
        self._note(
            name, option, "chosen", self._clear(found), found,
            costs[against] - costs[option], against,
        )  # fmt: skip
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
        """Close what is not missed, in rounds until nothing is left to close; a few options a round."""
        start = now = self._stand(decisions)
        weighed = self._weighed(now, self._open(now))
        undone = set[Option]()
        done = 0
        while rounds is None or done < rounds:
            done += 1
            least_missed = sorted(weighed, key=lambda o: z_score(weighed[o][0]))
            closable = [
                o
                for o in least_missed
                if o not in undone and not self._missed(*weighed[o], self.settings.sure)
            ]
            if not closable:
                break
            few = closable[: ceil(self.settings.close_share * len(closable))]
            closed = self._closed_together(now, few, start)
            for option in few:
                if option in closed:
                    self._note(*option, "closed", self._clear(weighed[option][0]), *weighed.pop(option))
                else:
                    self._note(*option, "kept", "undone", *weighed[option])
                    undone.add(option)
            now = self._stand(without(now.decisions, closed))
            # What is missed by far stays so, however much else is closed.
            doubtful = [o for o in weighed if o not in undone and z_score(weighed[o][0]) < DOUBTFUL]
            weighed |= self._weighed(now, doubtful)
        for option, (found, saved) in weighed.items():
            if option not in undone:
                self._note(*option, "kept", "needed", found, saved)
        return dict(now.decisions)

    def cost(self, decisions: Mapping[str, Decision]) -> Cost:
        """Return what the network of these decisions costs."""
        return self.space.cost(Architecture(decisions))

    def _stand(self, decisions: Mapping[str, Decision]) -> "_Stand":
        return _Stand(decisions, self.score(decisions), self.cost(decisions))

    def _open(self, now: "_Stand") -> list[Option]:
        gates = [name for name, choice in self.choices.items() if isinstance(choice, AnyOf)]
        return [(name, option) for name in gates for option in now.decisions[name]]

    def _weighed(self, now: "_Stand", options: Sequence[Option]) -> dict[Option, tuple[Difference, Cost]]:
        """Return for each option what its removal alone costs in loss, and saves."""
        return {o: self._stand(without(now.decisions, {o})).against(now) for o in options}

    def _clear(self, found: Difference) -> Verdict:
        """Return what is said of a decision that costs so much loss, and was made."""
        return "better" if clearly_less(found, self.settings.sure) else "tie: cheapest"

    def _closed_together(self, now: "_Stand", few: Sequence[Option], start: "_Stand") -> set[Option]:
        """Return what of a few closings stands: all, or of either half what stands."""
        after = self._stand(without(now.decisions, set(few)))
        if not any(self._missed(*after.against(before), self.settings.undo) for before in (now, start)):
            return set(few)
        if len(few) == 1:
            return set()
        first = self._closed_together(now, few[: len(few) // 2], start)
        if first:
            now = self._stand(without(now.decisions, first))
        return first | self._closed_together(now, few[len(few) // 2 :], start)

    def _missed(self, found: Difference, saved: Cost, errors: float) -> bool:
        """Return whether a loss is significant, after what is saved."""
        worse = found.mean - self._price(saved)
        return worse > 0 and worse > errors * found.error

    def _price(self, cost: Cost) -> float:
        s = self.settings
        return (s.flop_price * cost.flops_per_row + s.parameter_price * cost.parameters) / 1e6

    def _note(
        self,
        choice: str,
        option: str,
        action: str,
        verdict: Verdict,
        found: Difference,
        saved: Cost,
        against: str | None = None,
    ) -> None:
        self.evidence.append(
            Evidence(
                choice, option, action, verdict, against, found.mean, found.error,  # type: ignore[arg-type]
                saved.flops_per_row, saved.parameters, epoch=self.epoch,
            )
        )  # fmt: skip


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
