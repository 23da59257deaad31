"""Writes monday.csv, tuesday.csv and wednesday.csv: rows of a feed, with new users and items each day."""

import numpy as np
import pandas as pd

USERS, ITEMS, ROWS, GENRES = 600, 400, 12_000, 8
random = np.random.default_rng(0)
genre, worth = random.integers(0, GENRES, 2 * ITEMS), random.normal(0, 0.7, 2 * ITEMS)
taste = random.normal(0, 0.8, (2 * USERS, GENRES))
for day, name in enumerate(["monday", "tuesday", "wednesday"]):
    worth += random.normal(0, 0.4, 2 * ITEMS)  # items come into fashion, and go out of it
    user = random.integers(0, USERS, ROWS) + 80 * day
    item = random.integers(0, ITEMS, ROWS) + 60 * day
    logit = worth[item] + taste[user, genre[item]] - 1.0
    click = random.random(ROWS) < 1 / (1 + np.exp(-logit))
    start = pd.Timestamp("2026-03-02") + pd.Timedelta(days=day)
    table = pd.DataFrame(
        {
            "user_id": [f"u{one}" for one in user],
            "item_id": [f"i{one}" for one in item],
            "genre": [f"g{one}" for one in genre[item]],
            "time": start + pd.to_timedelta(np.sort(random.integers(0, 86_400, ROWS)), unit="s"),
            "click": click.astype(int),
            "buy": (click & (random.random(ROWS) < 0.2)).astype(int),
        }
    )
    table.to_csv(f"{name}.csv", index=False)
