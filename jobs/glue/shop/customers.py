"""silver.dim_customers: customers, cleaned, with their history."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from contracts.shop.customers import CUSTOMERS
from contracts.shop.dim_customers import DIM_CUSTOMERS
from jobs.glue.keys import surrogate
from jobs.glue.shop.history import EFFECTIVE_AT, EXPIRED_AT, OPEN_END, history
from jobs.glue.shop.phones import normalized
from jobs.glue.shop.versions import versions

TRACKED = tuple(column for column in CUSTOMERS.names if column not in ("customer_id", "updated_at", "is_deleted"))
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
    parts = [_part(source, part in _UPPER).alias(part) for part, source in _PARTS.items()]
    email = F.lower(_trimmed("email"))
    cleaned = rows.select(
        "*",
        _part("first_name").alias("__first"),
        _part("last_name").alias("__last"),
        F.when(email.rlike(_EMAIL), email).alias("email_normalized"),
        F.struct(*parts).alias("address_standardized"),
    )
    name = F.nullif(F.concat_ws(" ", "__first", "__last"), F.lit(""))
    phone = normalized(F.col("phone"), F.col("address_standardized.country"))
    return cleaned.withColumn("full_name", name).withColumn("phone_normalized", phone)


def _part(column: str, is_upper: bool = False) -> Column:
    """Trimmed, with single spaces. A blank is not there."""
    text = F.regexp_replace(_trimmed(column), r"\s+", " ")
    return F.nullif(F.upper(text) if is_upper else text, F.lit(""))


def _trimmed(column: str) -> Column:
    return F.regexp_replace(column, r"^\s+|\s+$", "")
