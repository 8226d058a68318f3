"""The VPC's default security group, which lets its members talk to each other and out: emptied, and emptied again each day.

AWS makes it with the VPC, and CloudFormation has no resource for the rules that it comes with. CDK's own way is a Lambda
function of CDK's, with a log group and a role for us to look after. State Manager runs AWS's runbook for this finding of
Security Hub instead, free of charge. A run that fails is seen there; the next day's tries again.
"""

from __future__ import annotations

from typing import Final

from aws_cdk import Aws, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_ssm as ssm

from deployments import names
from highwater_infra.permissions.statement import EVERYTHING, Statement, arn

_RUNBOOK: Final = "AWSConfigRemediation-RemoveVPCDefaultSecurityGroupRules"


def close(stack: Stack, vpc: ec2.Vpc) -> None:
    group = vpc.vpc_default_security_group
    role = iam.Role(
        stack,
        "DefaultGroupRole",
        role_name=names.DEFAULT_GROUP,
        description="Highwater: empties the VPC's default security group",
        assumed_by=iam.ServicePrincipal(
            "ssm.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
        ),
    )
    for statement in _permissions(group):
        statement.give_to(role)
    association = ssm.CfnAssociation(
        stack,
        "DefaultGroup",
        name=_RUNBOOK,
        association_name=names.DEFAULT_GROUP,
        parameters={"GroupId": [group], "AutomationAssumeRole": [role.role_arn]},
        schedule_expression="rate(1 day)",
        compliance_severity="HIGH",
    )
    # It runs at once, and needs more than the role itself.
    association.node.add_dependency(role)


def _permissions(group: str) -> list[Statement]:
    """As AWS's page of the runbook has them."""
    return [
        Statement(
            ["ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress"],
            [arn("ec2", f"security-group/{group}")],
        ),
        Statement(
            ["ec2:DescribeSecurityGroups"],
            EVERYTHING,
            because="DescribeSecurityGroups knows no resource; it tells rules",
        ),
        Statement(
            ["ssm:StartAutomationExecution"],
            [f"arn:{Aws.PARTITION}:ssm:{Aws.REGION}:*:automation-definition/{_RUNBOOK}:*"],
            because="the runbook is AWS's, in whichever version",
        ),
        Statement(
            ["ssm:GetAutomationExecution"],
            [arn("ssm", "automation-execution/*")],
            because="Systems Manager numbers executions",
        ),
    ]
