"""A warehouse that was lost, rebuilt from the lake: every row of DW, marts, RAW and STAGE as the runs had loaded it.

The lost database stays, and an empty one beside it is rebuilt, so that the two can be compared row by row.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.dialects.arrow_types import arrow_type
from contracts.shop.churn_outcomes import CHURN_OUTCOMES
from contracts.shop.churn_predictions import CHURN_PREDICTIONS
from local.sample.marketing import uploads
from local.sample.marketing.uploads import FIRST_DAY
from tasks.churn import churn_outcomes, churn_publishing
from tasks.forecast import forecast_accuracy, predictions
from tasks.forecast.forecast_features import Features, Inputs
from tasks.intake.sources import ALL_SOURCES
from tasks.lake import lake_commits
from tasks.lake.lake_commits import Commit
from tasks.recovery import rebuild as rebuilding
from tasks.runs.business_day import business_today
from tasks.services import aws
from tasks.services.snowflake import connect
from tasks.settings import settings
from tasks.warehouse import copy_load
from tests.e2e import inbox, marketing
from tests.e2e.deliveries import deliver, everything_but_sales, sale
from tests.e2e.world import STATE_TABLES, World
from tests.tasks.forecast.test_predictions import MODEL, answer
from tests.warehouse.interleaved import Killed, kill_after
from warehouse import __main__ as warehouse

DAY = date(2025, 1, 6)
NEXT = DAY + timedelta(days=1)
REBUILT = "HIGHWATER_REBUILT"
COMPARED = (
    *STATE_TABLES,
    *inbox.TABLES,
    *marketing.TABLES[:5],
    *("MARTS.ENGAGEMENT_DAILY", "MARTS.ENGAGEMENT_FUNNEL"),
    *("CURATED.SALES_TAKEN_BACK", "CURATED.PROMOTION_SNAPSHOTS", "CURATED.PROMOTION_SIGHTINGS"),
    *("CURATED.FIRST_SALES", "CURATED.MARKET_TAKEN_BACK"),
    *("ML_OUTPUTS.DEMAND_FORECAST_PREDICTIONS", "MARTS.FORECAST_ACCURACY_MART"),
    *("MARTS.FORECAST_ACCURACY_SUMMARY_MART", "ML_OUTPUTS.CHURN_PREDICTIONS"),
    *("ML_OUTPUTS.CHURN_OUTCOMES", "MARTS.CHURN_ACCURACY"),
)
NOT_COMPARED = {"RUN_ID", "CREATED_AT", "UPDATED_AT", "LOADED_AT", "FINISHED_AT"}


@pytest.fixture
def lost(world: World) -> Iterator[World]:
    """A world in which two days, the inbox, marketing, a forecast and scores were loaded."""
    marketing.empty(world)
    inbox.empty(world)
    sell(world)
    take_in(world)
    visit()
    forecast()
    score()
    yield world
    marketing.empty(world)
    inbox.empty(world)


def sell(world: World) -> None:
    everything_but_sales(DAY)
    everything_but_sales(NEXT)
    lines = [sale("O1", DAY, 100), sale("O1", DAY, 100), sale("O2", DAY, 70), sale("O3", DAY, "12,50")]
    deliver("sales", DAY, lines)
    changed = {"changed_at": f"{NEXT} 09:00:00"}
    corrected = [sale("O1", DAY, 120, **changed), sale("O2", DAY, 70, is_deleted="true", **changed)]
    deliver("sales", NEXT, [*corrected, sale("O4", NEXT, 9, sku_code="SKU-NEW")])
    for day in (DAY, NEXT):
        ended = world.daily(day, ALL_SOURCES)
        assert ended.is_completed(), ended.message


def take_in(world: World) -> None:
    """One name of which the first content comes back, all taken by one run; a copy; a row that breaks the contract."""
    inbox.put("stores_20250110.csv", "north;S1;Harbour", header=inbox.STORES_HEADER)
    for amount in ("10.00", "11.00", "10.00"):
        inbox.put("sales_20250111.csv", inbox.sale("S1", 1, amount), inbox.sale("S1", 2, "1.00"))
    inbox.put("sales_20250112_copy.csv", inbox.sale("S1", 1, "11.00"), inbox.sale("S1", 2, "1.00"))
    rows = [inbox.sale("S2", number, "2.50") for number in range(30)]
    inbox.put("b/sales_20250113.csv", *rows, inbox.sale("S2", 99, "ten"))
    inbox.put("sales_20250114.csv", inbox.sale("S3", 1, "ten"))  # refused: it stays in the inbox
    ended = inbox.sweep()
    assert ended.is_completed(), ended.message
    assert inbox.files(world)["sales_20250114.csv"][0] == "refused"


def visit() -> None:
    delivered = uploads(seed=1, days=2)
    days = (FIRST_DAY, FIRST_DAY + timedelta(days=1))
    marketing.deliver(delivered, *days)
    for day in days:
        ended = marketing.run(day, build_marts=day == days[-1])
        assert ended.is_completed(), ended.message


def forecast() -> None:
    """Accepted and loaded by the product's own code, from answers that no job had to give. Its first week is over."""
    first = date(2024, 12, 30)
    features = Features(Inputs(first - timedelta(days=2), 2, {}, 0), "s3://f", {"rows_future": 2}, None)
    answer("SKU-1", region_code=["NORTH", "NORTH"], forecast_week=[first, first + timedelta(weeks=1)])
    accepted = predictions.accept(features, MODEL, "s3://highwater-lake/ml/predictions/raw/abc-1", "run-1")
    with connect("test", "test", "forecast") as connection:
        predictions.load(connection, accepted, business_today())
        forecast_accuracy.refresh(connection)


