"""Bucket names that are unique in the world, and their ARNs."""

from __future__ import annotations

from aws_cdk import Aws


def bucket_name(name: str, region: str = Aws.REGION) -> str:
    """A bucket's name with the account and the region, since two accounts can't have buckets of one name."""
    return f"{name}-{Aws.ACCOUNT_ID}-{region}"


def bucket_arn(name: str, region: str = Aws.REGION) -> str:
    return f"arn:{Aws.PARTITION}:s3:::{bucket_name(name, region)}"
