"""The lake and the warehouse as a test sees them: run a flow, ask for rows, compare whole states."""

from __future__ import annotations

import json
import os
import signal
import textwrap
from collections.abc import Collection, Sequence
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from prefect.client.schemas.objects import State
from snowflake.connector import SnowflakeConnection

from deployments import names
from flows.cpg_backfill import cpg_backfill
from flows.cpg_daily import cpg_daily
from local.cloud import Cloud
from local.sql import answer, connect
from tasks.lake import lake_tables
from tasks.publishing.quality import Limits, Quality
from tasks.services import aws
from tests.e2e import forked
from tests.e2e.deliveries import BUCKET

ROOT = Path(__file__).parents[2]
# A test's day has a handful of rows: one repeat among them would already be past the real limits.
_OPEN = Limits(
    row_count_min=1, null_rate_max=1, duplicate_rate_max=1, rejected_rate_max=1, superseded_rate_max=1
)
OPEN = Quality(sales=_OPEN, inventory=_OPEN, market=_OPEN, promotions=_OPEN, masters=_OPEN)

STATE_TABLES = (
    "DW.DIM_SKU",
    "DW.DIM_GEOGRAPHY",
    "DW.DIM_CUSTOMER",
    "DW.FACT_SALES",
    "DW.FACT_INVENTORY",
    "DW.FACT_MARKET",
    "DW.FACT_PROMOTION",
    "MARTS.SALES_PERFORMANCE_MART",
    "MARTS.PROMO_EFFECTIVENESS_MART",
)
# Who wrote a row and when may differ between two ways to the same state; nothing else may.
_BOOKKEEPING = {"RUN_ID", "CREATED_AT", "UPDATED_AT"}
_EMPTIED = (
    *STATE_TABLES,
    *("ML_OUTPUTS.DEMAND_FORECAST_PREDICTIONS", "MONITORING.MODEL_DRIFT"),
    *("MARTS.FORECAST_ACCURACY_MART", "MARTS.FORECAST_ACCURACY_SUMMARY_MART"),
    *("MARTS.CUSTOMER_ANALYTICS", "MARTS.SALES_SUMMARY", "MARTS.CHURN_ACCURACY"),
    *("ML_OUTPUTS.CHURN_PREDICTIONS", "ML_OUTPUTS.CHURN_OUTCOMES"),
    *("CURATED.SALES_TAKEN_BACK", "CURATED.MARKET_TAKEN_BACK"),
    *("CURATED.SALES_TOUCHED", "CURATED.PROMOTION_SNAPSHOTS", "CURATED.PROMOTION_SIGHTINGS"),
    *("CURATED.MART_CHANGES", "CURATED.MART_STATE", "CURATED.FIRST_SALES"),
    *("MONITORING.LOADS", "MONITORING.LOAD_HEADS", "MONITORING.PIPELINE_RUNS"),
    *("MONITORING.RUN_DATASETS", "MONITORING.DQ_RESULTS"),
)


