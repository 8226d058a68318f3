"""Findings of AwsSolutions and checkov that we keep, each with its reason; whatever else is found fails `make infra`.

Wildcards in policies have theirs beside the statement (permissions/).
"""

from __future__ import annotations

from typing import Final

from aws_cdk import Acknowledgment, CfnResource, Stack, Validations
from constructs import IConstruct

_PLAIN_SETTINGS = (
    "Names of buckets, tables and jobs: no secret. Secrets come from Secrets Manager by their ARN"
)
# stack -> path of the construct in it -> rule -> reason
ACKNOWLEDGED: Final[dict[str, dict[str, dict[str, str]]]] = {
    "highwater-lake": {
        "SnowflakeSecret": {
            "AwsSolutions-SMG4": "A key pair is rotated in Snowflake and here together, by a person: docs/operate.md"
        },
        "SnowflakeDeployerSecret": {
            "AwsSolutions-SMG4": "A key pair is rotated in Snowflake and here together, by a person: docs/operate.md"
        },
        "ShopSecret": {
            "AwsSolutions-SMG4": "A key pair is rotated in the source and here together, by a person: docs/operate.md"
        },
        "HashKeySecret": {
            "AwsSolutions-SMG4": "With another key all hashes change: it is replaced with a reload (docs/marketing.md)"
        },
        "PrefectSecret": {
            "AwsSolutions-SMG4": "Prefect gives API keys out by hand; docs/deploy.md says how one is replaced"
        },
        "AccessLogs/Resource": {"CKV_AWS_18": "It is the bucket of access logs: its own would never end"},
        "Trail/Resource": {"CKV_AWS_67": "It records the lake's objects, and the lake is in one region"},
    },
    "highwater-access": {
        "highwater-sagemaker/DefaultPolicy/Resource": {
            "CKV_AWS_109": "SageMaker needs ec2:DeleteNetworkInterfacePermission, which knows no resource; "
            "it takes a permission away and gives none"
        },
    },
    "highwater-orchestration": {
        "FlowRun/Resource": {"AwsSolutions-ECS2": _PLAIN_SETTINGS},
        "WorkerTask/Resource": {"AwsSolutions-ECS2": _PLAIN_SETTINGS},
        "InboxListenerTask/Resource": {"AwsSolutions-ECS2": _PLAIN_SETTINGS},
    },
    "highwater-server": {
        "People": {
            "AwsSolutions-EC23": "PeopleCidr takes no network wider than /8, and the load balancer is internal"
        },
        "ServerTask/Resource": {"AwsSolutions-ECS2": _PLAIN_SETTINGS},
        "DatabaseSecret/Resource": {
            "AwsSolutions-SMG4": "ECS reads it when the server starts: rotated unseen, the next restart would be the first "
            "to notice. docs/deploy.md has the two steps"
        },
        "Database/Resource": {
            "AwsSolutions-RDS11": "One security group may call it, whatever the port",
            "CKV_AWS_118": "Performance Insights and the exported log say what a database of this size is asked",
        },
    },
}


def declare(stack: Stack) -> None:
    for path, rules in ACKNOWLEDGED.get(stack.node.id, {}).items():
        construct: IConstruct = stack
        for part in path.split("/"):
            construct = construct.node.find_child(part)
        for rule, reason in rules.items():
            if rule.startswith("AwsSolutions-"):
                Validations.of(construct).acknowledge(
                    Acknowledgment(id=f"AwsSolutions::{rule}", reason=reason)
                )
        skipped = [
            {"id": rule, "comment": reason} for rule, reason in rules.items() if rule.startswith("CKV")
        ]
        if skipped:
            assert isinstance(construct, CfnResource)
            construct.add_metadata("checkov", {"skip": skipped})
