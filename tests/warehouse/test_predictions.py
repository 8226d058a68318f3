"""Forecasts in the warehouse: merged by version, filled with actuals, judged; against figures computed in plain Python."""

from __future__ import annotations

import io
import random
from collections import defaultdict
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows import demand_forecast
from tasks.errors import DataError
from tasks.forecast import forecast_accuracy
from tasks.forecast.predictions import Predictions, load
from tasks.settings import settings
from tests.warehouse.curated import _ARROW, sale, sku
from tests.warehouse.standin import BUCKET, Warehouse
from warehouse.load.predictions import STAGED

pytestmark = pytest.mark.e2e  # a second or two a load on the stand-in

MONDAY = date(2025, 3, 3)
TABLE = "ML_OUTPUTS.DEMAND_FORECAST_PREDICTIONS"
Row = dict[str, Any]


def week(number: int) -> date:
    return MONDAY + timedelta(weeks=number)


def prediction(number: int, units: float, **values: Any) -> Row:
    return {
        "sku_code": "S1",
        "region_code": "R1",
        "forecast_week": week(number),
        "predicted_units": units,
        "lower": units * 0.5,
        "upper": units * 1.5,
        "model_type": "model",
        "model_version": "v1",
        "as_of": MONDAY,
        "run_id": "r1",
        **values,
    }


def write(warehouse: Warehouse, work: str, *files: Sequence[Row]) -> Predictions:
    schema = pa.schema([(name, _ARROW[kind]) for name, kind in STAGED.items()])
    addresses = []
    for number, rows in enumerate(files):
        key = f"ml/predictions/data/{work}/part-{number:05d}.parquet"
        body = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), body)
        warehouse.s3.put_object(Bucket=BUCKET, Key=key, Body=body.getvalue())
        addresses.append(f"s3://{BUCKET}/{key}")
    return Predictions(rows_version(files), tuple(addresses), sum(map(len, files)), 0.0, {})


def publish(warehouse: Warehouse, work: str, *files: Sequence[Row], load_date: date = MONDAY) -> int:
    return load(warehouse.connection, write(warehouse, work, *files), load_date)


def rows_version(files: Sequence[Sequence[Row]]) -> str:
    return str(files[0][0]["model_version"])


