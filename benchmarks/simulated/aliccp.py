"""Simulated Ali-CCP: fields, and how many of a row's features each has, as in the published files.

Clicks and purchases are more frequent than published (0.039, and 0.0055 of the clicks). Each user has an
interest that no field names: multi-valued fields hold more of the values that go with it, and it decides
which categories are clicked.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from automtl_core.system.seeds import generator
from automtl_datasets.synthetic.kind import Chance, Ints, draw, zipf
from simulated.draws import Chances, blocks, of_groups

ROWS_PER_COMMON, COMMONS_PER_USER = 50, 3
TRAIN_PER_TEST = 4
"""Rows of the training part for one of the test part."""
PUBLISHED_ROWS = 42_300_135
EXPONENT, USER_EXPONENT = 0.8, 0.4
"""Of the values of a field, and of the users and their common rows."""


class Feature(NamedTuple):
    """A field of features."""

    values: int
    """In the published files."""
    mean: float = 1.0
    """Of the number of values in a row."""
    multi: bool = False
    weighed: bool = False
    """Whether the number behind a value varies, or is always 1.0."""


COMMON = {
    "101": Feature(238_635),
    "121": Feature(98, 0.97),
    "122": Feature(14, 0.97),
    "124": Feature(3, 0.97),
    "125": Feature(8, 0.97),
    "126": Feature(4, 0.3),
    "127": Feature(4, 0.97),
    "128": Feature(3, 0.97),
    "129": Feature(5, 0.97),
    "109_14": Feature(5_888, 39, multi=True, weighed=True),
    "110_14": Feature(104_830, 114, multi=True, weighed=True),
    "127_14": Feature(51_878, 70, multi=True, weighed=True),
    "150_14": Feature(37_148, 64, multi=True, weighed=True),
}
SKELETON = {
    "205": Feature(467_298),
    "206": Feature(6_929, 0.99),
    "207": Feature(263_942, 0.95),
    "210": Feature(100_000, 5.5, multi=True),
    "216": Feature(106_399, 0.66),
    "301": Feature(4),
    "508": Feature(5_888, 0.82, weighed=True),
    "509": Feature(104_830, 0.25, weighed=True),
    "702": Feature(51_878, 0.35, weighed=True),
    "853": Feature(37_148, 0.6, multi=True, weighed=True),
}
FEATURES = COMMON | SKELETON
FIRST_IDS = dict(zip(FEATURES, np.cumsum([1, *(field.values for field in FEATURES.values())]), strict=False))
"""No two fields share an id."""
OF_USER, OF_ITEM = ("121", "122", "124", "125", "126", "127", "128", "129"), ("206", "207", "216")
"""Fields that follow from the user, 101, and from the item, 205."""
WEIGHTS = np.array([str(round(float(np.log1p(count)), 5)) for count in range(1, 200)], dtype=object)
INTERESTS = 20
OF_INTEREST = 0.5
"""Share of the values of a multi-valued field that go with the interest."""
LABELS = {
    "click": Chance(0.06, {"101": 0.6, "121": 0.4, "205": 0.6, "206": 0.4}, {("interest", "206"): 0.8}),
    "purchase": Chance(0.2, {"101": 0.6, "121": 0.3, "205": 0.6, "206": 0.4}),
}
"""A purchase has a click, and its rate is that among the clicks."""
ILLEGAL = 2000
"""One row in so many has a purchase without a click."""
LINES, VALUES = 30_000, 500_000
"""Lines of the skeleton, and values of common features, that are in memory at a time."""


def simulate(folder: Path, rows: int, seed: int, features_per_row: int = 300) -> None:
    """Write skeletons and common features to `sample_train/` and `sample_test/`.

    The rows of a common row stand together, and the features of a row in any order.

    Args:
        folder: Where to.
        rows: Rows of the skeleton of the training part; that of the test part has a quarter as many.
        seed: All else follows from it.
        features_per_row: Mean number of features of a row and its common row together.

    """
    world = _World(seed, rows, features_per_row)
    for part, size in (("train", rows), ("test", max(1, rows // TRAIN_PER_TEST))):
        random = generator(seed, "simulate", "aliccp", part)
        users = draw(random, world.users, max(1, size // ROWS_PER_COMMON))
        files = {
            "common_features": world.common(random, part, users),
            "sample_skeleton": world.skeleton(random, part, users, size),
        }
        (folder / f"sample_{part}").mkdir(parents=True)
        for name, lines in files.items():
            path = folder / f"sample_{part}/{name}_{part}.csv"
            with path.open("w", encoding="utf-8", newline="") as file:
                file.writelines(lines)


class _World:
    """Users, items, and what the labels depend on: the same for both parts."""

    def __init__(self, seed: int, rows: int, features_per_row: int) -> None:
        random = generator(seed, "simulate", "aliccp", "world")
        users = rows // ROWS_PER_COMMON // COMMONS_PER_USER
        self._values = {name: zipf(_number(field.values, rows), EXPONENT) for name, field in FEATURES.items()}
        self._values["101"] = zipf(int(np.clip(users, 10, FEATURES["101"].values)), USER_EXPONENT)
        self.users, self._items = self._values["101"], self._values["205"]
        self._interest = random.integers(0, INTERESTS, len(self.users))
        self._of_user = {name: draw(random, self._values[name], len(self.users)) for name in OF_USER}
        self._of_item = {name: draw(random, self._values[name], len(self._items)) for name in OF_ITEM}
        history = sum(field.mean for field in COMMON.values() if field.multi)
        others = sum(field.mean for field in FEATURES.values()) - history
        self._longer = max(0.0, (features_per_row - others) / history)
        self._lines_of_common = max(1, VALUES // features_per_row)
        frequencies = {
            "101": self.users,
            "121": of_groups(self._of_user["121"], self.users, len(self._values["121"])),
            "205": self._items,
            "206": of_groups(self._of_item["206"], self._items, len(self._values["206"])),
            "interest": zipf(INTERESTS),
        }
        self._labels = Chances(seed, "aliccp", frequencies, LABELS)

    def common(self, random: np.random.Generator, part: str, users: Ints) -> Iterator[str]:
        """Yield the lines of the common features, one for each of `users`."""
        for first in range(0, len(users), self._lines_of_common):
            user = users[first : first + self._lines_of_common]
            known = {"101": user} | {name: values[user] for name, values in self._of_user.items()}
            lines = self._features(random, COMMON, known, self._interest[user], self._longer)
            for place, features in enumerate(lines, first):
                yield f"{_index(part, place)},{features}\n"

    def skeleton(self, random: np.random.Generator, part: str, users: Ints, rows: int) -> Iterator[str]:
        """Yield the lines of the skeleton, whose common rows are those of `users`."""
        number = 0
        for common in blocks(random.multinomial(rows, zipf(len(users), USER_EXPONENT)), LINES):
            user, item = users[common], draw(random, self._items, len(common))
            interest = self._interest[user]
            known = {"205": item} | {name: values[item] for name, values in self._of_item.items()}
            ids = {**known, "101": user, "121": self._of_user["121"][user], "interest": interest}
            click, purchase = (
                random.random(len(user)) < self._labels.probability(task, ids) for task in LABELS
            )
            lines = self._features(random, SKELETON, known, interest)
            for place, features in enumerate(lines):
                number += 1
                bits = f"{click[place]:d},{click[place] and purchase[place]:d}"
                if number % ILLEGAL == 0:
                    bits = "0,1"
                yield f"{number},{bits},{_index(part, int(common[place]))},{features}\n"

    def _features(
        self,
        random: np.random.Generator,
        fields: Mapping[str, Feature],
        known: Mapping[str, Ints],
        interest: Ints,
        longer: float = 1.0,
    ) -> Iterator[str]:
        """Yield the number and the features of each row, as they are written.

        Args:
            random: Draws what is not known.
            fields: The fields of the file.
            known: Field -> its value in each row [R].
            interest: Of the user of each row [R].
            longer: Multi-valued fields have so many times their mean number of values.

        """
        rows, texts = [], []
        for name, field in fields.items():
            row = np.repeat(np.arange(len(interest)), _numbers(random, field, longer, len(interest)))
            value = known[name][row] if name in known else draw(random, self._values[name], len(row))
            if field.multi:
                goes = random.random(len(row)) < OF_INTEREST
                value = np.where(goes, value - value % INTERESTS + interest[row], value)
            weight = WEIGHTS[np.minimum(random.geometric(0.3, len(row)), len(WEIGHTS)) - 1]
            rows.append(row)
            texts += [
                f"{name}\x02{value}\x03{weight if field.weighed else '1.0'}"
                for value, weight in zip((value + FIRST_IDS[name]).tolist(), weight.tolist(), strict=True)
            ]
        row = np.concatenate(rows)
        order = np.lexsort((random.random(len(row)), row)).tolist()
        ends = np.cumsum(np.bincount(row, minlength=len(interest))).tolist()
        for start, end in zip([0, *ends], ends, strict=False):
            yield f"{end - start}," + "\x01".join([texts[place] for place in order[start:end]])


def _number(published: int, rows: int) -> int:
    """Return how many values a field has: fewer for fewer rows, but one for each interest at least."""
    if published <= 100:
        return published
    return max(1, int(published * min(1.0, rows / PUBLISHED_ROWS) ** 0.7) // INTERESTS) * INTERESTS


def _numbers(random: np.random.Generator, field: Feature, longer: float, rows: int) -> Ints:
    """Draw how many values of a field each row [R] has."""
    if not field.multi:
        return (random.random(rows) < field.mean).astype(np.int64)
    return random.poisson(random.gamma(2.0, longer * field.mean / 2, rows))


def _index(part: str, place: int) -> str:
    """Return the index of a common row: 16 hexadecimal digits that no other has."""
    return f"{(2 * place + (part == 'test') + 1) * 0x9E3779B97F4A7C15 % 2**64:016x}"
