"""Training and evaluation of any module that is called with `Features` and returns [B, T]."""
