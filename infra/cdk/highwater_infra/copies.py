"""A copy in another region of what cannot be made again: deliveries, bronze, forecasts and scores.

It is made once the parameter CopyRegion names the region in which an administrator has deployed bootstrap/copies.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aws_cdk import Aws, CfnCondition, CfnParameter, Fn, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from deployments import names
from highwater_infra.optional import is_given
from highwater_infra.permissions import copying

COPIED: Final[Mapping[str, tuple[str, ...]]] = {
    names.LAKE: (
        "raw/",
        "mended/",
        f"{names.BRONZE}/",
        "ml/predictions/accepted/",
        "ml/predictions/data/",
        "ml/churn_predictions/data/",
    ),
    names.INBOX: ("inbox/", "history/"),
}
"""Curated tables, silver, gold and marts are computed from these. What is read once and deleted is not copied: its copy
would outlive it."""


def declare(stack: Stack, key_arn: str, buckets: Mapping[str, s3.Bucket]) -> None:
    region = CfnParameter(
        stack,
        "CopyRegion",
        default="",
        allowed_pattern=r"^$|^[a-z]{2}(-[a-z]+)+-\d$",
        description="the region with the buckets of bootstrap/copies.yaml; empty: nothing is copied",
    )
    given = CfnCondition(stack, "IsCopied", expression=is_given(region))
    role = iam.Role(
        stack,
        names.COPIES,
        role_name=names.COPIES,
        description="Highwater: S3 copies objects to another region",
        assumed_by=iam.ServicePrincipal("s3.amazonaws.com"),
    )
    for statement in copying.replication(key_arn, region.value_as_string, tuple(buckets)):
        statement.give_to(role)
    for child in role.node.find_all():
        if isinstance(child, (iam.CfnRole, iam.CfnPolicy)):
            child.cfn_options.condition = given
    for name, bucket in buckets.items():
        resource = bucket.node.default_child
        assert isinstance(resource, s3.CfnBucket)
        configuration = {
            "Role": role.role_arn,
            "Rules": [
                _rule(name, prefix, priority, region.value_as_string)
                for priority, prefix in enumerate(COPIED[name], start=1)
            ],
        }
        resource.add_property_override(
            "ReplicationConfiguration", Fn.condition_if(given.logical_id, configuration, Aws.NO_VALUE)
        )


def _rule(name: str, prefix: str, priority: int, region: str) -> dict[str, Any]:
    """Deletions are not copied: what somebody deletes here by mistake is still there."""
    return {
        "Id": prefix.strip("/").replace("/", "-"),
        "Priority": priority,
        "Status": "Enabled",
        "Filter": {"Prefix": prefix},
        "DeleteMarkerReplication": {"Status": "Disabled"},
        "SourceSelectionCriteria": {"SseKmsEncryptedObjects": {"Status": "Enabled"}},
        "Destination": {
            "Bucket": copying.copy_arn(name, region),
            "StorageClass": "STANDARD_IA",
            "EncryptionConfiguration": {"ReplicaKmsKeyID": copying.alias_arn(region)},
        },
    }
