"""The state of lake, warehouse and ledger: saved, put back, and compared. Putting back is faster than starting anew."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote
from urllib.request import Request, urlopen

from local import resources
from local.aws.checkpoints import PATH
from local.aws_resources import session
from local.settings import LocalSettings
from local.sql import connect
from tasks.lake import lake_tables
from tasks.leases import job_entry
from tests.e2e.world import comparable

_BUCKETS = tuple(bucket.name for bucket in resources.BUCKETS)
_NAMESPACES = tuple(database.name for database in resources.GLUE_DATABASES)
_SCHEMAS = ("CURATED", "DW", "MARTS", "ML_OUTPUTS", "MONITORING")
_SAVED = "FAULTS_SAVED"
_DRIFT = "MONITORING.MODEL_DRIFT"
_NEVER_WRITTEN = ("DW.DIM_DATE",)
_DAY_OF_RUN = ("LOAD_DATE",)  # another one, if midnight of the business day is between two runs
# Of a Glue table, what can be given when it is made again.
_TABLE_INPUT = (
    "Name",
    "StorageDescriptor",
    "PartitionKeys",
    "TableType",
    "Parameters",
    "Description",
    "Owner",
)
Table = tuple[str, str]


@dataclass(frozen=True)
class Saved:
    name: str
    objects: dict[tuple[str, str], tuple[str, bytes]]
    rows: dict[str, dict[str, Any]]
    tables: dict[Table, dict[str, Any]]
    warehouse: dict[str, int]


class CloudState:
    def __init__(self, settings: LocalSettings) -> None:
        aws, url = session(settings), settings.aws_url
        self._s3 = aws.client("s3", endpoint_url=url)
        self._glue = aws.client("glue", endpoint_url=url)
        self._dynamodb = aws.client("dynamodb", endpoint_url=url)
        self._sagemaker = aws.client("sagemaker", endpoint_url=url)
        self._connection = connect(settings)
        self._checkpoints = f"{url}{PATH}"

    # --- save and put back

    def save(self, name: str) -> Saved:
        """Only while no run is under way."""
        objects = {
            (bucket, key): (etag, self._s3.get_object(Bucket=bucket, Key=key)["Body"].read())
            for (bucket, key), etag in self._objects().items()
        }
        self._jobs_and_models("PUT", name)
        return Saved(name, objects, self._rows(), self._tables(), self._save_warehouse(name))

    def put_back(self, saved: Saved) -> None:
        self._put_back_objects(saved)
        self._put_back_rows(saved)
        self._put_back_tables(saved)
        self._put_back_warehouse(saved)
        # A job started in the trial before has the same tag: found by the next trial, it would be taken up.
        self._jobs_and_models("POST", saved.name)

    def _objects(self) -> dict[tuple[str, str], str]:
        return {
            (bucket, item["Key"]): item["ETag"]
            for bucket in _BUCKETS
            for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
            for item in page.get("Contents", [])
        }

    def _put_back_objects(self, saved: Saved) -> None:
        now = self._objects()
        for bucket in _BUCKETS:
            extra = [{"Key": key} for (where, key) in now.keys() - saved.objects.keys() if where == bucket]
            for first in range(0, len(extra), 1000):
                self._s3.delete_objects(
                    Bucket=bucket, Delete={"Objects": extra[first : first + 1000], "Quiet": True}
                )  # type: ignore[typeddict-item]
        for (bucket, key), (etag, body) in saved.objects.items():
            if now.get((bucket, key)) != etag:
                self._s3.put_object(Bucket=bucket, Key=key, Body=body)

    def _rows(self) -> dict[str, dict[str, Any]]:
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=resources.LEDGER.name)
        return {item["id"]["S"]: item for page in pages for item in page["Items"]}

    def _put_back_rows(self, saved: Saved) -> None:
        now = self._rows()
        for id_ in now.keys() - saved.rows.keys():
            self._dynamodb.delete_item(TableName=resources.LEDGER.name, Key={"id": {"S": id_}})
        for id_, item in saved.rows.items():
            if now.get(id_) != item:
                self._dynamodb.put_item(TableName=resources.LEDGER.name, Item=item)

    def _tables(self) -> dict[Table, dict[str, Any]]:
        return {
            (namespace, table["Name"]): {name: table[name] for name in _TABLE_INPUT if name in table}  # type: ignore[literal-required]
            for namespace in _NAMESPACES
            for page in self._glue.get_paginator("get_tables").paginate(DatabaseName=namespace)
            for table in page["TableList"]
        }

    def _put_back_tables(self, saved: Saved) -> None:
        now = self._tables()
        for (namespace, name), table in now.items():
            if saved.tables.get((namespace, name)) != table:
                self._glue.delete_table(DatabaseName=namespace, Name=name)
        for (namespace, name), table in saved.tables.items():
            if now.get((namespace, name)) != table:
                self._glue.create_table(DatabaseName=namespace, TableInput=table)  # type: ignore[arg-type]

    def _jobs_and_models(self, method: Literal["PUT", "POST"], name: str) -> None:
        with urlopen(Request(self._checkpoints + quote(name), method=method)):
            pass

    def forget_runs(self) -> None:
        """Of a run that was killed to get at the state that it had reached: no trial is to find its row."""
        for id_ in self._rows():
            if id_.startswith(("run/", "told/", "jobs/")):
                self._dynamodb.delete_item(TableName=resources.LEDGER.name, Key={"id": {"S": id_}})
        self._query("DELETE FROM HIGHWATER.MONITORING.PIPELINE_RUNS WHERE status = 'RUNNING'")

    # --- the warehouse

    def _query(self, statement: str) -> list[dict[str, Any]]:
        cursor = self._connection.cursor()
        cursor.execute(statement)
        names = [column.name for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall() if not isinstance(row, dict)]

    def warehouse_tables(self) -> list[str]:
        found = self._query(
            "SELECT table_schema AS S, table_name AS T FROM HIGHWATER.INFORMATION_SCHEMA.TABLES"
            " WHERE table_type = 'BASE TABLE' ORDER BY 1, 2"
        )
        names = [f"{row['S']}.{row['T']}" for row in found if row["S"] in _SCHEMAS]
        return [name for name in names if name not in _NEVER_WRITTEN]

    def _counts(self, tables: Iterable[str]) -> dict[str, int]:
        text = " UNION ALL ".join(
            f"SELECT '{name}' AS T, COUNT(*) AS N FROM HIGHWATER.{name}" for name in tables
        )
        return {row["T"]: row["N"] for row in self._query(text)}

    def _save_warehouse(self, name: str) -> dict[str, int]:
        self._query(f"CREATE SCHEMA IF NOT EXISTS HIGHWATER.{_SAVED}")
        counts = self._counts(self.warehouse_tables())
        for table in (table for table, count in counts.items() if count):
            copy = _copy_of(table, name)
            self._query(f"DROP TABLE IF EXISTS {copy}")
            self._query(f"CREATE TABLE {copy} AS SELECT * FROM HIGHWATER.{table}")
        return counts

    def close(self) -> None:
        self._query(f"DROP SCHEMA IF EXISTS HIGHWATER.{_SAVED} CASCADE")
        self._connection.close()

    def _put_back_warehouse(self, saved: Saved) -> None:
        now = self._counts(self.warehouse_tables())
        for table in now.keys() - saved.warehouse.keys():
            self._query(f"DROP TABLE IF EXISTS HIGHWATER.{table}")
        for table, count in saved.warehouse.items():
            if now.get(table):
                self._query(f"DELETE FROM HIGHWATER.{table}")
            if count:
                self._query(f"INSERT INTO HIGHWATER.{table} SELECT * FROM {_copy_of(table, saved.name)}")

    # --- compare

    def outcome(self) -> dict[str, list[str]]:
        """What must be the same however a run came to its end: without run ids and the times of clocks."""
        tables = self.warehouse_tables()
        rows = {
            name: comparable(self._query(f"SELECT * FROM HIGHWATER.{name}"), _DAY_OF_RUN)
            for name in tables
            if _is_result(name)
        }
        for namespace in (lake_tables.CURATED, lake_tables.QUARANTINE, "ml"):
            for _, name in lake_tables.catalog().list_tables(namespace):
                rows[f"{namespace}.{name}"] = _lake_rows(namespace, name)
        return {
            **rows,
            # Each check is on record by itself: what two of a day say is the same.
            _DRIFT: sorted(set(comparable(self._query(f"SELECT * FROM HIGHWATER.{_DRIFT}")))),
            "tables": tables,
            "last sums": comparable(self._query(_LAST_SUMS)),
            "runs that do not balance": comparable(self._query(_UNBALANCED)),
            "loads that miss a snapshot": self._not_loaded(),
            "open jobs": sorted(entry.id for entry in job_entry.open_jobs()),
            "jobs under way": self._jobs_under_way(),
            "models": self._models(),
        }

    def _not_loaded(self) -> list[str]:
        loaded = {
            (row["DATASET"], int(row["SNAPSHOT_ID"]))
            for row in self._query("SELECT dataset, snapshot_id FROM HIGHWATER.MONITORING.LOADS")
        }
        heads = {
            name: lake_tables.snapshot_id(lake_tables.load(lake_tables.CURATED, name))
            for _, name in lake_tables.catalog().list_tables(lake_tables.CURATED)
        }
        return sorted(name for name, head in heads.items() if head is not None and (name, head) not in loaded)

    def _jobs_under_way(self) -> list[str]:
        glue = [
            json.dumps([job.name, run["JobRunState"]])
            for job in resources.GLUE_JOBS
            for run in self._glue.get_job_runs(JobName=job.name)["JobRuns"]
            if run["JobRunState"] in ("STARTING", "RUNNING", "STOPPING")
        ]
        listed = (
            *self._sagemaker.list_training_jobs(StatusEquals="InProgress")["TrainingJobSummaries"],
            *self._sagemaker.list_processing_jobs(StatusEquals="InProgress")["ProcessingJobSummaries"],
            *self._sagemaker.list_transform_jobs(StatusEquals="InProgress")["TransformJobSummaries"],
        )
        return glue + [json.dumps(job, default=str) for job in listed]

    def _models(self) -> list[str]:
        found = self._sagemaker.list_model_packages(ModelPackageGroupName=resources.DEMAND_FORECAST.name)
        return sorted(
            f"{model['ModelPackageVersion']} {model['ModelApprovalStatus']}"
            for model in found["ModelPackageSummaryList"]
        )


def _lake_rows(namespace: str, name: str) -> list[str]:
    """A table whose files are gone is the worst of outcomes, not a failure of the comparison."""
    table = lake_tables.load(namespace, name)
    try:
        return comparable(table.scan().to_arrow().to_pylist()) if table else []
    except FileNotFoundError as error:
        return [f"cannot be read: {error}"]


def _is_result(table: str) -> bool:
    return not table.startswith("MONITORING.")


_LAST_SUMS = """SELECT run_date, dataset, rows_raw, rows_published, rows_superseded, rows_quarantined
FROM HIGHWATER.MONITORING.RUN_DATASETS WHERE status <> 'judged'
QUALIFY ROW_NUMBER() OVER (PARTITION BY run_date, dataset ORDER BY started_at DESC) = 1"""

_UNBALANCED = """SELECT dataset, run_date, status FROM HIGHWATER.MONITORING.RUN_DATASETS
WHERE rows_raw <> rows_published + rows_superseded + rows_quarantined"""


def _copy_of(table: str, name: str) -> str:
    return f"HIGHWATER.{_SAVED}.{name}__{table.replace('.', '__')}".upper()


def differences(expected: dict[str, list[str]], found: dict[str, list[str]]) -> list[str]:
    """Each thing that is not as expected, with the first rows that only one side has."""
    lines = []
    for name in sorted(expected.keys() | found.keys()):
        wanted, seen = expected.get(name, []), found.get(name, [])
        if wanted == seen:
            continue
        missing, extra = _without(wanted, seen), _without(seen, wanted)
        lines.append(f"{name}: {len(missing)} missing, {len(extra)} extra")
        lines += [f"  - {row[:300]}" for row in missing[:2]] + [f"  + {row[:300]}" for row in extra[:2]]
    return lines


def _without(rows: list[str], others: list[str]) -> list[str]:
    left = list(others)
    return [row for row in rows if not (row in left and (left.remove(row) or True))]  # type: ignore[func-returns-value]
