"""The columns that COPY takes from a dataset's curated files: its contract's, what the curation derives, and lineage.

A column added to a contract is staged by itself; a migration then gives it a place in the DW.
"""

from __future__ import annotations

from collections.abc import Mapping

from contracts.catalog import DATASETS as CONTRACTS
from contracts.dialects.snowflake import snowflake_type
from contracts.language.dataset import RETRACTED

Columns = Mapping[str, str]

_KEYS = {"sku_key": "BIGINT", "geo_key": "BIGINT"}
_DERIVED: Mapping[str, Columns] = {
    "sales": {
        **_KEYS,
        "customer_key": "BIGINT",
        "date_key": "INT",
        "is_modern_trade": "BOOLEAN",
        "revenue_per_unit": "DOUBLE",
        "gross_margin": "NUMBER(18, 4)",
    },
    "inventory": {**_KEYS, "date_key": "INT"},
    "market": {"geo_key": "BIGINT", "week": "VARCHAR", "week_start": "DATE"},
    "promotions": {**_KEYS, "week_start": "DATE"},
    "sku": {"sku_key": "BIGINT"},
    "geography": {"geo_key": "BIGINT"},
    "customer": {"customer_key": "BIGINT"},
}
_LINEAGE: Columns = {
    "source_date": "DATE",
    "source_file": "VARCHAR",
    "run_id": "VARCHAR",
    "content_hash": "BIGINT",
}

# Natural keys that a fact leaves to its dimensions, text for which it keeps a date, and what takes a row out of it.
_LEFT_BEHIND: Mapping[str, frozenset[str]] = {
    "sales": frozenset({"sku_code", "region_code", "customer_id", RETRACTED}),
    "inventory": frozenset({"sku_code", "region_code"}),
    "market": frozenset({"region_code", RETRACTED}),
    "promotions": frozenset({"sku_code", "region_code", "week"}),
}

DATASETS = tuple(CONTRACTS)


def staged(dataset: str) -> Columns:
    contract = {column.name: snowflake_type(column) for column in CONTRACTS[dataset].columns}
    return {**contract, **_DERIVED[dataset], **_LINEAGE}


def merged(dataset: str) -> list[str]:
    """The staged columns that the dataset's table in the DW has too."""
    return [column for column in staged(dataset) if column not in _LEFT_BEHIND.get(dataset, ())]


# Quarantined rows keep what was delivered, as text.
SIGHTED: Columns = dict.fromkeys(("promo_id", "sku_code", "region_code", "week", "raw_date"), "VARCHAR")
