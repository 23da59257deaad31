import itertools
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from automtl_core.dataset.dataset import Dense, Label, names_of
from automtl_core.errors import DataError, InputMissingError
from automtl_core.prepare.prepare import prepare
from automtl_datasets.aliccp import AliCCP, AliCCPSettings

SPARSE = (
    "101 121 122 124 125 126 127 128 129 205 206 207 210 216 508 509 702 853 301 109_14 110_14 127_14 150_14"
)
DENSE = "D109_14 D110_14 D127_14 D150_14 D508 D509 D702 D853"
MULTI = {"210", "853", "109_14", "110_14", "127_14", "150_14"}
NAMES = [
    f"{kind}_{part}.csv" for part in ("train", "test") for kind in ("sample_skeleton", "common_features")
]
LAYOUTS = {
    "train and test": lambda name: f"{Path(name).stem.split('_')[-1]}/{name}",
    "sample_train and sample_test": lambda name: f"sample_{Path(name).stem.split('_')[-1]}/{name}",
    "flat": lambda name: name,
}


def aliccp(**settings):
    return AliCCP(AliCCPSettings(**settings))


def line(keys, features):
    """Write a line of a raw file; features are given as `FIELD=ID`, or `FIELD=ID:NUMBER` if not 1.0."""
    numbered = [entry if ":" in entry else f"{entry}:1.0" for entry in features.split()]
    texts = [entry.replace("=", "\x02").replace(":", "\x03") for entry in numbered]
    return f"{keys},{len(texts)}," + "\x01".join(texts) + "\n"


def files(*train, common="", test="", common_test=""):
    """Return the four files, of which the test ones have one line unless they are given."""
    texts = (
        "".join(train),
        common or line("a", "101=1"),
        test or line("1,0,0,a", "205=9"),
        common_test or line("a", "101=9"),
    )
    return dict(zip(NAMES, texts, strict=True))


@pytest.fixture
def made_of(loaded):
    """Return what each row of raw files holds, in the order of field 301, without what is unknown."""

    def made(raw_files, part="train", **settings):
        dataset = aliccp(**settings)
        with loaded(dataset, raw_files) as db:
            frame = dataset.rows(db).df().query(f"part == '{part}'").drop(columns="part").astype(object)
            for field in bags(dataset):
                held = dataset.values(db, field).df()
                assert set(held["bag"]) >= set(frame[field].dropna())
                frame[field] = frame[field].map(held.groupby("bag")["value"].agg(sorted))
        return [row.dropna().to_dict() for _, row in frame.sort_values("301").iterrows()]

    return made


def bags(dataset):
    return {field.name for field in dataset.layout.sparse if field.gives == "bags"}


def test_fields_and_labels_of_the_paper():
    dataset = aliccp()
    assert names_of(dataset.layout.sparse) == SPARSE.split()
    assert dataset.layout.dense == tuple(Dense(name, "minmax") for name in DENSE.split())
    assert dataset.labels == (Label("click"), Label("purchase", after="click"))
    assert (dataset.settings.min_count, dataset.settings.validation_fraction) == (10, 0.2)
    assert bags(dataset) == MULTI


def test_features_are_chosen_by_field_and_joined(made_of):
    row = line("1,1,1,b", "999=1 508=5:0.25 205=3 210=7 210=4 5082=9 1205=9 1508=9:0.5")
    common = line("a", "101=1") + line("b", "109_14=2:0.5 101=6 109=8 109_14=3:2.5 14=1")
    assert made_of(files(row, common=common)) == [
        {
            "click": 1, "purchase": 1, "101": 6, "205": 3, "508": 5, "210": [4, 7], "109_14": [2, 3],
            "D109_14": 2.5, "D508": 0.25,
        }
    ]  # fmt: skip


def test_features_in_another_order(made_of):
    features = ["205=3", "210=5", "508=5:0.25", "853=2:0.5", "301=1"]
    rows = [line(f"{n},0,0,a", " ".join(order)) for n, order in enumerate(itertools.permutations(features))]
    first, *others = made_of(files(*rows))
    assert len(first) == len(features) + 5  # the labels, field 101, and the numbers of 508 and 853
    assert all(other == first for other in others)


def test_a_field_in_both_files(made_of):
    # The second row has the common values alone.
    rows = line("1,0,0,a", "301=1 210=1 210=2 853=1:0.5 205=5"), line("2,0,0,a", "301=2")
    raw_files = files(*rows, common=line("a", "210=3 853=2:0.25 205=6"))
    both, alone = made_of(raw_files)
    assert both == {
        "click": 0, "purchase": 0, "301": 1, "210": [1, 2, 3], "D853": 0.5, "853": [1, 2], "205": 6,
    }  # fmt: skip
    assert alone["210"] == [3]


def test_a_row_without_features_or_without_common_ones(made_of):
    rows = [line("1,1,0,nowhere", "301=1"), line("2,1,0,", "301=2"), line("3,0,0,a", "")]
    assert made_of(files(*rows)) == [
        {"click": 1, "purchase": 0, "301": 1},
        {"click": 1, "purchase": 0, "301": 2},
        {"click": 0, "purchase": 0, "101": 1},
    ]


def test_a_purchase_without_a_click_is_dropped(made_of):
    # A label that is missing is no reason.
    labels = ["0,0", "0,1", "1,0", "1,1", ",1", "0,"]
    rows = [line(f"{n},{both},a", f"301={n}") for n, both in enumerate(labels)]
    assert [row["301"] for row in made_of(files(*rows))] == [0, 2, 3, 4, 5]


