"""Choose one row per key: which row of a slice wins, which lose, and which published rows it replaces.

Most keys occur once. A narrow read of the key columns finds them. Only the contested keys, those with several rows, go
through a window, so wide rows with a unique key are neither shuffled nor sorted.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from contracts.dialects.spark_literals import name
from contracts.dialects.spark_sql import FILLED_DIGITS, tie_breaker
from contracts.language.dataset import Dataset

PUBLISHED, UNCHANGED, SUPERSEDED, OUTDONE, REPEATED, REPLACED, STANDING = (
    "published",
    "unchanged",
    "superseded",
    "outdone",
    "repeated",
    "replaced",
    "standing",
)
OUTCOME = "outcome"
PRIOR_FILE = "__prior_file"
TIE = "__tie"
_MARK = "get_json_object(kept_aside, '$.replayed')"
IS_CORRECTED = f"({_MARK} IS NOT NULL)"
# Contract 1.0 kept the digest alone. The number of filled columns is unknown then and counts as zero.
MARKED_TIE = f"CASE WHEN length({_MARK}) = 64 THEN concat('{'0' * FILLED_DIGITS}:', {_MARK}) ELSE {_MARK} END"
_KEY_HASH = "__key_hash"


def key_hash(dataset: Dataset) -> Column:
    """A hash of the key, for filters where a collision only costs a second look."""
    return F.xxhash64(*(F.col(name(column)) for column in dataset.key))


def contested(rows: DataFrame, history: DataFrame | None, dataset: Dataset) -> DataFrame:
    """The hashes of keys that occur more than once in the slice and the history together."""
    hashes = rows.select(key_hash(dataset).alias(_KEY_HASH))
    if history is not None:
        hashes = hashes.unionAll(history.select(key_hash(dataset).alias(_KEY_HASH)))
    return hashes.groupBy(_KEY_HASH).count().where("count > 1").select(_KEY_HASH)


def is_contested(rows: DataFrame, hashes: DataFrame | None, dataset: Dataset, flag: str) -> DataFrame:
    """Whether a key is contested. Without hashes, all keys are."""
    if hashes is None:
        return rows.withColumn(flag, F.lit(True))
    found = F.broadcast(hashes.withColumn(flag, F.lit(True)))
    return (
        rows.withColumn(_KEY_HASH, key_hash(dataset))
        .join(found, _KEY_HASH, "left")
        .withColumn(flag, F.coalesce(F.col(flag), F.lit(False)))
        .drop(_KEY_HASH)
    )


def marked(dataset: Dataset) -> str:
    """`kept_aside` of a row that a replay publishes, with its tie-breaker.

    The next run of the raw date must not treat the row as a redelivery of what it finds in the raw file.
    """
    others = "coalesce(concat('\",', substring(kept_aside, 2)), '\"}')"
    return f"""concat('{{"replayed":"', {tie_breaker(dataset)}, {others})"""


def told_apart(rows: DataFrame, history: DataFrame | None, dataset: Dataset) -> DataFrame:
    """The rows, and the history's rows with the same keys, each with its outcome.

    `rows` are valid curated rows. Of equal versions, the one with the greater tie-breaker wins
    (contracts.dialects.spark_sql.tie_breaker). A row of the history without a tie-breaker loses to the slice's row, which
    is a redelivery of its prefix. A row that loses to another row of its own raw date is outdone, even if a third row is
    newer than both.
    """
    frame = rows.withColumn(PRIOR_FILE, F.lit(None).cast("string")).withColumn(
        TIE, F.expr(tie_breaker(dataset))
    )
    if history is not None:
        hashes = rows.select(key_hash(dataset).alias(_KEY_HASH))
        prior = history.withColumn(_KEY_HASH, key_hash(dataset)).join(hashes, _KEY_HASH, "left_semi")
        frame = frame.unionByName(prior.drop(_KEY_HASH), allowMissingColumns=True)
    changed_at = name(dataset.version_column) if dataset.version_column else "cast(null AS timestamp)"
    of_key = Window.partitionBy(*(name(column) for column in dataset.key))
    best_first = of_key.orderBy(
        F.expr(changed_at).desc_nulls_last(),
        F.col("source_date").desc(),
        F.col(TIE).desc_nulls_last(),
        F.col(PRIOR_FILE).asc_nulls_first(),
    )
    is_prior = F.col(PRIOR_FILE).isNotNull()
    of_delivery = Window.partitionBy(
        *(F.col(name(column)) for column in dataset.key), F.col("source_date"), is_prior
    ).orderBy(F.expr(changed_at).desc_nulls_last(), F.col(TIE).desc_nulls_last())
    version = F.expr(f"struct({changed_at} AS changed_at, source_date, content_hash)")
    frame = (
        frame.withColumn("__version", version)
        .withColumn("__rank", F.row_number().over(best_first))
        .withColumn("__above", F.lag("__version").over(best_first))
        .withColumn("__in_delivery", F.row_number().over(of_delivery))
        .withColumn("__best", F.first("__version").over(best_first))
        .withColumn(
            "__best_known", F.max(is_prior & F.col("__version").eqNullSafe(F.col("__best"))).over(of_key)
        )
    )
    won = F.col("__rank") == 1
    repeats = F.col("__version").eqNullSafe(F.col("__above"))
    known = F.col("__best_known")
    outcome = (
        F.when(is_prior & (won | known), STANDING)
        .when(is_prior, REPLACED)
        .when(won & known, UNCHANGED)
        .when(won, PUBLISHED)
        .when(repeats, REPEATED)
        .when(F.col("__in_delivery") > 1, OUTDONE)
        .otherwise(SUPERSEDED)
    )
    return frame.withColumn(OUTCOME, outcome).drop(
        TIE, "__version", "__rank", "__above", "__in_delivery", "__best", "__best_known"
    )
