"""Training and evaluation of any module `(ids, dense [B, M]) -> [B, T]`."""
