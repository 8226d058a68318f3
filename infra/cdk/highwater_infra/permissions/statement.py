"""A statement of a policy together with its reason, by names rather than references: roles are made before what they use."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from aws_cdk import Acknowledgment, Aws, Stack, Validations
from aws_cdk import aws_iam as iam

from deployments import names
from highwater_infra.buckets import bucket_arn

EVERYTHING: Final = ("*",)
_TOKEN: Final = re.compile(r"\$\{Token\[[^\]]+\]\}")
SIX_CHARACTERS: Final = "Secrets Manager appends six characters of its own to a name"
IMAGE_LAYERS: Final = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")


@dataclass(frozen=True)
class Statement:
    actions: Sequence[str]
    resources: Sequence[str]
    conditions: Mapping[str, Mapping[str, str | Sequence[str]]] | None = None
    because: str = ""
    """Why a resource has a `*` or `?` in it. Without it AwsSolutions fails the synthesis, or tests/test_rules.py."""

    def give_to(self, holder: iam.Role | iam.ManagedPolicy) -> None:
        statement = iam.PolicyStatement(
            actions=sorted(self.actions),
            resources=list(self.resources),
            conditions=dict(self.conditions or {}),
        )
        if isinstance(holder, iam.ManagedPolicy):
            holder.add_statements(statement)
        else:
            holder.add_to_policy(statement)
        for resource in self.resources:
            if self.because and "*" in resource:
                Validations.of(holder).acknowledge(
                    Acknowledgment(
                        id=f"AwsSolutions::AwsSolutions-IAM5[Resource::{_as_found(resource, holder)}]",
                        reason=self.because,
                    )
                )


def _as_found(resource: str, holder: iam.Role | iam.ManagedPolicy) -> str:
    """A resource as cdk-nag writes it, with names of parameters where ours has tokens."""
    return _TOKEN.sub(lambda token: f"<{Stack.of(holder).resolve(token[0])['Ref']}>", resource)


def arn(service: str, resource: str) -> str:
    return f"arn:{Aws.PARTITION}:{service}:{Aws.REGION}:{Aws.ACCOUNT_ID}:{resource}"


def role_arn(name: str) -> str:
    return f"arn:{Aws.PARTITION}:iam::{Aws.ACCOUNT_ID}:role/{name}"


def objects(bucket: str, *prefixes: str) -> list[str]:
    return [f"{bucket_arn(bucket)}/{prefix}/*" for prefix in prefixes]


def listing(
    bucket: str, *prefixes: str, also: Sequence[str] = (), actions: Sequence[str] = ("s3:ListBucket",)
) -> Statement:
    """What lies below these prefixes, and what starts with one of `also` exactly.

    Whoever reads a prefix has to be allowed to list it: S3 says that an object is missing only to those who may list its key
    (which it takes for the prefix of a listing then), and to others that it is forbidden.
    """
    patterns = [*(f"{prefix}/*" for prefix in prefixes), *also]
    return Statement(actions, [bucket_arn(bucket)], {"StringLike": {"s3:prefix": patterns}})


def location(*buckets: str) -> Statement:
    return Statement(["s3:GetBucketLocation"], [bucket_arn(bucket) for bucket in buckets])


def use_of_key(key_arn: str) -> Statement:
    return Statement(["kms:Decrypt", "kms:GenerateDataKey"], [key_arn])


def key_of_disks(key_arn: str, *, through: str | None = None) -> Statement:
    """A job's disk is encrypted by EC2, which needs a grant on the key; the condition lets nobody else have one."""
    conditions: dict[str, dict[str, str]] = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    if through:
        conditions["StringEquals"] = {"kms:ViaService": f"{through}.{Aws.REGION}.amazonaws.com"}
    return Statement(["kms:CreateGrant"], [key_arn], conditions)


def decrypt(key_arn: str) -> Statement:
    return Statement(["kms:Decrypt"], [key_arn])


def pass_role(service: str, *roles: str) -> Statement:
    return Statement(
        ["iam:PassRole"],
        [role_arn(name) for name in roles],
        {"StringEquals": {"iam:PassedToService": f"{service}.amazonaws.com"}},
    )


def metrics(namespace: str) -> Statement:
    return Statement(
        ["cloudwatch:PutMetricData"],
        EVERYTHING,
        {"StringLike": {"cloudwatch:namespace": namespace}},
        because="PutMetricData knows no resource; the condition holds it to one namespace",
    )


def alerting() -> list[Statement]:
    """tasks/runs/alerts.py, but for its metric."""
    topics = (names.ALERTS, names.WARNINGS, names.CRITICAL)
    return [
        Statement(["sns:Publish"], [arn("sns", topic) for topic in topics]),
        Statement(["sns:ListTopics"], EVERYTHING, because="ListTopics knows no resource; it tells names"),
    ]


def registry_login() -> Statement:
    return Statement(
        ["ecr:GetAuthorizationToken"],
        EVERYTHING,
        because="GetAuthorizationToken knows no resource: it logs in to the registry, which images may be used is said "
        "per repository.",
    )


def tables_of(*databases: str) -> Statement:
    """The tables of the lake in these databases of the catalog: to look at, to make and to change."""
    catalog = ["catalog", *(f"database/{d}" for d in databases), *(f"table/{d}/*" for d in databases)]
    return Statement(
        ["glue:GetDatabase", "glue:GetTable", "glue:GetTables", "glue:CreateTable", "glue:UpdateTable"],
        [arn("glue", resource) for resource in catalog],
        because="one Iceberg table a dataset, made at its first publication; the database is the boundary",
    )
