"""Curate one dataset's slice: from raw files to files that an audit can check and a commit can publish.

The wide rows are read, validated, derived and written once. The steps after that work on small parts of the output: the
contested rows, the rejected rows, and the published files that a newer row touches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import reduce
from typing import Any

from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F

from contracts.dialects.spark_literals import literal, name
from contracts.language.dataset import Dataset
from jobs.glue import parquet, session
from jobs.glue.curation import figures, quarantine, reading, retraction, touched, versions
from jobs.glue.curation.derive import curated_columns, write_options
from jobs.glue.curation.figures import QUARANTINED, Figures
from jobs.glue.curation.manifest import Work
from jobs.glue.curation.versions import OUTCOME, PUBLISHED, REPLACED, STANDING
from jobs.glue.storage import Storage

PART, CONTESTED = "part", "contested"
SIGHTINGS = "sightings"
# Below, treating all keys as contested costs less than finding those that are.
FEW_ROWS = 100_000
# Every executor holds the hashes of contested keys: 16 bytes each, about 160 MB at most.
MANY_KEYS = 5_000_000
# Up to so many rows, keys are looked up in the bounds of published files. Beyond, all published keys are read.
KEYS_LOOKED_UP = 200_000
# Every executor holds the new keys, so that the rows to keep need no shuffle.
KEYS_SENT_ROUND = 1_000_000
_FATES = (PUBLISHED, versions.UNCHANGED, versions.SUPERSEDED, versions.OUTDONE, versions.REPEATED)


class Curation:
    def __init__(self, spark: SparkSession, storage: Storage, work: Work) -> None:
        self.spark = spark
        self.storage = storage
        self.work = work
        self.dataset: Dataset = work.dataset
        self.staging = work.staging
        self.looked_at: set[str] = set()

    def run(self) -> dict[str, Any]:
        for place in self.work.places.values():
            self.storage.remove(place)
        seen = self._sort_out()
        fates = Counter({PUBLISHED: seen[PUBLISHED], QUARANTINED: seen[QUARANTINED]})
        result = Figures(self.dataset, extra_columns=self.work.extra_columns)
        result.uncast = {column: seen[f"uncast {column}"] for column in self._castable()}
        spelled: set[str] = set()
        if seen[CONTESTED]:
            told = self._tell_apart(seen[CONTESTED])
            fates.update({fate: told[fate] for fate in _FATES})
            spelled.update(told["touched"])
        is_delivery = seen["read"] > 0 and not self.work.is_replay
        if self.dataset.is_whole and self.work.history and is_delivery:
            self.looked_at.update(file.path for file in retraction.of_dates(self.work))
            retracted, files = retraction.retract(self.spark, self.work, self.staging, PART)
            result.rows_retracted = retracted
            spelled.update(files)
        result.touched_files = self._given_names(spelled)
        result.rows_survivors = self._keep_survivors(result.touched_files)
        figures.reconcile(self.dataset.table, self.work.rows, fates, seen["read"])
        if seen[QUARANTINED]:
            result.reasons = self._quarantine()
        result.fates = self._fates_by_date() if self._several_dates() else {self.work.raw_dates[0]: fates}
        for file in self.work.inputs:
            if not file.replay:  # its rows have their own dates
                result.fates.setdefault(file.raw_date, Counter())  # a day without rows is audited too
        for folder in (f"{PART}/{PART}={PUBLISHED}", *self._newer()):
            files = self.storage.parquet_files(f"{self.staging}/{folder}")
            self.storage.move_into(files, f"{self.work.output}/published")
        self.storage.remove(self.staging)
        return result.document()

    def _sort_out(self) -> dict[str, int]:
        """The one wide pass: write each row to the folder of its preliminary outcome."""
        rows = reading.slice_frame(self.spark, self.storage, self.work)
        hashes = self._contested_hashes()
        rows = versions.is_contested(rows, hashes, self.dataset, CONTESTED)
        part = f"CASE WHEN size(reasons) > 0 THEN '{QUARANTINED}' WHEN {CONTESTED} THEN '{CONTESTED}' ELSE '{PUBLISHED}' END"
        columns = curated_columns(self.dataset, self.work.run_id)
        kept_aside = versions.marked(self.dataset) if self.work.is_replay else "kept_aside"
        columns["kept_aside"] = (
            f"CASE WHEN size(reasons) > 0 THEN {quarantine.ENVELOPE} ELSE {kept_aside} END"
        )
        seen = Observation()
        columns[PART] = part
        sorted_out = rows.selectExpr(
            *(f"{expression} AS {name(column)}" for column, expression in columns.items())
        )
        # Observed directly before the write: anywhere earlier, Spark would copy each row.
        sorted_out = sorted_out.observe(seen, *self._profile())
        self._write(self._by_month(sorted_out), PART)
        if hashes is not None:
            hashes.unpersist()
        return {measure: count or 0 for measure, count in seen.get.items()}

    def _write(self, rows: DataFrame, by: str) -> None:
        options = write_options(self.dataset)
        rows.write.mode("overwrite").options(**options).partitionBy(by).parquet(f"{self.staging}/{by}")

    def _by_month(self, rows: DataFrame) -> DataFrame:
        """Partition the output by one or two months per file, so that a later correction does not rewrite years."""
        months = len({day.replace(day=1) for day in self.work.raw_dates})
        return rows.repartition(months, F.expr("trunc(source_date, 'MM')")) if months > 1 else rows

    def _contested_hashes(self) -> DataFrame | None:
        if self.work.rows <= FEW_ROWS:
            return None
        keys = reading.slice_frame(self.spark, self.storage, self.work.of_keys_alone())
        history = self._history(keys.where("size(reasons) = 0"), self.work.rows)
        hashes = versions.contested(keys, history, self.dataset).persist()
        if hashes.count() <= MANY_KEYS:
            return hashes
        hashes.unpersist()
        return None

    def _history(self, valid: DataFrame, count: int) -> DataFrame | None:
        """Published rows of all files that may contain a key of these rows."""
        files = self.work.history
        if count <= KEYS_LOOKED_UP and any(file.bounds for file in files):
            files = tuple(touched.files(files, reading.keys_of(valid, self.dataset)))
        self.looked_at.update(file.path for file in files)
        return reading.history_frame(self.spark, self.work, files)

    def _profile(self) -> list[Any]:
        parts = [
            F.expr(f"sum(int({PART} = {literal(part)}))").alias(part)
            for part in (PUBLISHED, CONTESTED, QUARANTINED)
        ]
        uncast = [
            F.expr(
                f"sum(int(instr(kept_aside, '\"uncast\":') > 0 AND "
                f"get_json_object(kept_aside, '$.uncast.{column}') IS NOT NULL))"
            ).alias(f"uncast {column}")
            for column in self._castable()
        ]
        return [F.count(F.lit(1)).alias("read"), *parts, *uncast]

    def _castable(self) -> list[str]:
        delivered = {column for file in self.work.inputs for column in file.columns}
        return [column.name for column in self.dataset.optional if column.name in delivered]

    def _tell_apart(self, count: int) -> dict[str, Any]:
        """Decide the outcome of the contested rows. Of rows that are not published, only what is counted is kept."""
        rows = self.spark.read.parquet(f"{self.staging}/{PART}/{PART}={CONTESTED}")
        columns = rows.columns
        told = versions.told_apart(rows, self._history(rows, count), self.dataset)
        seen = Observation()
        measures = [F.expr(f"sum(int({OUTCOME} = {literal(fate)}))").alias(fate) for fate in _FATES]
        replaced = f"collect_set(CASE WHEN {OUTCOME} = '{REPLACED}' THEN {versions.PRIOR_FILE} END)"
        files = F.expr(f"concat_ws('\n', {replaced})")
        told = told.observe(seen, *measures, files.alias("touched"))
        if self._several_dates():
            told = told.where(f"{OUTCOME} NOT IN ('{REPLACED}', '{STANDING}')").selectExpr(
                *(self._if_published(column) for column in columns), OUTCOME
            )
            told = self._by_month(told)
        else:
            told = told.where(f"{OUTCOME} = '{PUBLISHED}'").select(*columns, OUTCOME)
        self._write(told, OUTCOME)
        found = seen.get
        return {**{fate: found[fate] or 0 for fate in _FATES}, "touched": found["touched"].splitlines()}

    def _if_published(self, column: str) -> str:
        if column == "source_date":
            return column
        return f"CASE WHEN {OUTCOME} = '{PUBLISHED}' THEN {name(column)} END AS {name(column)}"

    def _several_dates(self) -> bool:
        return self.work.is_replay or len(self.work.raw_dates) > 1

    def _newer(self) -> list[str]:
        """The folders with rows that replace published rows."""
        return [f"{OUTCOME}/{OUTCOME}={PUBLISHED}", retraction.FOLDER]

    def _given_names(self, spelled: Iterable[str]) -> list[str]:
        """The files by their names in the manifest, which Spark may spell differently."""
        given = {spelling: path for path in self.looked_at for spelling in self.storage.spellings(path)}
        return [given[spelling] for spelling in spelled]

    def _keep_survivors(self, touched_files: list[str]) -> int:
        """Write the rows of touched files that no newer row replaces again, because files are dropped as a whole.

        Each file is rewritten by itself: a single file would cover the keys of all of them, be touched by every later
        day, and grow each time.
        """
        if not touched_files:
            return 0
        spark = session.file_by_file(self.spark)
        folders = [f"{self.staging}/{folder}" for folder in self._newer()]
        newer = reduce(
            DataFrame.unionByName,
            (spark.read.parquet(folder) for folder in folders if self.storage.parquet_files(folder)),
        )
        files = parquet.scan(spark, touched_files, newer.schema)
        keys = newer.select(*self.dataset.key)
        if self.work.rows <= KEYS_SENT_ROUND:
            keys = F.broadcast(keys)
        survivors = files.join(keys, list(self.dataset.key), "left_anti").select(*newer.columns)
        seen = Observation()
        survivors.observe(seen, F.count(F.lit(1)).alias("rows")).write.mode("overwrite").parquet(
            f"{self.work.output}/survivors"
        )
        return int(seen.get["rows"])

    def _quarantine(self) -> figures.Tally:
        travelled = self.spark.read.parquet(f"{self.staging}/{PART}/{PART}={QUARANTINED}")
        folder = self.work.quarantine
        quarantine.write(quarantine.quarantined(travelled, self.work), folder)
        if self.dataset.load_sees_quarantine:
            sighted = quarantine.sighted(self.spark, folder, self.dataset)
            sighted.write.mode("overwrite").parquet(f"{self.work.output}/{SIGHTINGS}")
        written = self.spark.read.schema("raw_date date, reasons array<string>").parquet(folder)
        return figures.per_date(tuple(row) for row in quarantine.tally(written).collect())

    def _fates_by_date(self) -> figures.Tally:
        """Row counts by raw date, read from the one column of the written files that has the date."""

        def counted(by: str) -> DataFrame:
            rows = self.spark.read.schema(f"source_date date, {by} string").parquet(f"{self.staging}/{by}")
            return rows.selectExpr("source_date", f"{by} AS fate")

        folders = [by for by in (PART, OUTCOME) if self.storage.exists(f"{self.staging}/{by}")]
        counts = reduce(DataFrame.unionAll, map(counted, folders)).where(f"fate <> '{CONTESTED}'")
        rows = counts.groupBy("source_date", "fate").count().collect()
        return figures.per_date(tuple(row) for row in rows)
