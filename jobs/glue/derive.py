"""The columns that a curated row has beside its contract's: derived from it, and where it came from."""

from __future__ import annotations

from contracts.dialects.spark_sql import content_hash
from contracts.dialects.spark_values import literal, name
from contracts.language.dataset import Dataset

LINEAGE = ("source_date", "source_file", "run_id", "content_hash", "kept_aside")

_POSITIVE = 2**63 - 1


def _surrogate(code: str) -> str:
    """A key that follows from the code alone, so that no run has to look one up: XXH64 with Spark's seed, never negative."""
    return f"xxhash64({code}) & {_POSITIVE}"


def _date_key(column: str) -> str:
    return f"year({column}) * 10000 + month({column}) * 100 + day({column})"


SKU_KEY = {"sku_key": _surrogate("sku_code")}
GEO_KEY = {"geo_key": _surrogate("region_code")}
CUSTOMER_KEY = {"customer_key": _surrogate("customer_id")}

DERIVED: dict[str, dict[str, str]] = {
    "sales": {
        "revenue_per_unit": "cast(net_revenue AS double) / quantity",
        "gross_margin": "cast(net_revenue - cost_of_goods AS decimal(18,4))",
        "iso_year": "date_part('YEAROFWEEK', order_date)",
        "iso_week": "weekofyear(order_date)",
        "year": "year(order_date)",
        "month": "month(order_date)",
        "quarter": "quarter(order_date)",
        "date_key": _date_key("order_date"),
        "is_modern_trade": "channel = 'modern_trade'",
        **SKU_KEY,
        **GEO_KEY,
        **CUSTOMER_KEY,
    },
    "inventory": {"date_key": _date_key("snapshot_date"), **SKU_KEY, **GEO_KEY},
    "market": {"week": "week", "week_start": "date_sub(source_date, 6)", **GEO_KEY},
    "promotions": {"week_start": "week", **SKU_KEY, **GEO_KEY},
    "sku": SKU_KEY,
    "geography": GEO_KEY,
    "customer": CUSTOMER_KEY,
}


def curated_columns(dataset: Dataset, run_id: str) -> dict[str, str]:
    """Every column of a curated row, in order, as an expression over the contract's staged frame."""
    return {
        **{column: name(column) for column in dataset.names},
        **DERIVED[dataset.name],
        "source_date": "source_date",
        "source_file": "source_file",
        "run_id": literal(run_id),
        "content_hash": content_hash(dataset),
        "kept_aside": "kept_aside",
    }


def write_options(dataset: Dataset) -> dict[str, str]:
    """Parquet looks every value up in a dictionary until it gives up; where nearly every value is another, or all are
    the same and compress to nothing, that costs more than the rest of the writing."""
    pointless = [
        column.name for column in dataset.columns if column.kind in ("decimal", "number", "timestamp")
    ]
    pointless += [
        column for column in DERIVED[dataset.name] if column in ("revenue_per_unit", "gross_margin")
    ]
    pointless += ["source_file", "run_id", "content_hash"]
    if len(dataset.key) > 1:
        pointless += [column for column in dataset.key[:1] if column.endswith("_id")]
    return {f"parquet.enable.dictionary#{column}": "false" for column in pointless}
