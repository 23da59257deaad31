"""Rules of earlier rows, and what they say in plain Python."""

import numpy as np

from automtl_core.data.earlier import PERIODS, rule_of

ROWS = 240
TIMES = np.random.default_rng(5).integers(0, 40, ROWS) * 9000.0  # many at one time, and several each day
USERS = np.random.default_rng(6).integers(0, 30, ROWS).astype(np.int32)
DELAY = 63_000.0
BEGAN = TIMES // 100_000 * 100_000  # of lists in periods, which begin within a day
STARTS = [sorted(TIMES)[place * (ROWS - 1) // PERIODS] for place in range(PERIODS)]
LOOKS = {
    "never": lambda time: max(start for start in STARTS if start <= time),
    "1d": lambda time: time // 86_400 * 86_400,
    "1h": lambda time: time // 3600 * 3600,
    "always": lambda time: time,
}
RULES = {
    **{refresh: rule_of(ROWS, TIMES, refresh=refresh) for refresh in LOOKS},
    "delay": rule_of(ROWS, TIMES, DELAY, refresh="always"),
    "period": rule_of(ROWS, TIMES, refresh="1d", began=BEGAN, overlap=False),
    "random": rule_of(ROWS, None),
    "users": rule_of(ROWS, None, users=USERS),
}


def sees(name, row, other):
    """Return whether a training row sees another one."""
    if name == "delay":
        return bool(TIMES[other] < TIMES[row] - DELAY)
    if name == "period":
        return bool(TIMES[other] < LOOKS["1d"](BEGAN[row]))
    if name in LOOKS:
        return bool(TIMES[other] < LOOKS[name](TIMES[row]))
    return bool(RULES[name].folds[other] != RULES[name].folds[row])
