"""MMoE on a history that is encoded by target attention, as in DIN (Zhou et al., KDD 2018)."""

from typing import Any

from automtl_baselines.mmoe import MMoE
from automtl_core.dataset.schema import Schema

ENCODER = "attention"


class DINMMoE(MMoE):
    """MMoE that reads each history by target attention alone (DIN, KDD 2018), a baseline of histories."""

    needs_histories = True
    ignores = ("features.history",)

    def __init__(self, schema: Schema, *others: Any) -> None:
        """Store the schema with target attention in place of other inputs from histories."""
        encodings = schema.encodings.with_answers(history=(ENCODER,))
        super().__init__(schema.encoded(encodings), *others)
