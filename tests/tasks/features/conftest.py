"""The local cloud's AWS with the feature group of customers, an empty gold layer and rows for it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.dialects.arrow_types import arrow_type
from contracts.shop.ml_features import ML_FEATURES
from local import resources
from local.aws.server import READY_FILE, REGION
from local.aws_resources import create_bucket, create_feature_group
from local.settings import REPOSITORY
from tasks.features.feature_group import described
from tasks.lake import lake_tables
from tasks.services import aws
from tests.tasks.conftest import CLIENTS

DAY = date(2026, 11, 29)
SCHEMA = pa.schema([(column.name, arrow_type(column.kind)) for column in ML_FEATURES.columns])


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The local AWS in a process of its own, as its changes to moto are not for other tests. Gives its environment."""
    state = tmp_path_factory.mktemp("aws")
    options = (
        "--port",
        "0",
        "--state",
        str(state),
        "--offline-store-seconds",
        "0.2",
        "--spark-warm-jvms",
        "0",
    )
    server = subprocess.Popen([sys.executable, "-m", "local.aws", *options], cwd=REPOSITORY)
    deadline = time.monotonic() + 120
    ready = state / READY_FILE
    while not (ready.exists() and ready.read_text().endswith("\n")):
        assert server.poll() is None, "the local AWS ended"
        assert time.monotonic() < deadline, "the local AWS is not ready"
        time.sleep(0.1)
    yield {
        "AWS_ENDPOINT_URL": json.loads(ready.read_text())["url"],
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": REGION,
    }
    server.terminate()
    server.wait(timeout=30)


@pytest.fixture
def store(cloud: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The feature store of an account in which nothing was done yet. Gives the runtime's client."""
    for name, value in cloud.items():
        monkeypatch.setenv(name, value)
    _forget_clients()
    create_bucket(aws.s3(), resources.LAKE)
    aws.glue().create_database(
        DatabaseInput={"Name": "gold", "LocationUri": f"s3://{resources.LAKE.name}/gold"}
    )
    create_feature_group(aws.sagemaker(), resources.CUSTOMER_FEATURES)
    yield aws.feature_store()
    aws.sagemaker().delete_feature_group(FeatureGroupName=resources.CUSTOMER_FEATURES.name)
    for table in lake_tables.tables_of("gold"):
        aws.glue().delete_table(DatabaseName="gold", Name=table)
    aws.glue().delete_database(Name="gold")
    for item in aws.s3().list_objects_v2(Bucket=resources.LAKE.name).get("Contents", []):
        aws.s3().delete_object(Bucket=resources.LAKE.name, Key=item["Key"])
    _forget_clients()


def _forget_clients() -> None:
    for client in (*CLIENTS, aws.feature_store):
        client.cache_clear()
    lake_tables.catalog.cache_clear()


@pytest.fixture
def gold(store: Any) -> Callable[..., None]:
    """Replace the rows of gold.ml_features."""

    def write(rows: Sequence[Mapping[str, Any]]) -> None:
        table = lake_tables.load("gold", "ml_features") or lake_tables.catalog().create_table(
            ("gold", "ml_features"), SCHEMA
        )
        table.overwrite(pa.Table.from_pylist(list(rows), SCHEMA))

    return write


def row(customer: str = "c1", day: date = DAY, **values: Any) -> dict[str, Any]:
    """A row of gold.ml_features, in which a column without a value given is empty, or 0 where it must not be."""
    zero: dict[str, Any] = {"integer": 0, "decimal(18,2)": Decimal("0.00"), "boolean": False}
    empty = {
        column.name: zero.get(column.kind) if column.required else None for column in ML_FEATURES.columns
    }
    key = int.from_bytes(customer.encode()[-7:], "big")
    return {**empty, "customer_key": key, "customer_id": customer, "analysis_date": day, **values}


@pytest.fixture
def served(store: Any) -> Callable[[str], dict[str, str] | None]:
    def read(customer: str) -> dict[str, str] | None:
        found = store.get_record(
            FeatureGroupName=resources.CUSTOMER_FEATURES.name, RecordIdentifierValueAsString=customer
        )
        if "Record" not in found:
            return None
        return {value["FeatureName"]: value["ValueAsString"] for value in found["Record"]}

    return read


@pytest.fixture
def written(store: Any) -> Callable[[], list[dict[str, Any]]]:
    """The rows of the offline store by now."""

    def read() -> list[dict[str, Any]]:
        bucket, _, folder = described().location.removeprefix("s3://").partition("/")
        return [
            found
            for item in aws.s3().list_objects_v2(Bucket=bucket, Prefix=folder).get("Contents", [])
            for found in pq.read_table(
                io.BytesIO(aws.s3().get_object(Bucket=bucket, Key=item["Key"])["Body"].read())
            ).to_pylist()
        ]

    return read
