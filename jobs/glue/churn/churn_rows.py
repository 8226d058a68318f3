"""The rows that the churn model learns from and scores: due customers, with the features that were known on the day."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from contracts.dialects.spark_literals import name as quoted
from contracts.dialects.spark_types import spark_type_of
from contracts.language.dataset import Column
from contracts.language.kinds import exact_size
from contracts.shop import GOLD, SILVER
from contracts.shop.ml_features import ML_FEATURES
from jobs.glue.churn import store_records
from jobs.glue.churn.churn_manifest import CUSTOMERS, FACTS, FEATURES, STORE, ChurnWork
from jobs.glue.churn.due_customers import days_frame
from jobs.glue.churn.reconstructed import reconstructed
from jobs.glue.layers.frames import settled, table

FROM_STORE, FROM_GOLD, RECONSTRUCTED = "store", "gold", "reconstructed"
_KEY = ["customer_key", "as_of"]
_REASON = (
    "CASE WHEN customer_id IS NULL THEN 'no_customer_id' WHEN is_gone OR features.is_deleted THEN 'deleted' "
    "WHEN features IS NULL THEN 'no_features' END"
)


class ChurnRows:
    def __init__(self, spark: SparkSession, work: ChurnWork) -> None:
        self.spark = spark
        self.work = work
        self.facts = table(spark, SILVER[FACTS], work.sources[FACTS])
        self.customers = table(spark, SILVER[CUSTOMERS], work.sources[CUSTOMERS])

    def judged(self, due: DataFrame) -> DataFrame:
        """Each due customer with `features` and where they are from, or the `reason` why he is not to be used."""
        names = self.customers.groupBy("customer_key").agg(F.max("customer_id").alias("customer_id"))
        subjects = settled(due.join(names, "customer_key", "left"))
        noted = settled(self._stored(subjects).unionByName(self._gold(subjects)))
        found = noted
        if self.work.reconstruct:
            lacking = subjects.where("customer_id IS NOT NULL").join(noted, _KEY, "left_anti")
            found = noted.unionByName(self._rebuilt(lacking))
        told = subjects.join(found, _KEY, "left").withColumn("reason", F.expr(_REASON))
        return settled(told)

    def _stored(self, subjects: DataFrame) -> DataFrame:
        """Of past days. A record that deletes says that there is nothing, and is not made up for."""
        records = store_records.records(self.spark, self.work.sources[STORE])
        known = store_records.known(records, days_frame(subjects, self.work.origins), self.work)
        of_due = subjects.where("NOT is_future").select(*_KEY, "customer_id")
        return (
            of_due.join(known, ["customer_id", "as_of"])
            .withColumn("origin_of_features", F.lit(FROM_STORE))
            .select(*_KEY, "origin_of_features", "is_gone", "features")
        )

    def _gold(self, subjects: DataFrame) -> DataFrame:
        """Of the day to be scored: what gold computed on it."""
        of_day = table(self.spark, GOLD[FEATURES], self.work.sources[FEATURES])
        of_day = of_day.where(f"analysis_date = DATE'{self.work.as_of}'")
        return self._told(of_day, FROM_GOLD).join(
            subjects.where("is_future").select(*_KEY), _KEY, "left_semi"
        )

    def _rebuilt(self, asked: DataFrame) -> DataFrame:
        rows = reconstructed(self.facts, self.customers, settled(asked.select(*_KEY)), self.work.as_of)
        return self._told(rows, RECONSTRUCTED)

    @staticmethod
    def _told(rows: DataFrame, origin: str) -> DataFrame:
        return rows.select(
            "customer_key",
            F.col("analysis_date").alias("as_of"),
            F.lit(origin).alias("origin_of_features"),
            F.lit(False).alias("is_gone"),
            F.struct(*map(quoted, ML_FEATURES.names)).alias("features"),
        )


def to_use(judged: DataFrame) -> DataFrame:
    """The rows without a reason against them, in the columns of the data set."""
    columns = (
        f"cast(features.{quoted(c.name)} AS {_type(c)}) AS {quoted(c.name)}" for c in ML_FEATURES.columns
    )
    return judged.where("reason IS NULL").selectExpr(
        *columns, "as_of", "is_future", "churned", "origin_of_features"
    )


def refused(judged: DataFrame) -> DataFrame:
    """Who is due on the day to be scored, and is not scored: customer_key, customer_id, as_of, reason."""
    return judged.where("is_future AND reason IS NOT NULL").select(
        "customer_key", "customer_id", "as_of", "reason"
    )


def _type(column: Column) -> str:
    return "double" if exact_size(column.kind) else spark_type_of(column.kind)