def stored(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return warehouse.rows(
        "SELECT sku_code, region_code, forecast_week::VARCHAR, model_version, predicted_units, lower, upper,"
        f" actual_units, ape FROM {TABLE} ORDER BY 1, 2, 3, 4"
    )


def test_a_version_is_merged_once_and_beside_the_others(warehouse: Warehouse) -> None:
    first = [prediction(0, 10.0), prediction(1, 20.0)]
    publish(warehouse, "a" * 12, first[:1], first[1:])
    assert publish(warehouse, "a" * 12, first, load_date=week(1)) == 2
    second = [prediction(1, 30.0, model_version="v2", as_of=week(1), run_id="r2")]
    publish(warehouse, "b" * 12, second, load_date=week(1))
    assert stored(warehouse) == [
        ("S1", "R1", "2025-03-03", "v1", 10.0, 5.0, 15.0, None, None),
        ("S1", "R1", "2025-03-10", "v1", 20.0, 10.0, 30.0, None, None),
        ("S1", "R1", "2025-03-10", "v2", 30.0, 15.0, 45.0, None, None),
    ]
    assert warehouse.rows(f"SELECT load_date::VARCHAR, COUNT(*) FROM {TABLE} GROUP BY 1 ORDER BY 1") == [
        ("2025-03-03", 2),
        ("2025-03-10", 1),
    ]


def test_the_day_of_the_load_is_that_of_the_business(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a zone where it is another day than in UTC, as it is in India until half past five."""
    now = datetime.now(UTC)
    zone = "Pacific/Kiritimati" if now.hour >= 11 else "Etc/GMT+12"
    there = now.astimezone(ZoneInfo(zone)).date()
    assert there != now.date()
    monkeypatch.setattr(settings(), "time_zone", zone)
    accepted = write(warehouse, "e" * 12, [prediction(0, 10.0)])
    run = SimpleNamespace(session=lambda step: nullcontext(warehouse.connection))
    assert demand_forecast.load.fn(run, accepted) == 1
    assert warehouse.one(f"SELECT load_date FROM {TABLE}") == there


def test_a_key_in_two_files_is_seen_before_the_merge(warehouse: Warehouse) -> None:
    with pytest.raises(
        DataError, match="2 predictions of model v1 were written, 2 with 1 different keys arrived"
    ):
        publish(warehouse, "c" * 12, [prediction(0, 10.0)], [prediction(0, 10.0)])
    assert stored(warehouse) == []


def test_actuals_come_when_the_week_has_closed_and_follow_corrections(warehouse: Warehouse) -> None:
    publish(warehouse, "a" * 12, [prediction(n, 10.0) for n in range(3)])
    saturday, sunday = (week(0) + timedelta(days=n) for n in (5, 6))
    warehouse.load("sales", [sale("O1", str(week(0)), str(saturday), quantity=8)])
    forecast_accuracy.refresh(warehouse.connection)
    assert [row[7] for row in stored(warehouse)] == [None, None, None]  # Sunday may still bring orders

    warehouse.load("sales", [sale("O2", str(sunday), str(sunday), quantity=12)])
    forecast_accuracy.refresh(warehouse.connection)
    assert [row[7:] for row in stored(warehouse)] == [(20, 0.5), (None, None), (None, None)]

    # Two weeks later a line of the first week is corrected, and nothing at all was sold in the second.
    later = week(2) + timedelta(days=1)
    warehouse.load(
        "sales",
        [
            sale("O2", str(sunday), str(later), quantity=2, changed_at=f"{later} 09:00:00"),
            sale("O3", str(later), str(later), quantity=99, sku="S2"),
        ],
    )
    forecast_accuracy.refresh(warehouse.connection)
    assert [row[7:] for row in stored(warehouse)] == [(10, 0.0), (0, None), (None, None)]
    before = stored(warehouse)
    forecast_accuracy.refresh(warehouse.connection)
    assert stored(warehouse) == before


def test_without_a_forecast_nothing_is_done(warehouse: Warehouse) -> None:
    forecast_accuracy.refresh(warehouse.connection)
    assert warehouse.rows("SELECT * FROM MARTS.FORECAST_ACCURACY_MART") == []


def test_the_marts_agree_with_plain_python(warehouse: Warehouse) -> None:
    draw = random.Random(11)
    categories = {"S1": "Snacks", "S2": "Snacks", "S3": "Drinks", "S4": None}
    warehouse.load("sku", [sku(c, "2025-01-01", category=v) for c, v in categories.items() if v])
    as_of = {"v1": MONDAY, "v2": week(1) - timedelta(days=3)}  # a Friday: its first week is week(1)
    rows = [
        prediction(
            number,
            float(draw.randint(0, 30)),
            sku_code=code,
            region_code=region,
            model_version=version,
            as_of=made,
        )
        for version, made in as_of.items()
        for code in categories
        for region in ("R1", "R2")
        for number in range(0 if version == "v1" else 1, 5)
    ]
    publish(warehouse, "d" * 12, rows)
    sold: dict[tuple[str, str, date], int] = defaultdict(int)
    lines = []
    for n in range(120):
        code, region = draw.choice(list(categories)), draw.choice(("R1", "R2"))
        day = MONDAY + timedelta(days=draw.randrange(28))
        units = draw.randint(1, 9)
        sold[code, region, day - timedelta(days=day.weekday())] += units
        lines.append(
            sale(f"O{n}", str(day), str(day), sku=code, region=region, quantity=units, revenue=str(units))
        )
    lines.append(sale("LAST", "2025-03-30", "2025-03-30", sku="S9", quantity=1))  # closes week 3, not week 4
    warehouse.load("sales", lines)
    forecast_accuracy.refresh(warehouse.connection)

    closed = [row for row in rows if row["forecast_week"] <= week(3)]
    expected, groups = set(), defaultdict(list)
    for row in closed:
        actual = sold[row["sku_code"], row["region_code"], row["forecast_week"]]
        first = week(0) if row["model_version"] == "v1" else week(1)
        lead = (row["forecast_week"] - first).days // 7 + 1
        error = abs(row["predicted_units"] - actual)
        inside = row["lower"] <= actual <= row["upper"]
        key = tuple(row[name] for name in ("sku_code", "region_code", "model_version"))
        category = categories[row["sku_code"]]
        expected.add((*key, str(row["forecast_week"]), category, lead, actual, error, inside))
        groups[row["model_version"], category, row["region_code"], lead].append(
            (row["predicted_units"], actual, error, inside)
        )
    found = warehouse.rows(
        "SELECT sku_code, region_code, model_version, forecast_week::VARCHAR, category, lead_weeks, actual_units,"
        " absolute_error, is_within_interval FROM MARTS.FORECAST_ACCURACY_MART"
    )
    assert set(found) == expected
    assert len(found) == len(closed)

    summary = warehouse.rows(
        "SELECT model_version, category, region_code, lead_weeks, predictions, actual_units, wmape, mape, bias, coverage"
        " FROM MARTS.FORECAST_ACCURACY_SUMMARY_MART"
    )
    assert len(summary) == len(groups)
    for *key, count, actual, wmape, mape, bias, coverage in summary:
        members = groups[tuple(key)]
        units = sum(m[1] for m in members)
        apes = [m[2] / m[1] for m in members if m[1]]
        assert (count, actual) == (len(members), units)
        assert wmape == (pytest.approx(sum(m[2] for m in members) / units) if units else None)
        assert mape == (pytest.approx(sum(apes) / len(apes)) if apes else None)
        assert bias == (pytest.approx((sum(m[0] for m in members) - units) / units) if units else None)
        assert coverage == pytest.approx(sum(m[3] for m in members) / len(members))
