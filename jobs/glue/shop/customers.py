"""silver.dim_customers: customers, cleaned, with their history."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from contracts.dialects.spark_literals import literal
from contracts.shop.customers import CUSTOMERS
from contracts.shop.dim_customers import DIM_CUSTOMERS
from jobs.glue.keys import surrogate
from jobs.glue.shop.history import EFFECTIVE_AT, EXPIRED_AT, OPEN_END, history
from jobs.glue.shop.phones import normalized
from jobs.glue.shop.versions import versions

TRACKED = tuple(
    column for column in CUSTOMERS.names if column not in ("customer_id", "updated_at", "is_deleted")
)
_NAMES = {"first_name": "__first", "last_name": "__last"}
_WHITE_SPACE = (
    r"(?U)[\s\x1c-\x1f]+"  # as Python's split() sees it: with the no-break space, which forms produce
)
_EMAIL = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"
_PARTS = {"street": "address", "city": "city", "state": "state", "zip_code": "zip_code", "country": "country"}
_UPPER = frozenset({"state", "country"})
_SCORED = (
    "__first IS NOT NULL AND __last IS NOT NULL",
    "email_normalized IS NOT NULL",
    "phone_normalized IS NOT NULL",
    " AND ".join(f"address_standardized.{part} IS NOT NULL" for part in _PARTS),
    "created_at IS NOT NULL AND NOT coalesce(created_at > updated_at, false)",
)
"""What the score counts: the share of these that hold."""


def dim_customers(bronze: DataFrame) -> DataFrame:
    """The whole history of the customers that these rows of bronze are of."""
    rows = history(versions(bronze, CUSTOMERS), CUSTOMERS.key, TRACKED)
    holds = " + ".join(f"int({condition})" for condition in _SCORED)
    return (
        _cleaned(rows)
        .withColumn("data_quality_score", F.expr(f"({holds}) / {len(_SCORED)}D"))
        .withColumn("customer_key", F.expr(surrogate("customer_id")))
        .withColumn(
            "customer_version_key",
            F.expr(surrogate(f"concat(customer_id, '|', CAST(unix_micros({EFFECTIVE_AT}) AS string))")),
        )
        .withColumn("created_date", F.expr("CAST(created_at AS date)"))
        .withColumn("last_updated_date", F.expr(f"CAST({EFFECTIVE_AT} AS date)"))
        .withColumn("effective_date", F.expr(f"CAST({EFFECTIVE_AT} AS date)"))
        .withColumn("expiration_date", F.expr(f"CAST({EXPIRED_AT} AS date)"))
        .withColumn("is_current", F.expr(f"{EXPIRED_AT} = {OPEN_END}"))
        .select(*DIM_CUSTOMERS.names)
    )


def _cleaned(rows: DataFrame) -> DataFrame:
    texts = {source: f"__{source}" for source in (*_NAMES, "email", *_PARTS.values())}
    spaced = rows.select("*", *(_single_spaced(source).alias(text) for source, text in texts.items()))
    parts = ", ".join(f"{_part(texts[source], part in _UPPER)} AS {part}" for part, source in _PARTS.items())
    cleaned = spaced.select(
        "*",
        *(F.expr(f"{_part(texts[source])} AS {whole}") for source, whole in _NAMES.items()),
        F.expr(f"CASE WHEN __email RLIKE {literal(_EMAIL)} THEN lower(__email) END AS email_normalized"),
        F.expr(f"struct({parts}) AS address_standardized"),
    )
    name = F.expr(f"nullif(concat_ws(' ', {', '.join(_NAMES.values())}), '') AS full_name")
    phone = normalized(F.col("phone"), F.col("address_standardized.country")).alias("phone_normalized")
    return cleaned.select("*", name, phone)


def _single_spaced(column: str) -> Column:
    return F.trim(F.regexp_replace(column, _WHITE_SPACE, " "))


def _part(text: str, is_upper: bool = False) -> str:
    """A blank is not there."""
    return f"nullif({f'upper({text})' if is_upper else text}, '')"
