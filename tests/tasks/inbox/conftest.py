"""An inbox bucket in this process."""

from __future__ import annotations

import pytest

from tasks.services import aws

BUCKET = "highwater-inbox"


@pytest.fixture
def inbox(account: None) -> str:
    aws.s3().create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "ap-south-1"})
    aws.s3().put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return BUCKET
