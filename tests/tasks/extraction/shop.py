"""A small source on a local Snowflake whose time the test sets, and what the lake holds of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from snowflake.connector import SnowflakeConnection

from tasks.extraction.bronze import Place, bronze, quarantine
from tasks.extraction.extracted import Extracted
from tasks.extraction.lease_keeper import held
from tasks.extraction.scanning import Scan
from tasks.extraction.source import Entity, Source
from tasks.lake import lake_tables
from tests.snowflake_server import connected

START = datetime(2026, 1, 1, 12)
OVERLAP, LAG = timedelta(minutes=10), timedelta(seconds=30)
QUERY = "SELECT * FROM PUBLIC.PRODUCTS WHERE updated_at > :low AND updated_at <= :high"
WITHOUT = "SELECT * FROM PUBLIC.PRODUCTS WHERE updated_at IS NULL"
STAGE = "PUBLIC.LAKE"
_COLUMNS = (
    "product_id VARCHAR, product_name VARCHAR, category VARCHAR, brand VARCHAR, unit_price NUMBER(14,2), is_active BOOLEAN, "
    "is_deleted BOOLEAN, created_at TIMESTAMP_NTZ, updated_at TIMESTAMP_NTZ"
)

_NAMES = ", ".join(column.split()[0] for column in _COLUMNS.split(", "))


def opened(port: int) -> SnowflakeConnection:
    return connected(port, database="SHOP", paramstyle="qmark")


@dataclass
class Shop:
    """Products alone: what holds for one entity holds for all."""

    connection: SnowflakeConnection
    scratch: Path
    now: datetime = START
    settings: dict[str, Any] = field(default_factory=dict)
    runs: int = 0
    clock: str = "SELECT now FROM PUBLIC.CLOCK"

    def __post_init__(self) -> None:
        self.sql("CREATE DATABASE IF NOT EXISTS SHOP")
        self.sql("CREATE SCHEMA IF NOT EXISTS SHOP.PUBLIC")
        self.sql("USE SCHEMA SHOP.PUBLIC")
        self.sql(f"CREATE STAGE IF NOT EXISTS {STAGE} URL = 's3://highwater-lake/'")
        self.sql(f"CREATE OR REPLACE TABLE PUBLIC.PRODUCTS ({_COLUMNS})")
        self.sql("CREATE OR REPLACE TABLE PUBLIC.CLOCK (now TIMESTAMP_NTZ)")
        self.sql("INSERT INTO PUBLIC.CLOCK SELECT CAST(? AS TIMESTAMP_NTZ)", f"{self.now}")

    def sql(self, text: str, *values: Any) -> list[Any]:
        return list(self.connection.cursor().execute(text, values).fetchall())

    def pass_time(self, by: timedelta) -> None:
        self.now += by
        self.sql("UPDATE PUBLIC.CLOCK SET now = CAST(? AS TIMESTAMP_NTZ)", f"{self.now}")

    def write(self, product: str, name: str, at: datetime | None, price: float = 1) -> None:
        """Insert or replace a row, as one transaction."""
        self.sql("DELETE FROM PUBLIC.PRODUCTS WHERE product_id = ?", product)
        self.sql(
            f"INSERT INTO PUBLIC.PRODUCTS ({_NAMES}) SELECT ?, ?, 'c', 'b', CAST(? AS NUMBER(14,2)), TRUE, FALSE, "
            "CAST(? AS TIMESTAMP_NTZ), CAST(? AS TIMESTAMP_NTZ)",
            *(product, name, str(price), f"{START}", None if at is None else f"{at}"),
        )

    def source(self, **changes: Any) -> Source:
        entity = Entity(
            **{
                "name": "products",
                "query": QUERY,
                "without_watermark": WITHOUT,
                "key": ("product_id",),
                "watermark": "updated_at",
                **self.settings,
                **changes,
            }
        )
        return Source(pipeline="shop", secret="any", stage=STAGE, clock=self.clock, entities=(entity,))

    def extract(self, **changes: Any) -> Extracted:
        source = self.source(**changes)
        self.runs += 1
        with held("shop", "products", f"run-{self.runs}") as keeper:
            return self.scan(source, keeper).run()

    def scan(self, source: Source, keeper: Any) -> Scan:
        return Scan(source, source.entities[0], self.connection, keeper, f"run-{self.runs}", self.scratch)

    def versions(self) -> list[tuple[str, str, datetime | None]]:
        """All versions that are in the lake, in bronze or in quarantine, in order."""
        found = [
            row for place in (bronze("products"), quarantine("shop", "products")) for row in rows_of(place)
        ]
        return sorted(
            ((row["product_id"], row["product_name"], naive(row["updated_at"])) for row in found), key=str
        )


def rows_of(place: Place) -> list[dict[str, Any]]:
    table = lake_tables.load(place.namespace, place.name)
    return table.scan().to_arrow().to_pylist() if table else []


def naive(value: Any) -> Any:
    """A moment in UTC without its zone, and any other value as it is."""
    return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) else value
