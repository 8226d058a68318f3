"""The retail inbox as a test sees it: put files, run the flow, compare ends."""

from __future__ import annotations

import json
from typing import Any

from prefect.client.schemas.objects import State

from flows.retail_inbox import retail_inbox
from tasks.inbox import arrivals
from tasks.services import aws
from tests.e2e.world import World, comparable
from tests.warehouse.retail.inbox import TABLES

BUCKET = "highwater-inbox"
SALES_HEADER = "store_token,transaction_id,receipt_token,transaction_time,amount,user_role"
STORES_HEADER = "store_group;store_token;store_name"
# Versions and times are of S3's making: two uploads of the same never have them alike.
_OF_THE_UPLOAD = {"VERSION_ID", "RECEIVED_AT", "LOAD_ID", "LOADED_AT", "FINISHED_AT", "RUN_ID"}


def put(name: str, *lines: str, header: str = SALES_HEADER) -> str:
    body = "\n".join([header, *lines, ""]).encode()
    return put_bytes(name, body)


def put_bytes(name: str, body: bytes) -> str:
    return aws.s3().put_object(Bucket=BUCKET, Key=f"inbox/{name}", Body=body)["VersionId"]


def sale(store: str, number: int, amount: str, day: str = "2025-01-11") -> str:
    return f"{store},T{number},R{number // 2},{day}T10:00:00,{amount},cashier"


def sweep(keys: list[str] | None = None, **how: Any) -> State[Any]:
    return retail_inbox(keys=keys, **how, return_state=True)  # type: ignore[call-overload,no-any-return]


def keys(prefix: str = "") -> list[str]:
    """The objects that the bucket shows, without older versions, and without the lists of arrivals."""
    found = aws.s3().list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    return [item["Key"] for item in found if not item["Key"].startswith(f"{arrivals.FOLDER}/")]


def moved() -> list[str]:
    """What the lists of arrivals say: where the versions of each file lie."""
    return sorted({f"{each.source_file} -> {each.history_file}" for each in arrivals.recorded()})


def sidecar(name: str) -> dict[str, Any]:
    body = aws.s3().get_object(Bucket=BUCKET, Key=f"inbox/{name}.error.json")["Body"].read()
    return dict(json.loads(body))


def files(world: World) -> dict[str, tuple[Any, ...]]:
    """Status, records, header lines, rows loaded, rows quarantined, blank lines, by name."""
    columns = "status, records, header_lines, rows_loaded, rows_quarantined, blank_lines"
    rows = world.sql(
        f"SELECT source_file, {columns} FROM MONITORING.INBOX_FILES ORDER BY received_at, source_file"
    )
    return {row.pop("SOURCE_FILE").removeprefix("inbox/"): tuple(row.values()) for row in rows}


def state(world: World) -> dict[str, list[str]]:
    tables = {
        name: comparable(
            [
                {column: value for column, value in row.items() if column not in _OF_THE_UPLOAD}
                for row in world.sql(f"SELECT * FROM {name}")
            ]
        )
        for name in TABLES
    }
    return tables | {"bucket": keys(), "arrivals": moved()}


def empty(world: World) -> None:
    bucket = aws.s3()
    found = bucket.list_object_versions(Bucket=BUCKET)
    for item in [*found.get("Versions", []), *found.get("DeleteMarkers", [])]:
        bucket.delete_object(Bucket=BUCKET, Key=item["Key"], VersionId=item["VersionId"])
    for name in TABLES:
        world.sql(f"DELETE FROM {name}")
