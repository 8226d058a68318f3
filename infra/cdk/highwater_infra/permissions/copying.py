"""What S3 may do to copy objects of our buckets to another region."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aws_cdk import Aws

from deployments import names
from highwater_infra.buckets import bucket_arn
from highwater_infra.permissions.statement import Statement

_ALL: Final = "S3 copies whatever comes below the prefixes of its rules; the bucket is the boundary"


def alias_arn(region: str) -> str:
    return f"arn:{Aws.PARTITION}:kms:{region}:{Aws.ACCOUNT_ID}:alias/{names.COPIES}"


def copy_arn(name: str, region: str) -> str:
    """Of the bucket that bootstrap/copies.yaml makes. Our stacks' permissions do not match its name."""
    return bucket_arn(f"cdk-{name}-copy", region)


def replication(key_arn: str, region: str, buckets: Sequence[str]) -> list[Statement]:
    """ListBucket knows no prefix here: S3 lists versions for itself, and names none."""
    copies = [copy_arn(name, region) for name in buckets]
    return [
        Statement(["s3:GetReplicationConfiguration", "s3:ListBucket"], [bucket_arn(n) for n in buckets]),
        Statement(
            ["s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging"],
            [f"{bucket_arn(name)}/*" for name in buckets],
            because=_ALL,
        ),
        Statement(["s3:ReplicateObject", "s3:ReplicateTags"], [f"{copy}/*" for copy in copies], because=_ALL),
        Statement(
            ["kms:Decrypt"],
            [key_arn],
            {
                "StringEquals": {
                    "kms:ViaService": f"s3.{Aws.REGION}.amazonaws.com",
                    "kms:EncryptionContext:aws:s3:arn": [bucket_arn(name) for name in buckets],
                }
            },
        ),
        Statement(
            ["kms:Encrypt", "kms:GenerateDataKey"],
            [f"arn:{Aws.PARTITION}:kms:{region}:{Aws.ACCOUNT_ID}:key/*"],
            {
                "ForAnyValue:StringEquals": {"kms:ResourceAliases": f"alias/{names.COPIES}"},
                "StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"},
            },
            because="AWS numbers the key of the other region; the condition holds it to the one with our alias",
        ),
    ]
