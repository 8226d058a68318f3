from __future__ import annotations

from collections.abc import Iterator

import pytest

from tasks.lake import lake_tables
from tasks.services import aws
from tests.warehouse.shop.copied_lake import CopiedLake
from tests.warehouse.standin import Warehouse
from warehouse.load.shop.copies import COPIES


@pytest.fixture
def lake(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[CopiedLake]:
    for name, value in {
        "AWS_ENDPOINT_URL": warehouse.s3.meta.endpoint_url,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "ap-south-1",
    }.items():
        monkeypatch.setenv(name, value)
    cached = (aws.s3, aws.glue, aws.glue_once, lake_tables.catalog)
    for made in cached:
        made.cache_clear()
    namespaces = sorted({copy.namespace for copy in COPIES.values()})
    for namespace in namespaces:
        aws.glue().create_database(DatabaseInput={"Name": namespace})
    yield CopiedLake(warehouse)
    for namespace in namespaces:
        for table in lake_tables.tables_of(namespace):
            lake_tables.catalog().drop_table((namespace, table))
        aws.glue().delete_database(Name=namespace)
    for made in cached:
        made.cache_clear()
