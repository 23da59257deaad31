from pathlib import Path

from automtl_datasets.kuairand import LABELS, LOG, LOGS, USERS, VIDEOS
from automtl_techjam import PRIMARY, TechJam, TechJamSettings
from automtl_testing import check_dataset, check_metric


def write(path: Path, columns: tuple[str, ...], rows: list[dict[str, int]]) -> None:
    lines = [",".join(str(row.get(column, 0)) for column in columns) for row in rows]
    path.write_text("\n".join([",".join(columns), *lines, ""]))


def raw_files(folder: Path) -> None:
    """Write logs of four days, of which the last two are for validation and the test."""
    (folder / "data").mkdir()
    for place, file in enumerate(LOGS["standard"]):
        views = [
            {
                "user_id": k % 7,
                "video_id": k % 5,
                "date": 20220420 + 9 * (k % 2) if place == 0 else 20220423 + 7 * (k % 2),
                "time_ms": 1000 * k + place,
                **{label: int(k % (3 + n) == 0) for n, label in enumerate(LABELS)},
                "duration_ms": 100 * (k % 9),
                "tab": k % 3,
            }
            for k in range(120)
        ]
        write(folder / "data" / file, LOG, views)
    write(folder / "data/user_features_pure.csv", USERS, [{"user_id": k} for k in range(7)])
    write(folder / "data/video_features_basic_pure.csv", VIDEOS, [{"video_id": k} for k in range(5)])


def test_it_keeps_the_contract_and_days_divide_all_rows(tmp_path: Path) -> None:
    raw_files(tmp_path)
    prepared = check_dataset(TechJam(TechJamSettings.parse({})), tmp_path, tmp_path / "work")
    assert [len(prepared.part(name)) for name in ("train", "validation", "test")] == [60, 60, 120]


def test_the_metric_keeps_its_contract() -> None:
    check_metric(PRIMARY)
