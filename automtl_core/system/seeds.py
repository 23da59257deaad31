"""Random numbers: every draw is determined by the seed of the run and by its purpose.

This module has no state. The draws of epoch 7 depend on the seed and on the number 7, so a run
that is resumed there draws the same as an uninterrupted run.
"""

import hashlib

import numpy as np


def derive(seed: int, *purpose: str | int) -> int:
    """Return a seed in [0, 2**63) for one purpose, such as `derive(seed, "shuffle", epoch)`."""
    digest = hashlib.sha256("/".join(map(str, (seed, *purpose))).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def of_member(seed: int, member: int) -> int:
    """Return the seed of a member of an ensemble, counted from 0; the first one has the seed of the run."""
    return derive(seed, "member", member) if member else seed


def generator(seed: int, *purpose: str | int) -> np.random.Generator:
    """Return numpy's default generator for one purpose."""
    return np.random.default_rng(derive(seed, *purpose))


def seed_torch(seed: int, *purpose: str | int) -> None:
    """Seed torch's generators, which initialise weights and draw dropout masks."""
    import torch  # here, so that commands which only draw data do not wait for it

    # `torch.manual_seed` would keep a record of each call for a GPU that is not there.
    torch.default_generator.manual_seed(derive(seed, *purpose))
    if torch.cuda.is_available():
        torch.cuda.manual_seed_all(derive(seed, *purpose))