class World:
    """One for all tests of a session: a login for each statement takes longer than the statement."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    @cached_property
    def _warehouse(self) -> SnowflakeConnection:
        return connect(self.cloud.settings)

    def close(self) -> None:
        self._warehouse.close()

    def empty(self) -> None:
        """As after the first start: nothing delivered, nothing published, nothing loaded."""
        pages = aws.s3().get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        for found in (page["Contents"] for page in pages if page["KeyCount"]):
            keys = [{"Key": item["Key"]} for item in found]
            aws.s3().delete_objects(Bucket=BUCKET, Delete={"Objects": keys, "Quiet": True})
        for namespace in names.GLUE_DATABASES:
            for _, name in lake_tables.catalog().list_tables(namespace):
                lake_tables.catalog().drop_table((namespace, name))
        for table in (names.LEDGER, names.WATERMARKS):
            for item in aws.dynamodb().scan(TableName=table)["Items"]:
                aws.dynamodb().delete_item(TableName=table, Key={"id": item["id"]})
        self._empty_warehouse()
        self.alerts()

    def _empty_warehouse(self) -> None:
        counts = " UNION ALL ".join(f"SELECT '{name}', COUNT(*) FROM {name}" for name in _EMPTIED)
        cursor = self._warehouse.cursor()
        for name, rows in cursor.execute(counts).fetchall():
            if rows:
                cursor.execute(f"DELETE FROM {name}")

    # --- runs

    def daily(self, day: date, sources: Sequence[str] = ("sales",), quality: Quality = OPEN) -> State[Any]:
        return cpg_daily(  # type: ignore[call-overload,no-any-return]
            run_date=day, sources=list(sources), quality=quality, forecast="never", return_state=True
        )

    def backfill(
        self, first: date, last: date, sources: Sequence[str] = ("sales",), days: int = 366
    ) -> State[Any]:
        return cpg_backfill(  # type: ignore[call-overload,no-any-return]
            start_date=first,
            end_date=last,
            sources=list(sources),
            quality=OPEN,
            chunk_days=days,
            return_state=True,
        )

    def daily_in_process(self, day: date, before: str = "", sources: Sequence[str] = ("sales",)) -> int:
        """The daily run in a process of its own, after `before`: code that arranges its death. Returns the exit code."""
        call = (
            f"cpg_daily(run_date=date.fromisoformat({str(day)!r}), sources={list(sources)!r}, quality=OPEN)"
        )
        return self.in_process(call, before)

    def in_process(self, call: str, before: str = "") -> int:
        script = textwrap.dedent(
            """
            from datetime import date
            from flows.cpg_backfill import cpg_backfill
            from flows.cpg_daily import cpg_daily
            from flows.cpg_replay import cpg_replay
            from tests.e2e.world import OPEN
            """
        )
        code, output = forked.run(
            f"{textwrap.dedent(before)}\n{script}\n{call}",
            {**os.environ, **self.cloud.environment},
            ROOT,
            seconds=180,
        )
        assert code in (0, -signal.SIGKILL), output
        return code

    # --- what is there

    def sql(self, statement: str) -> list[dict[str, Any]]:
        result = answer(self._warehouse, statement)
        return [dict(zip(result.columns, row, strict=True)) for row in result.rows]

    def one(self, statement: str) -> Any:
        (row,) = self.sql(statement)
        (value,) = row.values()
        return value

    def state(self) -> dict[str, list[str]]:
        """Every table of the DW and the marts, and the curated tables of the lake, in comparable form."""
        tables = {name: comparable(self.sql(f"SELECT * FROM {name}")) for name in STATE_TABLES}
        return {
            **tables,
            **{
                f"curated.{name}": self.curated(name)
                for name in ("sales", "inventory", "market", "promotions", "sku")
            },
        }

    def curated(self, dataset: str) -> list[str]:
        table = lake_tables.load(lake_tables.CURATED, dataset)
        return comparable(table.scan().to_arrow().to_pylist()) if table else []

    def quarantine(self, dataset: str = "sales") -> list[dict[str, Any]]:
        table = lake_tables.load(lake_tables.QUARANTINE, dataset)
        rows = table.scan().to_arrow().to_pylist() if table else []
        return sorted(rows, key=lambda row: (row["raw_date"], row["row_id"]))

    def runs(self) -> list[dict[str, Any]]:
        return self.sql("SELECT * FROM MONITORING.RUN_DATASETS ORDER BY ended_at NULLS FIRST, dataset")

    def last_run(self, dataset: str = "sales") -> tuple[int, int, int, int, str]:
        """rows raw, published, superseded, quarantined, and the status."""
        row = [r for r in self.runs() if r["DATASET"] == dataset][-1]
        counts = tuple(
            row[name] for name in ("ROWS_RAW", "ROWS_PUBLISHED", "ROWS_SUPERSEDED", "ROWS_QUARANTINED")
        )
        return (*counts, row["STATUS"])  # type: ignore[return-value]

    def alerts(self) -> list[dict[str, Any]]:
        """What was published since the last call."""
        sqs = aws.sqs()
        (url,) = sqs.list_queues(QueueNamePrefix="highwater-alerts")["QueueUrls"]
        found = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            for message in messages:
                body = json.loads(message["Body"])
                found.append(json.loads(body["Message"]) if "Message" in body else body)
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found


def comparable(rows: list[dict[str, Any]], ignored: Collection[str] = ()) -> list[str]:
    left_out = {*_BOOKKEEPING, *ignored}
    kept = [{k: v for k, v in row.items() if k.upper() not in left_out} for row in rows]
    return sorted(json.dumps(row, default=str, sort_keys=True) for row in kept)
