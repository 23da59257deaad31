"""Max pooling of events. Letters: B rows, L events, e numbers of an event, q numbers of a query."""

from torch import Tensor, nn

from automtl_core.plugin import hookimpl


class Largest(nn.Module):
    """The largest value of each number over all events.

    Args:
        event_dim: Numbers of an event, e.
        query_dim: Numbers of the query, q: the embeddings of those fields of the row that events have too.

    """

    def __init__(self, event_dim: int, query_dim: int) -> None:
        super().__init__()

    # events [B, L, e], query [B, q], known [B, L] -> [B, e]; events are 0 where `known` is False
    def forward(self, events: Tensor, query: Tensor, known: Tensor) -> Tensor:
        largest = events.masked_fill(~known.unsqueeze(2), float("-inf")).amax(1)
        return largest.masked_fill(~known.any(1, keepdim=True), 0.0)  # a row may have no events


@hookimpl
def automtl_register_history_encoders() -> dict[str, type[Largest]]:
    """Register the encoder by its name."""
    return {"example-history-encoder": Largest}
