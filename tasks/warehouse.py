"""The DW and the marts, brought up to date with what was published to the lake.

Every function may be killed at any point and called again. Two runs may load at the same time: each snapshot is staged in
tables of its own, every MERGE is guarded by version, and a load forgets only what it noted itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from tasks import lake
from tasks.events import log
from tasks.snowflake import execute
from warehouse import marts
from warehouse.columns import DATASETS
from warehouse.load import LOAD_ORDER, clear_staging, count_staged, load_statements
from warehouse.statement import Statement

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection


@dataclass(frozen=True)
class LoadedSnapshot:
    snapshot_id: int
    sequence: int


@dataclass(frozen=True)
class LoadResult:
    """What this call did. A load that is repeated after a kill inserts and updates only what was still missing."""

    rows_staged: int
    rows_inserted: int
    rows_updated: int


def last_loaded(connection: SnowflakeConnection, dataset: str) -> LoadedSnapshot | None:
    """The newest Iceberg snapshot of curated.<dataset> that the DW holds; those after it are still to load."""
    if dataset not in DATASETS:
        raise ValueError(f"{dataset!r} is not a dataset of the warehouse: one of {', '.join(DATASETS)}")
    row = execute(
        connection,
        Statement(
            f"asking for the last load of {dataset}",
            "SELECT snapshot_id, sequence_number FROM MONITORING.LOADS WHERE dataset = %s"
            " ORDER BY sequence_number DESC LIMIT 1",
            (dataset,),
        ),
    )
    return LoadedSnapshot(int(row[0]), int(row[1])) if row else None


def load(
    connection: SnowflakeConnection,
    dataset: str,
    files: Sequence[str],
    snapshot_id: int,
    sequence: int,
    run_id: str,
    *,
    promotion_snapshots: Sequence[date] = (),
    sighting_files: Sequence[str] = (),
) -> LoadResult:
    """One Iceberg snapshot into the DW: `files` are the s3:// addresses of the rows that it published.

    For promotions also the dates of the calendars that the snapshot's run processed, and the files of their quarantined
    rows, so that a line missing from a calendar can be told from a broken one.
    """
    merged: tuple[Any, ...] = ()
    for statement in load_statements(
        dataset,
        files,
        snapshot_id,
        sequence,
        run_id,
        promotion_snapshots=promotion_snapshots,
        sighting_files=sighting_files,
    ):
        row = execute(connection, statement)
        if statement.step == "merge":
            merged = row
    staged = execute(connection, count_staged(dataset, snapshot_id))
    for statement in clear_staging(dataset, snapshot_id):
        execute(connection, statement)
    result = LoadResult(int(staged[0]), int(merged[0]), int(merged[1]))
    log(
        "snapshot_loaded",
        dataset=dataset,
        snapshot_id=snapshot_id,
        files=len(files),
        rows_staged=result.rows_staged,
        rows_inserted=result.rows_inserted,
        rows_updated=result.rows_updated,
    )
    return result


def catch_up(connection: SnowflakeConnection, dataset: str, run_id: str) -> int:
    """Replay what curated.<dataset>'s log holds beyond the last load. Returns the snapshots loaded."""
    table = lake.load(lake.CURATED, dataset)
    if table is None:
        return 0
    last = last_loaded(connection, dataset)
    loaded = 0
    for published in lake.log_after(table, last.snapshot_id if last else None):
        promotions = dataset == "promotions"
        sightings = published.notes.get("sightings", "") if promotions else ""
        load(
            connection,
            dataset,
            published.files,
            published.snapshot_id,
            published.sequence,
            run_id,
            promotion_snapshots=published.raw_dates if promotions else (),
            sighting_files=[file for file in sightings.split(",") if file],
        )
        loaded += 1
    return loaded


def in_load_order(datasets: Iterable[str]) -> list[str]:
    return sorted(datasets, key=LOAD_ORDER.index)


def refresh_marts(connection: SnowflakeConnection) -> None:
    for statement in marts.statements():
        execute(connection, statement)


_HEADLINES = """SELECT MIN(full_date), MAX(full_date), SUM(units), SUM(net_revenue),
    100 * SUM(gross_margin)::DOUBLE / NULLIF(SUM(costed_net_revenue), 0),
    SUM(promo_revenue), SUM(promo_unknown_revenue),
    100 * SUM(promo_unknown_revenue)::DOUBLE / NULLIF(SUM(net_revenue), 0), SUM(anomalies)
FROM MARTS.SALES_PERFORMANCE_MART"""

# COUNT of IFF, not COUNT_IF: of no rows at all the local Snowflake makes the latter null.
_PROMOTION_HEADLINES = """SELECT COUNT(*), COUNT(IFF(weeks_started > 0, 1, NULL)),
    COUNT(IFF(weeks_started > 0 AND has_baseline, 1, NULL)),
    SUM(uplift_units), SUM(incremental_margin), SUM(spend), COUNT(IFF(weeks_without_spend > 0, 1, NULL)),
    SUM(IFF(weeks_without_spend = 0, incremental_margin - spend, NULL))
        / NULLIF(SUM(IFF(weeks_without_spend = 0 AND incremental_margin IS NOT NULL, spend, NULL)), 0)
FROM MARTS.PROMO_EFFECTIVENESS_MART"""

_STOCK_HEADLINES = "SELECT COUNT(IFF(closing_stock < 0, 1, NULL)) FROM DW.FACT_INVENTORY"


def headlines(connection: SnowflakeConnection) -> dict[str, Any]:
    """The marts in a few numbers, for people: None where there is nothing to say."""
    sales = execute(connection, Statement("reading the sales mart's headlines", _HEADLINES))
    promotions = execute(
        connection, Statement("reading the promotion mart's headlines", _PROMOTION_HEADLINES)
    )
    stock = execute(connection, Statement("counting days of stock below zero", _STOCK_HEADLINES))
    names = (
        "first_day",
        "last_day",
        "units",
        "net_revenue",
        "gross_margin_pct",
        "promo_revenue",
        "promo_unknown_revenue",
        "promo_unknown_pct",
        "anomalies",
    )
    promotion_names = (
        "promotions",
        "promotions_started",
        "promotions_with_baseline",
        "promotion_uplift_units",
        "promotion_incremental_margin",
        "promotion_spend",
        "promotions_of_unknown_spend",
        "promotion_roi",
    )
    return (
        dict(zip(names, sales, strict=True))
        | dict(zip(promotion_names, promotions, strict=True))
        | {"stock_days_below_zero": stock[0]}
    )
