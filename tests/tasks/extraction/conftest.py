from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from local import resources
from local.aws_resources import create_table
from tasks.services import aws
from tests.local.snowflake.conftest import port
from tests.tasks.extraction.shop import Shop, opened

__all__ = ["port"]


@pytest.fixture(scope="module")
def aws_endpoint(server: str) -> str:
    """The source unloads to the lake's S3."""
    return server


@pytest.fixture
def shop(port: int, empty_lake: None, tmp_path: Path) -> Iterator[Shop]:
    create_table(aws.dynamodb(), resources.WATERMARKS)
    aws.glue().create_database(DatabaseInput={"Name": "bronze"})
    with closing(opened(port)) as connection:
        yield Shop(connection, tmp_path)
