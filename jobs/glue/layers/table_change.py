"""Bring a table up to date: compare what was computed anew with what it has, and write the rows that differ.

Files are never changed. A file that has a row which is no longer right is replaced: its other rows, the survivors, are
written again. So what is written follows the keys that changed and the files that they are in. All of the table is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from contracts.dialects.spark_literals import name
from contracts.dialects.spark_types import spark_type_of
from contracts.language.dataset import Dataset
from jobs.glue import parquet
from jobs.glue.errors import DataError
from jobs.glue.layers.frames import of_keys, schema, settled, table
from jobs.glue.layers.manifest import TableWork
from jobs.glue.storage import Storage

PUBLISHED, SURVIVORS = "published", "survivors"
ROWS_PER_FILE = 250_000
_FILE, _ROW, _WAS, _NOW = "__file", "__row", "__was", "__now"


@dataclass(frozen=True)
class Change:
    """What a run made of a table: `differing` has the rows that were (__was) and that are to be (__now)."""

    differing: DataFrame
    figures: dict[str, Any]

    def keys(self, *columns: str, seen: Sequence[str] = ()) -> DataFrame:
        """The distinct values of some columns in the rows that differ, before and after; in the `seen` columns, if given."""
        was, now = (
            F.struct(*(F.col(f"{side}.{name(column)}") for column in seen or columns))
            for side in (_WAS, _NOW)
        )
        differs = ~was.eqNullSafe(now) if seen else F.lit(True)
        both = (
            self.differing.where(differs)
            .select(F.explode(F.array(_WAS, _NOW)).alias("row"))
            .where("row IS NOT NULL")
        )
        return both.select(*(F.col(f"row.{name(column)}").alias(column) for column in columns)).distinct()


class TableChange:
    def __init__(self, spark: SparkSession, storage: Storage, dataset: Dataset, work: TableWork) -> None:
        self.spark = spark
        self.storage = storage
        self.dataset = dataset
        self.work = work

    def rows(self) -> DataFrame:
        """The table as it is, before this run."""
        return table(self.spark, self.dataset, self.work.files)

    def apply(
        self, computed: DataFrame, keys: DataFrame | None, by: Sequence[str], order: Sequence[str]
    ) -> Change:
        """Replace all rows of some keys by those that were computed for them; of all keys if `keys` is None.

        `by` are the columns of the keys, `order` those by which rows are laid together in files.
        """
        columns = self.dataset.names
        now = computed.select(self._row(), F.struct(*map(name, columns)).alias(_NOW))
        differing = self._were(keys, by).join(now, _ROW, "full_outer")
        differing = settled(differing.where(~F.col(_WAS).eqNullSafe(F.col(_NOW))))
        told = differing.agg(
            F.count(_NOW).alias("rows_added"),
            F.count(_WAS).alias("rows_removed"),
            F.count(F.lit(1)).alias("differing"),
            F.countDistinct(_ROW).alias("keys"),
            F.collect_set(_FILE).alias("files"),
        ).first()
        assert told is not None
        if told["differing"] != told["keys"]:
            raise DataError(
                f"{self.dataset.name}: rows with the same key {', '.join(self.dataset.key)} were computed"
            )
        touched = self._touched(told["files"])
        fresh = differing.where(f"{_NOW} IS NOT NULL").select(f"{_NOW}.*")
        self.storage.remove(self.work.output)
        if told["rows_added"] or not self.work.files:
            self._write(fresh, told["rows_added"], PUBLISHED, order)
        survived = self._survivors(touched, differing, order)
        return Change(
            differing,
            {
                "rows_added": told["rows_added"],
                "rows_removed": told["rows_removed"],
                "rows_survived": survived,
                "added": [file for folder in (PUBLISHED, SURVIVORS) for file in self._written(folder)],
                "removed": touched,
            },
        )

    def _row(self) -> Any:
        return F.to_json(F.struct(*map(name, self.dataset.key))).alias(_ROW)

    def _were(self, keys: DataFrame | None, by: Sequence[str]) -> DataFrame:
        columns = self.dataset.names
        if not self.work.files:
            nothing = f"{_ROW} string, {_WAS} struct<{_members(self.dataset)}>, {_FILE} string"
            return self.spark.createDataFrame([], nothing)
        old = self._with_files(self.work.files)
        old = of_keys(old, keys, by) if keys is not None else old
        return old.select(self._row(), F.struct(*map(name, columns)).alias(_WAS), _FILE)

    def _with_files(self, files: Sequence[str]) -> DataFrame:
        rows = parquet.scan(self.spark, files, schema(self.dataset))
        return rows.select("*", F.col("_metadata.file_path").alias(_FILE))

    def _touched(self, spelled: Sequence[str]) -> list[str]:
        """The files to replace, by their names in the manifest, which Spark may spell differently."""
        given = {s: path for path in self.work.files for s in self.storage.spellings(path)}
        return sorted({*(given[file] for file in spelled), *self.work.small})

    def _survivors(self, touched: Sequence[str], differing: DataFrame, order: Sequence[str]) -> int:
        if not touched:
            return 0
        gone = differing.where(f"{_WAS} IS NOT NULL").select(_ROW)
        rows = table(self.spark, self.dataset, touched).withColumn(_ROW, self._row())
        kept = settled(rows.join(gone, _ROW, "left_anti").drop(_ROW))
        count = kept.count()
        if count:
            self._write(kept, count, SURVIVORS, order)
        return count

    def _write(self, rows: DataFrame, count: int, folder: str, order: Sequence[str]) -> None:
        files = -(-count // ROWS_PER_FILE)
        laid = rows.repartitionByRange(files, *map(name, order)) if files > 1 else rows.coalesce(1)
        laid.sortWithinPartitions(*map(name, order)).write.mode("overwrite").parquet(
            f"{self.work.output}/{folder}"
        )

    def _written(self, folder: str) -> list[str]:
        return self.storage.parquet_files(f"{self.work.output}/{folder}")


def _members(dataset: Dataset) -> str:
    return ", ".join(f"{name(column.name)}: {spark_type_of(column.kind)}" for column in dataset.columns)
