"""A migrated warehouse on the local Snowflake, in this process, and a lake that its stage can read."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import count
from typing import Any

import boto3
import pytest
from snowflake.connector import SnowflakeConnection

from tasks.lake.lake_log import Published
from tasks.warehouse.warehouse_load import LoadResult, last_loaded, load
from tests.moto_server import moto_server
from tests.snowflake_server import connected, snowflake_server
from tests.warehouse.curated import parquet
from tests.warehouse.interleaved import Killed, kill_after
from warehouse.account.given import Given
from warehouse.account.names import AccountNames
from warehouse.migrate import migrate, migrate_account

BUCKET = "highwater-lake"
DATABASE = "HIGHWATER"
NAMES = AccountNames(DATABASE)
GIVEN = Given(
    BUCKET,
    "arn:aws:iam::123456789012:role/highwater-snowflake",
    ("192.0.2.1/32",),
    ("192.0.2.128/25",),
    worker_key="MIIBworker",
    deploy_key="MIIBdeploy",
)
LOADED_TABLES = (
    "DW.DIM_SKU",
    "DW.DIM_GEOGRAPHY",
    "DW.DIM_CUSTOMER",
    "DW.FACT_SALES",
    "DW.FACT_INVENTORY",
    "DW.FACT_MARKET",
    "DW.FACT_PROMOTION",
    "CURATED.SALES_TOUCHED",
    "CURATED.SALES_TAKEN_BACK",
    "CURATED.MARKET_TAKEN_BACK",
    "CURATED.PROMOTION_SNAPSHOTS",
    "CURATED.PROMOTION_SIGHTINGS",
    "CURATED.MART_CHANGES",
    "CURATED.MART_STATE",
    "CURATED.PROMOTIONS_TOUCHED",
    "CURATED.FIRST_SALES",
    "MARTS.SALES_PERFORMANCE_MART",
    "MARTS.PROMO_EFFECTIVENESS_MART",
    "ML_OUTPUTS.DEMAND_FORECAST_PREDICTIONS",
    "MARTS.FORECAST_ACCURACY_MART",
    "MARTS.FORECAST_ACCURACY_SUMMARY_MART",
    "MARTS.CUSTOMER_ANALYTICS",
    "MARTS.SALES_SUMMARY",
    "ML_OUTPUTS.CHURN_PREDICTIONS",
    "ML_OUTPUTS.CHURN_OUTCOMES",
    "MARTS.CHURN_ACCURACY",
    "MONITORING.MODEL_DRIFT",
    "MONITORING.LOADS",
    "MONITORING.LOAD_HEADS",
    "MONITORING.PIPELINE_RUNS",
    "MONITORING.RUN_DATASETS",
    "MONITORING.DQ_RESULTS",
)


@dataclass(frozen=True)
class Snapshot:
    dataset: str
    files: tuple[str, ...]
    rows: int
    number: int
    raw_dates: tuple[date, ...] = ()
    sightings: tuple[str, ...] = ()

    @property
    def published(self) -> Published:
        notes = {"sightings": ",".join(self.sightings)}
        return Published(self.number * 1000, self.number, self.files, self.raw_dates, notes, self.rows)


@dataclass
class Warehouse:
    """Loads and marts run as the flows' user does, with its role. What a test arranges and reads, the administrator does."""

    connection: SnowflakeConnection
    connect: Callable[[], SnowflakeConnection]
    deployer: SnowflakeConnection
    administrator: SnowflakeConnection
    s3: Any
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def file(self, dataset: str, rows: Sequence[dict[str, Any]]) -> str:
        key = f"curated/{dataset}/data/work-{next(self._numbers)}/published/part-00000.snappy.parquet"
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=parquet(dataset, rows))
        return f"s3://{BUCKET}/{key}"

    def snapshot(self, dataset: str, *batches: Sequence[dict[str, Any]], **given: Any) -> Snapshot:
        """One Iceberg snapshot whose files are the batches."""
        files = tuple(self.file(dataset, rows) for rows in batches)
        return Snapshot(dataset, files, sum(map(len, batches)), next(self._numbers), **given)

    def load(self, dataset: str, *batches: Sequence[dict[str, Any]], **given: Any) -> LoadResult:
        return self.replay(self.snapshot(dataset, *batches, **given))

    def replay(self, snapshot: Snapshot, connection: SnowflakeConnection | None = None) -> LoadResult:
        """In whatever order a test wants: after the snapshot that happens to be loaded."""
        session = connection or self.connection
        return load(
            session,
            snapshot.dataset,
            snapshot.published,
            f"run-{snapshot.number}",
            after=last_loaded(session, snapshot.dataset),
        )

    def replay_until(self, snapshot: Snapshot, statements: int) -> bool:
        """The load up to a kill after so many of its statements; False when it had no more to run."""
        with self.connect() as session:
            kill_after(session, statements)
            try:
                self.replay(snapshot, session)
            except Killed:
                return True
        return False

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """As an administrator, who sees all of every row."""
        return _rows(self.administrator, sql)

    def of_worker(self, sql: str) -> list[tuple[Any, ...]]:
        """In the session that loads, whose temporary tables no other session has."""
        return _rows(self.connection, sql)

    def one(self, sql: str) -> Any:
        (row,) = self.rows(sql)
        return row[0] if len(row) == 1 else row

    def clear(self) -> None:
        for table in LOADED_TABLES:
            self.rows(f"DELETE FROM {table}")


