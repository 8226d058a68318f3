"""The one key, and which services of AWS may use it on our behalf.

EventBridge is allowed a second time by CDK's target for topics: it names no account when it publishes to an encrypted
topic, so a condition on that (as the others have) would refuse it. What it may reach is said by the policies of topic and
queue.
"""

from __future__ import annotations

from aws_cdk import Aws, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

from deployments import names
from highwater_infra.permissions.statement import arn


def made(stack: Stack) -> kms.Key:
    key = kms.Key(
        stack,
        "Key",
        alias="alias/highwater",
        description="Everything that Highwater keeps",
        enable_key_rotation=True,
        removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    )
    publishing = (_publishing(service) for service in ("cloudwatch", "budgets", "events"))
    for statement in (*publishing, _logs(), *_trail()):
        key.add_to_resource_policy(statement)
    return key


def _publishing(service: str) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        sid=f"Publishing{service.title()}",
        principals=[iam.ServicePrincipal(f"{service}.amazonaws.com")],
        actions=["kms:Decrypt", "kms:GenerateDataKey"],
        resources=["*"],
        conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
    )


def _logs() -> iam.PolicyStatement:
    groups = f"arn:{Aws.PARTITION}:logs:{Aws.REGION}:{Aws.ACCOUNT_ID}:*"
    return iam.PolicyStatement(
        sid="Logs",
        principals=[iam.ServicePrincipal(f"logs.{Aws.REGION}.amazonaws.com")],
        actions=["kms:Decrypt", "kms:Encrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
        resources=["*"],
        conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
    )


def _trail() -> tuple[iam.PolicyStatement, iam.PolicyStatement]:
    """Without both the trail is refused when it is made."""
    principal = iam.ServicePrincipal("cloudtrail.amazonaws.com")
    ours = {"StringEquals": {"aws:SourceArn": arn("cloudtrail", f"trail/{names.TRAIL}")}}
    trails = f"arn:{Aws.PARTITION}:cloudtrail:*:{Aws.ACCOUNT_ID}:trail/*"
    return (
        iam.PolicyStatement(
            sid="TrailEncrypts",
            principals=[principal],
            actions=["kms:GenerateDataKey*"],
            resources=["*"],
            conditions={**ours, "StringLike": {"kms:EncryptionContext:aws:cloudtrail:arn": trails}},
        ),
        iam.PolicyStatement(
            sid="TrailLooks",
            principals=[principal],
            actions=["kms:DescribeKey"],
            resources=["*"],
            conditions=ours,
        ),
    )
