"""What the inbox's benchmark knows without a cloud: the rows that it makes, their sums, its percentiles and its table."""

from __future__ import annotations

import csv
from decimal import Decimal, InvalidOperation
from pathlib import Path

import pytest

from bench import inbox, inbox_files
from bench.inbox_files import Truth, line, truth


def read(content: str) -> Truth:
    """What a reader that knows nothing of the generator finds."""
    rows = list(csv.DictReader(content.splitlines()))
    cents = []
    for row in rows:
        try:
            cents.append(int(Decimal(row["amount"]) * 100))
        except InvalidOperation:
            assert row["amount"] == "ten"
    return Truth(len(rows), len(rows) - len(cents), sum(cents))


def test_a_line_follows_from_its_number() -> None:
    assert line(0) == "S0000,T0000000000,R0000000000,2025-01-01T00:00:00,ten,cashier"
    assert line(1) == "S0001,T0000000001,R0000000000,2025-01-02T00:00:01,29.19,manager"
    assert line(13) == "S0013,T0000000013,R0000000006,2025-01-14T00:00:13,-20.53,manager"
    assert line(403) == "S0003,T0000000403,R0000000201,2025-01-12T00:06:43,863.57,"


def test_the_truth_of_rows_is_what_is_in_the_files() -> None:
    assert truth(0, 3) == Truth(rows=3, broken=1, cents=2_919 + 10_838)
    assert truth(0, 3).loaded == 2
    assert truth(490, 20) == read(inbox_files.small(490).decode())
    assert truth(490, 20).broken == 1


def test_a_large_file_has_the_lines_of_its_numbers(tmp_path: Path) -> None:
    file = tmp_path / "large.csv"
    rows = inbox_files.write_large(file, 100_000, 1_200)
    content = file.read_text()
    assert rows == 1_538
    assert content == "\n".join([inbox_files.HEADER, *map(line, range(1_200, 1_200 + rows)), ""])
    assert read(content) == truth(1_200, rows)


def test_names_of_small_files_have_a_kind_and_a_date() -> None:
    assert inbox_files.small_name(0) == "sales_20250101_000000.csv"
    assert inbox_files.small_name(30) == "sales_20250103_000030.csv"


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([3.0], 0.95, 3.0),
        (list(range(100, 0, -1)), 0.95, 95),
        (list(range(1, 21)), 0.95, 19),
        (list(range(1, 22)), 0.95, 20),
        ([4, 1, 3, 2], 0.5, 2),
        ([1, 2], 0, 1),
        ([1, 2], 1, 2),
    ],
)
def test_percentile(values: list[float], share: float, expected: float) -> None:
    assert inbox.percentile(values, share) == expected


def test_what_a_run_takes_until_its_rows_are_in_raw() -> None:
    steps = {
        "look into the inbox": [10.0, 10.5],
        "read files": [11.0, 19.0],
        "load files": [19.0, 20.0],
        "move files to history": [20.0, 25.0],
    }
    assert inbox.of_steps(steps, rows=1_000_000, size=80_000_000) == {
        "seconds": 10.0,
        "rows_per_second": 100_000,
        "mb_per_second": 8.0,
        "read_mb_per_second": 10.0,
        "step_seconds": {
            "look into the inbox": 0.5,
            "read files": 8.0,
            "load files": 1.0,
            "move files to history": 5.0,
        },
    }


def test_the_table_says_which_goals_are_missed() -> None:
    single = {"p95_seconds": 60, "median_seconds": 12, "longest_seconds": 61}
    small = {"files_per_minute": 599.9, "dlt_files_per_minute": 700.0, "copy_files_per_minute": 900.0}
    lines = inbox.report({"single": single, "small": small}).splitlines()
    assert "| p95 from upload to RAW, s | 60 | <= 60 | yes |" in lines
    assert "| small files a minute | 599.9 | >= 600 | **no** |" in lines