def test_an_index_names_another_common_row_in_the_test_files(made_of):
    raw_files = files(line("1,0,0,a", "210=1"), common=line("a", "101=1 109_14=1"),
                      test=line("1,0,0,a", "210=2"), common_test=line("a", "101=2 109_14=2"))  # fmt: skip
    assert made_of(raw_files, "test") == [
        {"click": 0, "purchase": 0, "101": 2, "210": [2], "109_14": [2], "D109_14": 1.0}
    ]


def test_the_last_common_row_of_an_index_counts(made_of):
    common = line("a", "101=1 109_14=1") + line("a", "101=2 109_14=2")
    [row] = made_of(files(line("1,0,0,a", ""), common=common))
    assert (row["101"], row["109_14"]) == (2, [2])


def test_exact_duplicates_are_dropped_and_nothing_else(made_of):
    row = line("1,0,0,a", "205=1")
    assert len(made_of(files(row, row, line("2,0,0,a", "205=1"), line("1,0,0,a", "205=2")))) == 3


def test_a_long_line(made_of):
    values = range(1, 40_001)
    common = line("a", " ".join(f"150_14={value}:0.{value}" for value in values))
    [row] = made_of(files(line("1,0,0,a", ""), common=common))
    assert row["150_14"] == list(values)


@pytest.mark.parametrize(
    "features", ["205", "205\x021", "205\x02\x031.0", "205\x02x\x031.0", "205\x021\x03", "\x01"]
)
def test_a_faulty_feature_is_named(made_of, features):
    cut = f"17,0,0,a,2,205\x021\x031.0\x01{features}\n"
    with pytest.raises(DataError, match=r"skeleton_train\.csv:2: features: expected text that matches"):
        made_of(files(line("1,0,0,a", ""), cut))


def test_rows_share_bags(tmp_path):
    own = ["210=7 210=4", "210=4 210=7", "210=4"]
    rows = [line(f"{n},{n % 2},{n % 2},{'ab'[n % 4 // 2]}", own[n % 3]) for n in range(40)]
    common = line("a", "150_14=1 150_14=2 150_14=3") + line("b", "150_14=1")
    for path, text in files(*rows, common=common).items():
        (tmp_path / path).write_text(text)
    dataset = aliccp(min_count=1)
    train = prepare(dataset, "aliccp", tmp_path, tmp_path / "out").part("train")
    stored = {
        field: len(train.bags[names_of(dataset.layout.sparse).index(field)].values)
        for field in ("150_14", "210")
    }
    assert stored == {"150_14": 4, "210": 3}


@pytest.fixture
def placed(tmp_path):
    """Return a copy of a folder of samples in a layout; where test files lack, those of train are both."""

    def place(samples, layout):
        folder = tmp_path / layout
        for name in NAMES:
            source = samples / name if (samples / name).exists() else samples / name.replace("test", "train")
            (folder / LAYOUTS[layout](name)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / LAYOUTS[layout](name))
        return folder

    return place


def entries(text):
    return (entry.replace("\x03", "\x02").split("\x02") for entry in text.split("\x01"))


def plainly_made(samples):
    """Return the rows of a folder of samples, made in plain Python."""
    rows = []
    for part in ("train", "test"):
        source = part if (samples / f"sample_skeleton_{part}.csv").exists() else "train"
        common = dict(
            line.split(",")[::2]
            for line in (samples / f"common_features_{source}.csv").read_text().splitlines()
        )
        for text in (samples / f"sample_skeleton_{source}.csv").read_text().splitlines():
            _, click, purchase, index, _, features = text.split(",", 5)
            if (click, purchase) == ("0", "1"):
                continue
            found = {}
            for field, value, number in (*entries(features), *entries(common[index])):
                found.setdefault(field, []).append((value, float(number)))
            row = {"part": part, "click": int(click), "purchase": int(purchase)}
            for field in SPARSE.split():
                values = [value for value, _ in found.get(field, [])]
                row[field] = values[-1] if values else None
                if field in MULTI:
                    row[field] = frozenset(values)
            for field in DENSE.split():
                numbers = [number for _, number in found.get(field.removeprefix("D"), [(None, np.nan)])]
                row[field] = max(numbers)
            rows.append(row)
    return pd.DataFrame(rows)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("samples", ["single-valued", "multi-valued"])
def test_the_real_samples(real_data, tmp_path, placed, assert_prepared_as, samples, layout):
    # With this seed the only purchase of the multi-valued sample is in the training part.
    dataset = aliccp(min_count=1, split_seed=1)
    prepared = prepare(dataset, "aliccp", placed(real_data / "aliccp" / samples, layout), tmp_path / "out")
    frame = plainly_made(real_data / "aliccp" / samples)
    assert_prepared_as(prepared, frame, dataset)
    rows = (120, 30, 50) if samples == "single-valued" else (8, 2, 10)
    assert tuple(prepared.manifest["rows"].values()) == rows


def test_two_layouts_in_one_folder(tmp_path):
    for path, text in files(line("1,0,0,a", "205=1")).items():
        for layout in ("flat", "train and test"):
            (tmp_path / LAYOUTS[layout](path)).parent.mkdir(exist_ok=True)
            (tmp_path / LAYOUTS[layout](path)).write_text(text)
    both = f"{tmp_path}/sample_skeleton_train.csv and {tmp_path}/train/sample_skeleton_train.csv: "
    with pytest.raises(DataError, match=both):
        prepare(aliccp(), "aliccp", tmp_path, tmp_path / "out")


def test_missing_files_are_all_named(tmp_path):
    with pytest.raises(InputMissingError) as error:
        prepare(aliccp(), "aliccp", tmp_path, tmp_path / "out")
    assert all(name in str(error.value) for name in NAMES)