def _rows(session: SnowflakeConnection, sql: str) -> list[tuple[Any, ...]]:
    with session.cursor() as cursor:
        return [tuple(row) for row in cursor.execute(sql).fetchall()]  # type: ignore[union-attr]


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    for noisy in ("sqlglot", "fakesnow.server"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    with moto_server() as endpoint:
        s3 = boto3.client(
            "s3",
            endpoint_url=endpoint,
            aws_access_key_id="local",
            aws_secret_access_key="local",
            region_name="ap-south-1",
        )
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "ap-south-1"})
        with snowflake_server(tmp_path_factory.mktemp("snowflake"), endpoint) as port:
            yield from _migrated(port, s3)


def _migrated(port: int, s3: Any) -> Iterator[Warehouse]:
    def connect() -> SnowflakeConnection:
        return connected(port, user=NAMES.worker, database=DATABASE, warehouse=NAMES.transform_warehouse)

    administrator = connected(port)
    set_up(port, administrator)
    with administrator.cursor() as cursor:
        cursor.execute(f"USE DATABASE {DATABASE}")
    warehouse = Warehouse(connect(), connect, deployer(port), administrator, s3)
    found = _columns(administrator)
    yield warehouse
    changed = sorted(_columns(administrator) ^ found)
    assert not changed, f"a test left other columns than it found: {changed}"
    for connection in (warehouse.connection, warehouse.deployer, administrator):
        connection.close()


def _columns(session: SnowflakeConnection) -> set[tuple[Any, ...]]:
    asked = f"SELECT table_schema, table_name, column_name FROM {DATABASE}.INFORMATION_SCHEMA.COLUMNS"
    return set(_rows(session, asked))


def set_up(port: int, administrator: SnowflakeConnection, names: AccountNames = NAMES) -> None:
    """As docs/deploy.md says: the account, the tables, and the account again, which masks them."""
    migrate_account(administrator, names, GIVEN)
    with deployer(port, names) as connection:
        migrate(connection, names.database)
    migrate_account(administrator, names, GIVEN)


def deployer(port: int, names: AccountNames = NAMES) -> SnowflakeConnection:
    return connected(port, user=names.deploy, database=names.database, warehouse=names.load_warehouse)


@pytest.fixture
def warehouse(migrated: Warehouse) -> Warehouse:
    migrated.clear()
    return migrated
