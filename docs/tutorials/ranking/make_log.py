"""Writes log.csv: requests of a feed, each with ten items for one user, and the clicks and purchases."""

import numpy as np
import pandas as pd

USERS, ITEMS, REQUESTS, SHOWN = 500, 300, 6000, 10
random = np.random.default_rng(0)
genres, mood = random.integers(0, 8, ITEMS), np.zeros(USERS)
worth, taste = random.normal(0, 0.8, ITEMS), random.normal(0, 0.8, (USERS, 8))
rows, time = [], pd.Timestamp("2026-03-01 08:00")
for request in range(REQUESTS):
    time += pd.Timedelta(seconds=int(random.integers(1, 120)))
    user = int(random.integers(USERS))
    mood[user] = 0.95 * mood[user] + random.normal(0, 0.5)  # changes slowly: earlier clicks tell it
    for place, item in enumerate(random.choice(ITEMS, SHOWN, replace=False)):
        logit = mood[user] + worth[item] + taste[user, genres[item]] - 1.5
        click = int(random.random() < 1 / (1 + np.exp(-logit)))
        buy = int(click and random.random() < 0.2)
        at = time + pd.Timedelta(seconds=2 * place)  # the user scrolls
        rows.append((f"r{request}", f"u{user}", f"i{item}", f"g{genres[item]}", at, click, buy))
columns = ["request_id", "user_id", "item_id", "genre", "time", "click", "buy"]
pd.DataFrame(rows, columns=columns).to_csv("log.csv", index=False)
