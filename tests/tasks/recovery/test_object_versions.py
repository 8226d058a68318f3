"""An object that was deleted or overwritten comes back, and nothing of what was there meanwhile is lost."""

from __future__ import annotations

import pytest

from tasks.errors import DataError
from tasks.recovery import __main__ as recovery
from tasks.recovery.object_versions import restore
from tasks.services import aws

BUCKET = "highwater-lake"
KEY = "raw/sales/part-0.parquet"
ADDRESS = f"s3://{BUCKET}/{KEY}"


@pytest.fixture
def lake(account: None) -> None:
    aws.s3().put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})


def put(body: bytes, key: str = KEY) -> str:
    return aws.s3().put_object(Bucket=BUCKET, Key=key, Body=body)["VersionId"]


def body() -> bytes:
    return aws.s3().get_object(Bucket=BUCKET, Key=KEY)["Body"].read()


def test_a_deleted_object_is_its_last_version_again(lake: None) -> None:
    put(b"old")
    last = put(b"new")
    put(b"beside", f"{KEY}.2")
    aws.s3().delete_object(Bucket=BUCKET, Key=KEY)
    assert restore(ADDRESS) == last
    assert body() == b"new"


def test_an_overwritten_object_is_the_version_that_is_named(
    lake: None, capsys: pytest.CaptureFixture[str]
) -> None:
    good = put(b"good")
    bad = put(b"bad")
    with pytest.raises(DataError, match=f"Name the version with --version: {bad} .*, {good} "):
        restore(ADDRESS)
    assert body() == b"bad"
    assert recovery.main(["restore-object", ADDRESS, "--version", good]) == 0
    assert body() == b"good"
    assert capsys.readouterr().out == f"{ADDRESS} is its version {good} again\n"
    versions = aws.s3().list_object_versions(Bucket=BUCKET, Prefix=KEY)["Versions"]
    assert bad in [each["VersionId"] for each in versions]


@pytest.mark.parametrize(
    ("address", "version", "told"),
    [
        (f"s3://{BUCKET}/raw/nothing", None, "no version of it is left"),
        (ADDRESS, "strange", "has no version strange"),
    ],
)
def test_what_is_not_there_is_said(
    lake: None, capsys: pytest.CaptureFixture[str], address: str, version: str | None, told: str
) -> None:
    put(b"good")
    given = ["--version", version] if version else []
    assert recovery.main(["restore-object", address, *given]) == 1
    assert told in capsys.readouterr().err
