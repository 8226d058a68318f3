"""One row per key: which row of a slice stands, which lost, and which published rows it replaces.

Most keys occur once. They are found out from a narrow read of the key columns; only the others, the contested ones,
go through a window, so that wide rows are not shuffled and sorted to learn that they are alone.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from contracts.dialects.spark_literals import name
from contracts.dialects.spark_sql import FILLED_DIGITS, standing
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
IS_MENDED = f"({_MARK} IS NOT NULL)"
# A mark of contract 1.0 is the digest alone: how much its row says was not noted, and counts as nothing.
MARKED_TIE = f"CASE WHEN length({_MARK}) = 64 THEN concat('{'0' * FILLED_DIGITS}:', {_MARK}) ELSE {_MARK} END"
_KEY_HASH = "__key_hash"


def key_hash(dataset: Dataset) -> Column:
    """Sixteen bytes stand for the key where a false alarm costs nothing but a second look."""
    return F.xxhash64(*(F.col(name(column)) for column in dataset.key))


def contested(rows: DataFrame, history: DataFrame | None, dataset: Dataset) -> DataFrame:
    """The hashes of keys that occur more than once in the slice and the history together."""
    hashes = rows.select(key_hash(dataset).alias(_KEY_HASH))
    if history is not None:
        hashes = hashes.unionAll(history.select(key_hash(dataset).alias(_KEY_HASH)))
    return hashes.groupBy(_KEY_HASH).count().where("count > 1").select(_KEY_HASH)


def is_contested(rows: DataFrame, hashes: DataFrame | None, dataset: Dataset, flag: str) -> DataFrame:
    """Without hashes every key is taken for contested."""
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
    """What is kept aside of a row that a replay publishes, and what it stands by: the next run of its raw date has to
    know that it is no redelivery of what that run finds in the raw file."""
    others = "coalesce(concat('\",', substring(kept_aside, 2)), '\"}')"
    return f"""concat('{{"replayed":"', {standing(dataset)}, {others})"""


def told_apart(rows: DataFrame, history: DataFrame | None, dataset: Dataset) -> DataFrame:
    """The rows, and the history's rows of the same keys, each with its outcome.

    `rows` are valid curated rows. Which of equal versions wins is the contracts' to say
    (contracts.dialects.spark_sql.standing). A row of the history that does not say what it stands by loses to the slice's:
    that is a redelivery of its prefix.
    A row that loses to another one of its own raw date is outdone, whatever else is newer than both.
    """
    frame = rows.withColumn(PRIOR_FILE, F.lit(None).cast("string")).withColumn(TIE, F.expr(standing(dataset)))
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
