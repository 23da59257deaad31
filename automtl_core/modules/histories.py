"""Inputs from histories: encoded events, the latest events, and matches.

Letters: B batch, L events, F shared fields and those of their vectors, A numbers of an event, d embedding, e
encoded numbers of an event, m of a match, q of a query, K latest events.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from automtl_core.dataset.declarations import History
from automtl_core.dataset.schema import MATCHES, Schema, is_encoder, last_of
from automtl_core.errors import UsageError
from automtl_core.modules.embedding import FieldEmbedding
from automtl_core.modules.features import Past

AGES = 64
"""Number of intervals of ages: interval k has the ages around 2^(k/2), in the unit of the times."""


class HistoryEncoder(Protocol):
    """A summary of events: events [B, L, e], query [B, q], known [B, L] -> [B, e].

    Events are sorted from the latest to the earliest, and 0 where `known` is False. An example may have none.
    """

    def __call__(self, events: Tensor, query: Tensor, known: Tensor) -> Tensor:
        """Return the summaries."""


@runtime_checkable
class Pooling(Protocol):
    """A history encoder that is a weighted sum of events, with weights that depend on their places. Optional.

    Its sums are computed without an array of all events, which takes a fraction of the time.
    """

    def weights(self, known: Tensor) -> Tensor:
        """Return the weight of each event, [B, L]; 0 where `known` [B, L] is False."""


HistoryEncoderFactory = Callable[[int, int], nn.Module]
"""Returns a `HistoryEncoder` for e and q."""


def no_encoder(name: str) -> HistoryEncoderFactory:
    """Refuse a history encoder: the caller has none."""
    raise UsageError(f"there is no history encoder {name!r} here", "build the network by a search space")


def raw_width(schema: Schema, history: History, dim: int) -> int:
    """Return the numbers of an event: embeddings of fields and age, log age, outcomes, equal values.

    Each other number is two: itself, 0 where it is missing, and whether it is missing.
    """
    fields, numbers = len(schema.shared_fields(history)), len(history.outcomes) + 2 * len(history.numbers)
    return (fields + 1) * dim + 1 + numbers + len(history.shared)


def history_widths(schema: Schema, dim: int) -> list[int]:
    """Return the widths of `Schema.history_inputs`.

    A match has m numbers: embedding of the age, log count, log age, counts, last outcomes. An event has a
    projection to e = d numbers, or all of `raw_width` if d is 0. The projection is as accurate as all of
    them, and takes a fraction of the time (research/measurements.md).
    """
    widths: list[int] = []
    for history in schema.histories:
        match, event = dim + 2 + 2 * len(history.outcomes), dim or raw_width(schema, history, dim)
        for part in schema.encodings.of_histories:
            matches = [match] * (len(history.shared) + 1)
            widths += matches if part == MATCHES else [event] * (last_of(part) or 1)
    return widths


def first(x: Tensor, count: int) -> Tensor:
    """Return the first entries of x [B, L, ...], padded with 0, [B, count, ...]."""
    if x.shape[1] >= count:
        return x[:, :count]
    padding = x.new_zeros(x.shape[0], count, *x.shape[2:])
    return torch.cat([x, padding], dim=1)[:, :count]


class Parts(NamedTuple):
    """Parts of events."""

    ids: Tensor  # [B, L, F]
    same: Tensor  # [B, L, shared fields]: whether a value equals that of the row
    of_age: Tensor  # [B, L]: interval of the age
    numbers: Tensor  # [B, L, ...]: the scaled age, numbers, and `same`
    known: Tensor  # [B, L]


def latest_matching(parts: Parts, count: int) -> Parts:
    """Return the latest events with an equal value, then the latest others, `count` in all, in their order.

    This is the hard search of SIM (Pi et al., CIKM 2020, section 3.1). Events are unchanged if there are no
    more than `count`.
    """
    same, known = parts.same, parts.known
    length = known.shape[1]
    if length <= count:
        return parts
    recency = torch.arange(length, 0, -1, device=known.device)  # the events are sorted from the latest on
    rank = torch.where(known, recency + length * (same.sum(2) > 0), 0)
    places = rank.topk(count, dim=1).indices.sort(dim=1).values  # [B, count]

    def chosen(part: Tensor) -> Tensor:
        at = places.view(*places.shape, *[1] * (part.dim() - 2))
        return part.gather(1, at.expand(-1, -1, *part.shape[2:]))

    return Parts(*map(chosen, parts))


class HistoryInputs(nn.Module):
    """The inputs from the histories of B examples, in the order of `Schema.history_inputs`.

    Args:
        schema: Fields and histories, with their encodings.
        dim: Numbers per id, d.
        std: Standard deviation of the normal distribution of initial embeddings of ages.
        encoder: Returns the factory of a history encoder by name.

    """

    def __init__(
        self, schema: Schema, dim: int, std: float, encoder: Callable[[str], HistoryEncoderFactory]
    ) -> None:
        super().__init__()
        self.each = nn.ModuleList(
            OneHistory(schema, history, dim, std, encoder) for history in schema.histories
        )

    def forward(self, histories: Sequence[Past], embedding: FieldEmbedding) -> list[Tensor]:
        return [read for one, past in zip(self.each, histories, strict=True) for read in one(past, embedding)]


class OneHistory(nn.Module):
    """The inputs from one history; see `HistoryInputs`."""

    def __init__(
        self,
        schema: Schema,
        history: History,
        dim: int,
        std: float,
        encoder: Callable[[str], HistoryEncoderFactory],
    ) -> None:
        super().__init__()
        self.parts = schema.encodings.of_histories
        self.fields, self.matched = schema.shared_fields(history), len(history.shared)
        self.outcomes = len(history.outcomes)
        self.age = nn.Parameter(torch.empty(AGES + 1, dim).normal_().mul_(std))
        raw = raw_width(schema, history, dim)
        e, q = dim or raw, len(self.fields) * dim
        self.encoders = nn.ModuleDict({part: encoder(part)(e, q) for part in self.parts if is_encoder(part)})
        projects = dim > 0 and self.parts != (MATCHES,)
        self.project = nn.Linear(raw, e, bias=False) if projects else nn.Identity()
        self.last = max(map(last_of, self.parts), default=0)
        self.window = schema.encodings.history_window

    def forward(self, past: Past, embedding: FieldEmbedding) -> list[Tensor]:
        ids, values = past.ids[..., : self.matched], past.values[:, : self.matched]
        same = (ids == values.unsqueeze(1)) & (ids > 0) & past.known.unsqueeze(2)
        kind = self.age.dtype
        same = same.to(kind)  # [B, L, shared fields]
        # Libraries round logarithms of float32 differently, and a tree tells the last digits apart.
        ages = past.ages.double() if torch.compiler.is_exporting() else past.ages
        log_age, outcomes = torch.log1p(ages).to(kind), past.numbers.to(kind)
        # A little less than log 2: powers of 2 are in their interval, however logarithms are rounded.
        of_age = torch.where(past.known, (2 * log_age / 0.6931).long().clamp(max=AGES - 1), AGES)  # [B, L]
        scaled = torch.where(past.known, log_age / 10.0, -1.0)  # about as large as other inputs
        measured: list[Tensor] = []
        if outcomes.shape[2] > self.outcomes:
            numbers, outcomes = outcomes[..., self.outcomes :], outcomes[..., : self.outcomes]
            missing = numbers.isnan()
            measured = [numbers.masked_fill(missing, 0.0), missing.to(kind)]
        numeric = torch.cat([scaled.unsqueeze(2), outcomes, *measured, same], dim=2)
        parts = Parts(past.ids, same, of_age, numeric, past.known)
        latest = Parts(*(first(part, self.last) for part in parts))
        if self.encoders:
            read = latest_matching(parts, self.window)
            embedded = embedding.of_fields(read.ids, self.fields)
        # One read of a large table for all events takes less time than a second one for the latest.
        shares = len(self.encoders) > 0 and read is parts
        of_latest = first(embedded, self.last) if shares else embedding.of_fields(latest.ids, self.fields)
        events = self._events(of_latest, latest)
        if not all(isinstance(encoder, Pooling) for encoder in self.encoders.values()):
            all_events = self._events(embedded, read)
        found: list[Tensor] = []
        for part in self.parts:
            if part == MATCHES:
                found += self._matches(past.known, same, of_age, scaled, outcomes)
            elif count := last_of(part):
                found += events[:, :count].unbind(1)
            elif isinstance(encoder := self.encoders[part], Pooling):
                found.append(self._pooled(encoder.weights(read.known).to(kind), embedded, read))
            else:
                query = embedding.of_fields(past.values, self.fields)
                found.append(self.encoders[part](all_events, query, read.known))
        return found

    def _events(self, embedded: Tensor, parts: Parts) -> Tensor:  # -> [B, L, e]
        joined = torch.cat([embedded, self._ages(parts.of_age), parts.numbers], dim=2)
        projected: Tensor = self.project(joined)
        return projected * parts.known.unsqueeze(2)

    def _pooled(self, weights: Tensor, embedded: Tensor, parts: Parts) -> Tensor:  # -> [B, e]
        """Return the weighted sum of the events, part by part."""
        by_age = weights.new_zeros(weights.shape[0], AGES + 1).scatter_add(1, parts.of_age, weights)
        of_ids, sums = (
            torch.bmm(weights.unsqueeze(1), of_events).squeeze(1) for of_events in (embedded, parts.numbers)
        )
        projected: Tensor = self.project(torch.cat([of_ids, by_age @ self.age, sums], dim=1))
        return projected

    def _matches(
        self, known: Tensor, same: Tensor, of_age: Tensor, scaled: Tensor, outcomes: Tensor
    ) -> list[Tensor]:
        """Return the matches of each field, and of all events, [B, m] each."""
        flags = torch.cat([same, known.unsqueeze(2).to(same)], dim=2)  # [B, L, F + 1]
        counts = flags.sum(1)  # [B, F + 1]
        done = torch.bmm(flags.transpose(1, 2), outcomes)  # [B, F + 1, A]
        latest = flags.argmax(1)  # [B, F + 1]: the first of the largest, 0 without a match
        some = counts > 0
        age = torch.where(some, of_age.gather(1, latest), AGES)
        scaled = torch.where(some, scaled.gather(1, latest), -1.0)
        places = latest.unsqueeze(2).expand(-1, -1, outcomes.shape[2])
        last = outcomes.gather(1, places) * some.unsqueeze(2)
        numbers = torch.stack([torch.log1p(counts), scaled], dim=2)
        found = torch.cat([self._ages(age), numbers, torch.log1p(done), last], dim=2)
        return list(found.unbind(1))

    def _ages(self, intervals: Tensor) -> Tensor:  # [...] -> [..., d]
        return self.age.index_select(0, intervals.flatten()).view(*intervals.shape, self.age.shape[1])