def score() -> None:
    rows = [
        {"customer_key": key, "customer_id": f"C{key}", "as_of": DAY, "horizon_days": 90,
         "probability": key / 10, "decile": 11 - key, "reasons": "[]", "model_version": "v1", "run_id": "r1"}
        for key in range(1, 9)
    ]  # fmt: skip
    scores = parquet("ml/churn_predictions/data/w1/part-0.parquet", CHURN_PREDICTIONS, rows)
    churn_publishing.publish([scores], DAY, work="w1", run_id="r1", rows=len(rows))
    ends = [
        {"customer_key": key, "as_of": DAY, "horizon_days": 90, "churned": key > 4} for key in range(1, 9)
    ]
    outcomes = parquet("ml/churn_outcomes/data/w2/part-0.parquet", CHURN_OUTCOMES, ends)
    commit = Commit("w2", "r1", (), CHURN_OUTCOMES.version, (outcomes,))
    lake_commits.replace_as_of("ml", "churn_outcomes", "s3://highwater-lake/ml/churn_outcomes", commit, DAY)
    with connect("test", "test", "scores") as connection:
        copy_load.load(connection, "churn_predictions", "r1")
        copy_load.load(connection, "churn_outcomes", "r1")
        churn_outcomes.rebuild_accuracy(connection, "r1")


def parquet(key: str, contract: Any, rows: list[dict[str, Any]]) -> str:
    body = io.BytesIO()
    schema = pa.schema([(column.name, arrow_type(column.kind)) for column in contract.columns])
    pq.write_table(pa.Table.from_pylist(rows, schema), body)
    aws.s3().put_object(Bucket="highwater-lake", Key=key, Body=body.getvalue())
    return f"s3://highwater-lake/{key}"


@pytest.fixture
def empty_database(lost: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    lost.sql(f"CREATE DATABASE {REBUILT}")
    monkeypatch.setenv("HIGHWATER_DATABASE", REBUILT)
    settings.cache_clear()
    assert warehouse.main(["migrate"]) == 0
    lost.sql(f"CREATE STAGE {REBUILT}.CURATED.LAKE URL = 's3://highwater-lake/'")
    yield
    lost.sql(f"DROP DATABASE {REBUILT}")
    monkeypatch.undo()
    settings.cache_clear()


def rows(world: World, database: str, table: str) -> list[str]:
    found = world.sql(f"SELECT * FROM {database}.{table}")
    return sorted(
        str([(name, value) for name, value in sorted(row.items()) if name not in NOT_COMPARED])
        for row in found
    )


def taken(world: World, database: str) -> list[str]:
    """Files of the inbox that were loaded or found unchanged: a refused one lies in the inbox, and is judged anew there."""
    return [
        row for row in rows(world, database, "MONITORING.INBOX_FILES") if "('STATUS', 'refused')" not in row
    ]


def require_same(world: World) -> None:
    different = {
        table
        for table in COMPARED
        if table != "MONITORING.INBOX_FILES"
        and rows(world, "HIGHWATER", table) != rows(world, REBUILT, table)
    }
    assert different == set()
    assert taken(world, "HIGHWATER") == taken(world, REBUILT)


def killed_after(statements: int) -> bool:
    with connect("warehouse", "rebuild", "rebuild") as connection:
        kill_after(connection, statements)
        try:
            rebuilding.rebuild(connection, lambda _: None)
        except Killed:
            return True
    return False


def test_every_row_is_rebuilt_also_by_a_rebuild_that_was_killed_again_and_again(
    lost: World, empty_database: None, capsys: pytest.CaptureFixture[str]
) -> None:
    filled = [table for table in COMPARED if not rows(lost, "HIGHWATER", table)]
    assert filled == [
        "STAGE.RETAIL_CHANGES",
        "CURATED.MARKET_TAKEN_BACK",
    ]  # all others are compared with something
    for statements in (3, 20, 55, 90, 130, 170, 210, 260):
        killed_after(statements)
    capsys.readouterr()
    assert warehouse.main(["rebuild"]) == 0
    require_same(lost)
    told = capsys.readouterr().out
    assert "of 6 that history/ has by their arrivals" in told
    assert "left out" not in told

    assert warehouse.main(["rebuild"]) == 0
    require_same(lost)


def test_a_rebuild_leaves_a_warehouse_alone_that_runs_have_loaded(
    lost: World, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {table: rows(lost, "HIGHWATER", table) for table in COMPARED}
    assert warehouse.main(["rebuild"]) == 1
    assert "a rebuild fills an empty one alone" in capsys.readouterr().err
    assert {table: rows(lost, "HIGHWATER", table) for table in COMPARED} == before
