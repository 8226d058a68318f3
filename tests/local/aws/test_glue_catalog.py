"""Iceberg commits through the Glue catalog: VersionId is honoured, so no concurrent commit is lost."""

from __future__ import annotations

import datetime as dt
import io
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table import Table

from local.aws.server import REGION, LocalAws

WRITERS = 4
SCHEMA = pa.schema([("order_id", pa.string()), ("quantity", pa.int64()), ("order_date", pa.date32())])


@pytest.fixture(scope="module")
def catalog(aws: LocalAws) -> Catalog:
    keys = {"access-key-id": "local", "secret-access-key": "local", "region": REGION, "endpoint": aws.url}
    settings = {f"{service}.{key}": value for service in ("glue", "s3") for key, value in keys.items()}
    catalog = load_catalog("local", type="glue", **settings)
    catalog.create_namespace("curated", {"location": "s3://lake/curated"})
    return catalog


@pytest.fixture
def table(catalog: Catalog, request: pytest.FixtureRequest) -> Callable[..., Table]:
    def make(**properties: str) -> Table:
        name = request.node.originalname
        location = f"s3://lake/curated/{name}"
        return catalog.create_table(f"curated.{name}", SCHEMA, location=location, properties=properties)

    return make


def rows(writer: int, count: int = 10) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {"order_id": f"{writer}-{i}", "quantity": writer, "order_date": dt.date(2025, 1, 1 + writer)}
            for i in range(count)
        ],
        schema=SCHEMA,
    )


def put_parquet(s3: Any, key: str, data: pa.Table) -> str:
    body = io.BytesIO()
    pq.write_table(data, body)
    s3.put_object(Bucket="lake", Key=key, Body=body.getvalue())
    return f"s3://lake/{key}"


def append_at_once(catalog: Catalog, name: str) -> list[str]:
    """Every writer loads the table first; only then do all commit."""
    together = threading.Barrier(WRITERS)

    def append(writer: int) -> str:
        loaded = catalog.load_table(name)
        together.wait()
        try:
            loaded.append(rows(writer))
        except CommitFailedException:
            return "refused"
        return "committed"

    with ThreadPoolExecutor(WRITERS) as pool:
        return list(pool.map(append, range(WRITERS)))


def test_of_four_concurrent_commits_each_lands_or_is_refused(catalog: Catalog, table: Any) -> None:
    made = table(**{"commit.retry.num-retries": "0"})

    results = append_at_once(catalog, ".".join(made.name()))

    assert set(results) <= {"committed", "refused"}
    assert results.count("committed") >= 1
    landed = made.refresh().scan().to_arrow()
    expected = {writer for writer, result in enumerate(results) if result == "committed"}
    assert set(landed["quantity"].to_pylist()) == expected
    assert landed.num_rows == 10 * len(expected)
    assert len(made.snapshots()) == len(expected)


def test_with_retries_four_concurrent_commits_all_land(catalog: Catalog, table: Any) -> None:
    made = table(
        **{
            "commit.retry.num-retries": "20",
            "commit.retry.min-wait-ms": "20",
            "commit.retry.max-wait-ms": "200",
        }
    )

    assert append_at_once(catalog, ".".join(made.name())) == ["committed"] * WRITERS
    landed = made.refresh().scan().to_arrow()
    assert sorted(landed["order_id"].to_pylist()) == sorted(
        f"{w}-{i}" for w in range(WRITERS) for i in range(10)
    )


def test_a_stale_version_is_refused_and_the_table_unchanged(glue: Any, catalog: Catalog) -> None:
    del catalog
    glue.create_table(DatabaseName="curated", TableInput={"Name": "plain", "Parameters": {"at": "0"}})
    version = glue.get_table(DatabaseName="curated", Name="plain")["Table"]["VersionId"]

    def update(at: str, **more: Any) -> None:
        glue.update_table(
            DatabaseName="curated", TableInput={"Name": "plain", "Parameters": {"at": at}}, **more
        )

    update("1", VersionId=version, SkipArchive=True)
    with pytest.raises(glue.exceptions.ConcurrentModificationException):
        update("2", VersionId=version)

    found = glue.get_table(DatabaseName="curated", Name="plain")["Table"]
    assert found["Parameters"] == {"at": "1"}
    assert found["VersionId"] != version
    update("3")
    assert glue.get_table(DatabaseName="curated", Name="plain")["Table"]["Parameters"] == {"at": "3"}


def test_skip_archive_keeps_no_older_version(glue: Any, catalog: Catalog) -> None:
    del catalog
    glue.create_table(DatabaseName="curated", TableInput={"Name": "archived"})
    for skip in (False, True):
        glue.update_table(DatabaseName="curated", TableInput={"Name": "archived"}, SkipArchive=skip)

    versions = glue.get_table_versions(DatabaseName="curated", TableName="archived")["TableVersions"]
    assert [version["VersionId"] for version in versions] == ["1", "3"]


def test_of_two_that_create_one_table_one_is_refused(glue: Any, catalog: Catalog) -> None:
    del catalog
    together = threading.Barrier(8)

    def create(_: int) -> str:
        together.wait()
        try:
            glue.create_table(DatabaseName="curated", TableInput={"Name": "contended"})
        except glue.exceptions.AlreadyExistsException:
            return "refused"
        return "created"

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(create, range(8))) == ["created"] + ["refused"] * 7


def test_files_written_elsewhere_replace_a_days_in_one_commit(s3: Any, table: Any) -> None:
    made = table()
    first, second = (put_parquet(s3, f"curated/files/{writer}.parquet", rows(writer)) for writer in (1, 2))
    made.add_files([first, second], snapshot_properties={"run_id": "r1"})
    again = put_parquet(s3, "curated/files/1-again.parquet", rows(1, count=4))

    with made.transaction() as transaction:
        transaction.delete("order_date == '2025-01-02'")
        transaction.add_files([again], snapshot_properties={"run_id": "r2"})

    assert made.scan().to_arrow().num_rows == 14
    assert {task.file.file_path for task in made.scan().plan_files()} == {second, again}
    assert made.current_snapshot().summary["run_id"] == "r2"


def test_data_files_are_swapped_in_one_snapshot(s3: Any, table: Any) -> None:
    """What publish does: touched files out, published and survivors in, one commit."""
    made = table()
    old = put_parquet(s3, "curated/swap/old.parquet", rows(1))
    made.add_files([old])
    new = put_parquet(s3, "curated/swap/new.parquet", rows(2, count=3))
    (touched,) = (task.file for task in made.scan().plan_files())

    from pyiceberg.io.pyarrow import parquet_files_to_data_files

    with made.transaction() as transaction:
        added = list(parquet_files_to_data_files(made.io, transaction.table_metadata, iter([new])))
        with transaction.update_snapshot({"run_id": "r2"}).overwrite() as overwrite:
            overwrite.delete_data_file(touched)
            for data_file in added:
                overwrite.append_data_file(data_file)

    assert [task.file.file_path for task in made.scan().plan_files()] == [new]
    assert made.scan().to_arrow()["quantity"].to_pylist() == [2, 2, 2]
    assert len(made.snapshots()) == 2
