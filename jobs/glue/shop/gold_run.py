"""A run of gold: from the rows of silver that changed to the rows of gold that differ."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, reduce
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from contracts.dialects.spark_literals import name as quoted
from contracts.shop import GOLD, LEARNED, SILVER
from contracts.shop.segments import parse
from jobs.glue.layers.frames import keys_of, of_keys, settled, table
from jobs.glue.layers.manifest import LayerWork
from jobs.glue.layers.table_change import TableChange
from jobs.glue.shop import gold_checks
from jobs.glue.shop.customer_analytics import SCORE, customer_analytics, newest_scores
from jobs.glue.shop.ml_features import ml_features
from jobs.glue.shop.sales_summary import sales_summary
from jobs.glue.storage import Storage

ANALYTICS, SUMMARY, FEATURES = "customer_analytics", "sales_summary", "ml_features"
CUSTOMERS, FACTS = "dim_customers", "fact_orders"
PREDICTIONS = "churn_predictions"
_CUSTOMER, _DAY = "customer_key", "analysis_date"


class GoldRun:
    def __init__(self, spark: SparkSession, storage: Storage, work: LayerWork) -> None:
        self.spark = spark
        self.storage = storage
        self.work = work
        self.figures: dict[str, Any] = {"tables": {}, "checks": [], "rows": {}}

    def run(self) -> dict[str, Any]:
        self._sales_summary()
        self._customer_analytics()
        self._ml_features()
        self.figures["checks"] += gold_checks.totals(
            self._table_of(SILVER, FACTS), *(self._after(name) for name in (SUMMARY, ANALYTICS))
        )
        return self.figures

    def _sales_summary(self) -> None:
        days = None
        if not self.work.tables[SUMMARY].is_whole:
            days = keys_of(self._differing(FACTS, SUMMARY), ["order_date"])
        rows = self._facts if days is None else of_keys(self._facts, days, ["order_date"])
        self._apply(SUMMARY, sales_summary(rows), days, ["order_date"])

    def _customer_analytics(self) -> None:
        scores = settled(newest_scores(self._table_of(LEARNED, PREDICTIONS), self.work.analysis_date))
        keys = self._customers_that_differ(ANALYTICS, self._scored_otherwise(scores))
        segments = parse(self.work.parameters["segments"])
        computed = customer_analytics(*self._of(keys), scores, segments, self.work.analysis_date)
        self._apply(ANALYTICS, computed, keys, [_CUSTOMER])

    def _ml_features(self) -> None:
        """The rows of earlier days of analysis stay: they are what was known then."""
        keys, day = self._customers_that_differ(FEATURES), F.lit(self.work.analysis_date).alias(_DAY)
        computed = ml_features(*self._of(keys), self.work.analysis_date)
        by = [_DAY] if keys is None else [_CUSTOMER, _DAY]
        of_day = self.spark.range(1).select(day) if keys is None else keys.select("*", day)
        self._apply(FEATURES, computed, of_day, by)

    def _apply(self, name: str, computed: DataFrame, keys: DataFrame | None, by: Sequence[str]) -> None:
        computed = settled(computed)
        change = TableChange(self.spark, self.storage, GOLD[name], self.work.tables[name]).apply(
            computed, keys, by, GOLD[name].key
        )
        self.figures["tables"][name] = change.figures
        self.figures["rows"][f"{name}_added"] = change.figures["rows_added"]
        self.figures["checks"] += gold_checks.findings(name, computed)

    def _of(self, keys: DataFrame | None) -> tuple[DataFrame, DataFrame]:
        """The orders and the history of some customers; of all if None."""
        if keys is None:
            return self._facts, self._customers
        return of_keys(self._facts, keys, [_CUSTOMER]), of_keys(self._customers, keys, [_CUSTOMER])

    def _customers_that_differ(self, name: str, others: DataFrame | None = None) -> DataFrame | None:
        """Of whom rows of silver came or went since the table was computed, and `others`. None if all may differ."""
        if self.work.tables[name].is_whole:
            return None
        found = [self._differing(source, name).select(_CUSTOMER) for source in (FACTS, CUSTOMERS)]
        if others is not None:
            found.append(others)
        return keys_of(reduce(DataFrame.union, found), [_CUSTOMER])

    def _scored_otherwise(self, scores: DataFrame) -> DataFrame | None:
        """The customers whose score is not the one that the table has. None if no scoring came or went since."""
        delta = self.work.tables[ANALYTICS].deltas[PREDICTIONS]
        if not (delta.added or delta.removed):
            return None
        shown = table(self.spark, GOLD[ANALYTICS], self.work.tables[ANALYTICS].files)
        known = shown.select(_CUSTOMER, F.col(SCORE).alias("__known"))
        both = known.join(scores, _CUSTOMER, "full_outer")
        return both.where(f"NOT __known <=> {SCORE}").select(_CUSTOMER)

    def _differing(self, source: str, name: str) -> DataFrame:
        """The rows of a source that came or went since the table was computed. Rows that were only written again did not."""
        delta = self.work.tables[name].deltas[source]
        signed = [
            table(self.spark, SILVER[source], files).withColumn("__sign", F.lit(sign))
            for files, sign in ((delta.added, 1), (delta.removed, -1))
        ]
        columns = [quoted(column) for column in SILVER[source].names]
        counted = signed[0].union(signed[1]).groupBy(*columns).agg(F.sum("__sign").alias("__sign"))
        return counted.where("__sign != 0").drop("__sign")

    @cached_property
    def _facts(self) -> DataFrame:
        return self._table_of(SILVER, FACTS)

    @cached_property
    def _customers(self) -> DataFrame:
        return self._table_of(SILVER, CUSTOMERS)

    def _table_of(self, contracts: Any, name: str) -> DataFrame:
        return table(self.spark, contracts[name], self.work.sources[name])

    def _after(self, name: str) -> DataFrame:
        """A table as it will be once its change is published."""
        change = self.figures["tables"][name]
        files = {*self.work.tables[name].files, *change["added"]} - set(change["removed"])
        return table(self.spark, GOLD[name], sorted(files))
