"""Training and evaluation of any module `(ids [B, N], dense [B, M]) -> logits [B, T]`."""
