"""A run that looks at the files that its keys may be in says and writes what a run that looks at all of them does."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs.glue.curation import curation

pytestmark = pytest.mark.spark

FIRST = date(2025, 1, 5)
DAYS = 4
OF_A_RUN = ("output", "run_id")


def order_lines(rng: random.Random, line: Any, day: int) -> list[dict[str, Any]]:
    """New orders, corrections of the days before, repeats, broken rows; a key may come with spaces."""
    numbers = [day * 100 + n for n in range(6)] + [rng.randrange((day + 1) * 100) for _ in range(3)]
    numbers += [rng.randrange(day) * 100 + rng.randrange(6) for _ in range(3 if day else 0)]
    rows = [
        line(
            rng.choice([f"ORDER-OF-A-LONG-NAME-{n:05d}", f"é{n:05d}", f" SO{n:05d} "]),
            rng.choice(["SKU-1", "sku-2"]),
            quantity=rng.choice(["1", "2", "3", "broken"]),
            changed_at=rng.choice([None, "2025-01-05 09:00:00", "2025-01-07 09:00:00"]),
        )
        for n in numbers
    ]
    return [*rows, *rng.sample(rows, 2), line(order=None, quantity="1"), line(sku="#bad!", quantity="1")]


def stock(rng: random.Random, line: Any, day: int) -> list[dict[str, Any]]:
    def of(on: date) -> dict[str, Any]:
        return {
            "sku_code": f"SKU-{rng.randrange(6)}",
            "region_code": rng.choice(["IN-MH", "IN-KA"]),
            "snapshot_date": str(on),
            "opening_stock": 5,
            "receipts": 0,
            "units_sold": 1,
            "closing_stock": rng.randrange(9),
        }

    today = FIRST + timedelta(days=day)
    return [of(today) for _ in range(5)] + [of(today - timedelta(days=rng.randrange(3))) for _ in range(2)]


def market(rng: random.Random, line: Any, day: int) -> list[dict[str, Any]]:
    brands = rng.sample(["Aé", "B", "C", "D", "E"], 3)
    return [
        {"region_code": "IN-MH", "category": "Tea", "brand": brand, "units": rng.randrange(9), "value": 9}
        for brand in brands
    ]


def without_bounds(work: Any) -> Any:
    return {**work, "history": [{**file, "bounds": {}} for file in work["history"]]}


def said_and_wrote(outcome: Any) -> tuple[Any, ...]:
    folders = ("published", "survivors", "quarantined")
    rows = [
        sorted(str({k: v for k, v in row.items() if k not in OF_A_RUN}) for row in outcome.rows(folder))
        for folder in folders
    ]
    return outcome.figures, *rows


@pytest.mark.parametrize(
    ("dataset", "delivered", "raw_days", "few_rows"),
    [
        ("sales", order_lines, 1, 100_000),
        ("sales", order_lines, 1, 0),
        ("inventory", stock, 1, 100_000),
        ("market", market, 7, 100_000),
    ],
    ids=["sales", "sales, contested keys found first", "stock", "market weeks that are whole"],
)
def test_bounds_change_neither_figures_nor_rows(
    lake: Any,
    line: Any,
    monkeypatch: pytest.MonkeyPatch,
    dataset: str,
    delivered: Callable[..., Any],
    raw_days: int,
    few_rows: int,
) -> None:
    monkeypatch.setattr(curation, "FEW_ROWS", few_rows)
    rng = random.Random(f"{dataset} {few_rows}")
    live: list[str] = []
    replaced = 0
    for day in [*range(DAYS), 1]:  # the second raw date is delivered again
        raw_date = FIRST + timedelta(days=day * raw_days)
        inputs = [lake.deliver(raw_date, delivered(rng, line, day))]
        work = lake.work(dataset, inputs, live)
        (pruned,) = lake.curate(work)
        (whole,) = lake.curate(without_bounds(lake.work(dataset, inputs, live)))
        assert said_and_wrote(pruned) == said_and_wrote(whole)
        replaced += len(pruned.figures["touched_files"])
        kept = [path for path in live if path not in pruned.figures["touched_files"]]
        live = [*kept, *pruned.files("published"), *pruned.files("survivors")]
    assert replaced


def remove(path: str) -> None:
    Path(path.removeprefix("file://")).unlink()


@pytest.mark.parametrize("few_rows", [0, 100_000], ids=["contested keys found first", "every key contested"])
def test_files_out_of_range_are_not_read(
    lake: Any, line: Any, monkeypatch: pytest.MonkeyPatch, few_rows: int
) -> None:
    monkeypatch.setattr(curation, "FEW_ROWS", few_rows)
    days = [FIRST + timedelta(days=n) for n in range(3)]
    old, recent = (
        lake.curate(lake.work("sales", [lake.deliver(day, [line(f"SO-{n}1"), line(f"SO-{n}2")])]))[0]
        for n, day in enumerate(days[:2])
    )
    broken = line("SO-01", "#bad!", quantity="2")  # of an order that only the old file has
    inputs = [lake.deliver(days[2], [line(" SO-11 ", quantity="7"), line("SO-21", quantity="2"), broken])]
    work = lake.work("sales", inputs, [*old.files("published"), *recent.files("published")])
    for path in old.files("published"):
        remove(path)

    (outcome,) = lake.curate(work)

    assert outcome.published("order_id", "quantity") == {("SO-11", 7), ("SO-21", 2)}
    assert outcome.figures["touched_files"]
    assert set(outcome.figures["touched_files"]) <= set(recent.files("published"))
    assert outcome.figures["rows_quarantined"] == 1
    with pytest.raises(Exception, match="does not exist"):
        lake.curate(without_bounds(work))


def test_a_whole_week_is_held_against_files_of_its_own_raw_date_alone(lake: Any) -> None:
    def brand(name: str) -> dict[str, Any]:
        return {"region_code": "IN-MH", "category": "Tea", "brand": name, "units": 1, "value": 9}

    weeks = [FIRST, FIRST + timedelta(days=7)]
    other, same = (
        lake.curate(lake.work("market", [lake.deliver(week, [brand("Gone"), brand("Stays")])]))[0]
        for week in weeks
    )
    work = lake.work(
        "market",
        [lake.deliver(weeks[1], [brand("Stays")])],
        [*other.files("published"), *same.files("published")],
    )
    for path in other.files("published"):
        remove(path)
    (outcome,) = lake.curate(work)
    assert outcome.published("brand", "is_deleted") == {("Gone", True)}


def test_rows_that_stay_are_written_file_by_file(lake: Any, line: Any) -> None:
    """Else one file would cover the keys of all, be touched by every later day and grow with it."""
    days = [FIRST + timedelta(days=n) for n in range(4)]
    live = []
    for n, day in enumerate(days[:3]):
        rows = [line(f"SO-{n}{m}") for m in range(3)]
        live += lake.curate(lake.work("sales", [lake.deliver(day, rows)]))[0].files("published")
    corrections = [line(f"SO-{n}1", quantity=7) for n in range(3)]

    (outcome,) = lake.curate(lake.work("sales", [lake.deliver(days[3], corrections)], live))

    files = outcome.files("survivors")
    assert len(files) == len(outcome.figures["touched_files"])
    dates = [file["bounds"]["source_date"] for file in lake.work("sales", [], files)["history"]]
    assert sorted(dates) == sorted([str(day), str(day)] for day in days[:3] for _ in range(len(files) // 3))
