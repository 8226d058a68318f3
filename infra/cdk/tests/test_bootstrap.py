"""The limits that the bootstrap sets (bootstrap/policies.yaml): enough for our stacks, as AWS's own schemas of their
resources say, and no way around them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cfnlint
import pytest
from highwater_infra.boundary import BOUNDARY
from highwater_infra.grants import Policy, policies
from highwater_infra.resolved import resolved

if TYPE_CHECKING:
    from tests.conftest import Templates

HERE = "ap-southeast-1:123456789012"
IAM = "arn:aws:iam::123456789012"
WITHIN = f"{IAM}:policy/{BOUNDARY}"
EXECUTION = policies()["cdk-highwater-execution"]
AT_MOST = policies()[BOUNDARY]
SCHEMAS = Path(cfnlint.__file__).parent / "data" / "schemas" / "resources"
# What AWS's handlers of our types ask for and do not get, by the reason. A new type of resource makes this list longer, or
# the policy.
WITHHELD = {
    "users and groups, and roles without the boundary": {
        "iam:AttachGroupPolicy", "iam:AttachUserPolicy", "iam:DeleteGroupPolicy", "iam:DeleteRolePermissionsBoundary",
        "iam:DeleteUserPolicy", "iam:DetachGroupPolicy", "iam:DetachUserPolicy", "iam:GetGroupPolicy", "iam:GetUserPolicy",
        "iam:PutGroupPolicy", "iam:PutUserPolicy",
    },
    "data: rows, objects, log lines": {
        "dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query",
        "dynamodb:Scan", "dynamodb:UpdateItem", "kinesis:DescribeStream", "kinesis:PutRecords", "logs:CreateLogStream",
        "logs:PutLogEvents", "s3:DeleteObject", "s3:GetObjectMetadata", "s3:PutObjectAcl", "s3:REST.PUT.OBJECT",
    },
    "data handed on: replicas, imports, streams, restored databases": {
        "dynamodb:AssociateTableReplica", "dynamodb:CreateTableReplica", "dynamodb:DeleteResourcePolicy",
        "dynamodb:DescribeImport", "dynamodb:DisableKinesisStreamingDestination",
        "dynamodb:EnableKinesisStreamingDestination", "dynamodb:ImportTable", "dynamodb:PutResourcePolicy",
        "dynamodb:UpdateKinesisStreamingDestination", "firehose:TagDeliveryStream", "rds:CreateDBInstanceReadReplica",
        "rds:PromoteReadReplica", "rds:RestoreDBInstanceFromDBSnapshot", "rds:RestoreDBInstanceToPointInTime",
        "rds:StartDBInstanceAutomatedBackupsReplication", "rds:StopDBInstanceAutomatedBackupsReplication",
        "s3:CreateBucketMetadataTableConfiguration", "s3:UpdateBucketMetadataAnnotationTableConfiguration",
        "s3:UpdateBucketMetadataInventoryTableConfiguration", "s3:UpdateBucketMetadataJournalTableConfiguration",
        "s3tables:CreateNamespace", "s3tables:CreateTable", "s3tables:CreateTableBucket", "s3tables:GetTable",
        "s3tables:GetTableMetadataLocation", "s3tables:PutTableBucketPolicy", "s3tables:PutTableEncryption",
        "s3tables:PutTablePolicy", "s3tables:UpdateTableMetadataLocation",
        "secretsmanager:RemoveRegionsFromReplication", "secretsmanager:ReplicateSecretToRegions",
    },
    "what is watched is not switched off": {
        "CloudTrail:StopLogging", "kms:DisableKey", "logs:DeleteResourcePolicy", "logs:PutResourcePolicy",
        "ecs:PutAccountSetting", "ecs:PutAccountSettingDefault",
    },
    "for properties that our stacks do not set": {
        "CloudTrail:PutEventConfiguration", "CloudTrail:PutInsightSelectors", "autoscaling:DescribeTags",
        "billing:GetBillingViewData", "chatbot:AssociateToConfiguration", "chatbot:DisassociateFromConfiguration",
        "cognito-idp:DescribeUserPoolClient", "docdb-elastic:GetCluster", "ec2:AcceptAddressTransfer",
        "ec2:AttachVpnGateway", "ec2:CreateVpcEncryptionControl", "ec2:DetachVpnGateway", "ec2:ModifyVpcTenancy",
        "elasticloadbalancing:ModifyCapacityReservation", "elasticloadbalancing:ModifyIpPools", "glue:CreateConnection",
        "glue:DeleteConnection", "glue:GetConnection", "glue:PassConnection", "glue:UpdateConnection",
        "lakeformation:DescribeLakeFormationIdentityCenterConfiguration", "lakeformation:DescribeResource",
        "lakeformation:ListResources", "lambda:DeleteProvisionedConcurrencyConfig",
        "lambda:GetProvisionedConcurrencyConfig", "lambda:PutProvisionedConcurrencyConfig",
        "logs:PutBearerTokenAuthentication", "logs:PutLogGroupDeletionProtection", "organizations:DescribeOrganization",
        "organizations:ListAWSServiceAccessForOrganization", "redshift-serverless:GetNamespace",
        "redshift-serverless:ListWorkgroups", "redshift:DescribeClusters", "resource-groups:GetGroupQuery",
        "resource-groups:ListGroupResources", "resource-groups:ListGroups", "route53:CreateQueryLoggingConfig",
        "route53:DeleteQueryLoggingConfig", "route53:UpdateHostedZoneComment", "route53:UpdateHostedZoneFeatures",
        "sns:PutDataProtectionPolicy", "ssm:GetCalendarState", "vpc-lattice:CreateServiceNetworkVpcEndpointAssociation",
        "vpc-lattice:DescribeServiceNetworkVpcEndpointAssociation", "vpce:AllowMultiRegion",
    },
}  # fmt: skip
OF_A_SERVICE = "iam:CreateServiceLinkedRole"
# By type: which services may make a role of their own with the first of it.
SERVICES: dict[str, tuple[str, ...]] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": (
        "ecs.application-autoscaling.amazonaws.com", "sagemaker.application-autoscaling.amazonaws.com"
    ),
    "AWS::Chatbot::SlackChannelConfiguration": ("management.chatbot.amazonaws.com",),
    "AWS::ECS::Cluster": ("ecs.amazonaws.com",),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": ("elasticloadbalancing.amazonaws.com",),
    "AWS::RDS::DBInstance": ("rds.amazonaws.com",),
    "AWS::RDS::DBParameterGroup": ("rds.amazonaws.com",),
    "AWS::RDS::DBSubnetGroup": ("rds.amazonaws.com",),
    "AWS::SSM::Association": ("ssm.amazonaws.com",),
    # For an organisation's trail, replicas of a table, and flow logs that go elsewhere than to a log group: not ours.
    "AWS::CloudTrail::Trail": (),
    "AWS::DynamoDB::Table": (),
    "AWS::EC2::FlowLog": (),
}  # fmt: skip
# AWS's pages ask for it, the schema of the type does not.
UNSAID = {"AWS::ElasticLoadBalancingV2::LoadBalancer"}
# The action that makes it, what its ARN begins with, and the property that names it.
NAMED = {
    "AWS::CloudTrail::Trail": ("cloudtrail:CreateTrail", f"arn:aws:cloudtrail:{HERE}:trail/", "TrailName"),
    "AWS::DynamoDB::Table": ("dynamodb:CreateTable", f"arn:aws:dynamodb:{HERE}:table/", "TableName"),
    "AWS::ECR::Repository": ("ecr:PutLifecyclePolicy", f"arn:aws:ecr:{HERE}:repository/", "RepositoryName"),
    "AWS::ECS::Cluster": ("ecs:CreateCluster", f"arn:aws:ecs:{HERE}:cluster/", "ClusterName"),
    "AWS::ECS::Service": ("ecs:CreateService", f"arn:aws:ecs:{HERE}:service/highwater/", "ServiceName"),
    "AWS::Events::Rule": ("events:PutRule", f"arn:aws:events:{HERE}:rule/", "Name"),
    "AWS::Glue::Job": ("glue:CreateJob", f"arn:aws:glue:{HERE}:job/", "Name"),
    "AWS::IAM::ManagedPolicy": ("iam:CreatePolicy", f"{IAM}:policy/", "ManagedPolicyName"),
    "AWS::IAM::Role": ("iam:CreateRole", f"{IAM}:role/", "RoleName"),
    "AWS::Logs::LogGroup": ("logs:CreateLogGroup", f"arn:aws:logs:{HERE}:log-group:", "LogGroupName"),
    "AWS::RDS::DBInstance": ("rds:CreateDBInstance", f"arn:aws:rds:{HERE}:db:", "DBInstanceIdentifier"),
    "AWS::S3::Bucket": ("s3:CreateBucket", "arn:aws:s3:::", "BucketName"),
    "AWS::SNS::Topic": ("sns:CreateTopic", f"arn:aws:sns:{HERE}:", "TopicName"),
    "AWS::SQS::Queue": ("sqs:CreateQueue", f"arn:aws:sqs:{HERE}:", "QueueName"),
    "AWS::SageMaker::FeatureGroup": (
        "sagemaker:CreateFeatureGroup", f"arn:aws:sagemaker:{HERE}:feature-group/", "FeatureGroupName"
    ),
    "AWS::SageMaker::ModelPackageGroup": (
        "sagemaker:CreateModelPackageGroup", f"arn:aws:sagemaker:{HERE}:model-package-group/", "ModelPackageGroupName"
    ),
    "AWS::SecretsManager::Secret": (
        "secretsmanager:CreateSecret", f"arn:aws:secretsmanager:{HERE}:secret:", "Name"
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def asked(prod: Templates, private: Templates, dev: Templates) -> dict[str, set[str]]:
    """By type of resource: what CloudFormation needs to create, read, change and delete it."""
    ours = {
        resource["Type"]
        for templates in (prod, private, dev)
        for template in templates.values()
        for resource in template.content["Resources"].values()
    }
    return {kind: actions for kind, actions in _handled() if kind in ours}


def _handled() -> Iterator[tuple[str, set[str]]]:
    for path in SCHEMAS.glob("*.json"):
        schema = json.loads(path.read_text())
        yield (
            schema["typeName"],
            {
                action
                for operation, handler in schema.get("handlers", {}).items()
                if operation != "list"
                for action in handler.get("permissions", [])
            },
        )


def _granted(action: str) -> bool:
    return EXECUTION.grants(
        action,
        PermissionsBoundary=WITHIN,
        PassedToService="glue.amazonaws.com",
        ViaService="dynamodb.ap-southeast-1.amazonaws.com",
    )


def test_cloudformation_may_do_what_each_type_of_our_resources_needs(asked: dict[str, set[str]]) -> None:
    assert len(asked) > 50
    refused = {action for actions in asked.values() for action in actions if not _granted(action)}
    assert refused - {OF_A_SERVICE} == set().union(*WITHHELD.values())


def test_cloudformation_may_have_a_service_make_its_own_role(asked: dict[str, set[str]]) -> None:
    asking = {kind for kind, actions in asked.items() if OF_A_SERVICE in actions}
    assert asking == SERVICES.keys() - UNSAID
    assert asked.keys() >= UNSAID
    refused = [
        service
        for services in SERVICES.values()
        for service in services
        if not EXECUTION.grants(
            OF_A_SERVICE, f"{IAM}:role/aws-service-role/{service}/x", AWSServiceName=service
        )
    ]
    assert refused == []


@pytest.mark.parametrize("action", ["rds:CreateDBInstance", "rds:ModifyDBInstance"])
@pytest.mark.parametrize("used", ["db:{ours}", "og:default:postgres-17", "pg:{ours}", "subgrp:{ours}"])
def test_the_database_is_made_with_all_that_it_uses(private: Templates, action: str, used: str) -> None:
    """Its groups have no names: they begin with their stack's. Its options are RDS's own."""
    (database,) = private["highwater-server"].properties("AWS::RDS::DBInstance")
    assert "OptionGroupName" not in database
    assert EXECUTION.grants(action, f"arn:aws:rds:{HERE}:{used.format(ours='highwater-server-made')}")


def test_cloudformation_may_make_our_resources_under_their_names(
    prod: Templates, private: Templates, dev: Templates
) -> None:
    """What has no name gets one that begins with its stack's."""
    refused = [
        (stack, action, arn + name)
        for templates in (prod, private, dev)
        for stack, template in templates.items()
        for kind, (action, arn, field) in NAMED.items()
        for properties in template.properties(kind)
        if (name := _begins(properties.get(field, f"{stack}-made")))
        and not EXECUTION.grants(action, f"{arn}{name}x", PermissionsBoundary=WITHIN)
    ]
    assert refused == []


def _begins(name: Any) -> str:
    return name if isinstance(name, str) else str(name["Fn::Join"][1][0])


@pytest.mark.parametrize(
    ("action", "resource", "context"),
    [
        ("iam:CreateRole", f"{IAM}:role/highwater-x", {}),
        ("iam:CreateRole", f"{IAM}:role/highwater-x", {"PermissionsBoundary": f"{IAM}:policy/mine"}),
        ("iam:CreateRole", f"{IAM}:role/mine", {"PermissionsBoundary": WITHIN}),
        ("iam:PutRolePolicy", f"{IAM}:role/highwater-x", {}),
        ("iam:AttachRolePolicy", f"{IAM}:role/highwater-x", {}),
        ("iam:PutRolePolicy", f"{IAM}:role/cdk-hnb659fds-cfn-exec-role", {"PermissionsBoundary": WITHIN}),
        ("iam:UpdateAssumeRolePolicy", f"{IAM}:role/cdk-hnb659fds-cfn-exec-role", {}),
        ("iam:DeleteRolePermissionsBoundary", f"{IAM}:role/highwater-x", {"PermissionsBoundary": WITHIN}),
        ("iam:PutRolePermissionsBoundary", f"{IAM}:role/highwater-x", {"PermissionsBoundary": f"{IAM}:policy/mine"}),
        ("iam:CreatePolicyVersion", WITHIN, {}),
        ("iam:DeletePolicy", f"{IAM}:policy/cdk-highwater-execution", {}),
        ("iam:PassRole", f"{IAM}:role/highwater-x", {"PassedToService": "ec2.amazonaws.com"}),
        ("iam:PassRole", f"{IAM}:role/cdk-hnb659fds-cfn-exec-role", {"PassedToService": "glue.amazonaws.com"}),
        (OF_A_SERVICE, None, {"AWSServiceName": "elasticbeanstalk.amazonaws.com"}),
        ("iam:CreateOpenIDConnectProvider", f"{IAM}:oidc-provider/somebody.example.com", {}),
        ("iam:CreateUser", None, {}),
        ("iam:CreateAccessKey", None, {}),
        ("iam:CreateLoginProfile", None, {}),
        ("s3:GetObject", "arn:aws:s3:::highwater-lake-1/curated/x", {}),
        ("s3:PutBucketPolicy", "arn:aws:s3:::cdk-hnb659fds-assets-123456789012-ap-south-1", {}),
        ("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{HERE}:secret:highwater/snowflake-abcdef", {}),
        ("kms:Decrypt", None, {}),
        ("ec2:RunInstances", None, {}),
        ("lambda:CreateFunction", None, {}),
        ("sts:AssumeRole", None, {}),
        ("organizations:LeaveOrganization", None, {}),
    ],
)  # fmt: skip
def test_cloudformation_may_not(action: str, resource: str | None, context: dict[str, str]) -> None:
    assert not EXECUTION.grants(action, resource, **context)


def test_every_role_is_held_by_the_boundary(prod: Templates, private: Templates, dev: Templates) -> None:
    held = [
        role.get("PermissionsBoundary")
        for templates in (prod, private, dev)
        for template in templates.values()
        for role in template.properties("AWS::IAM::Role")
    ]
    assert len(held) > 40
    boundary = {
        "Fn::Join": [
            "",
            ["arn:", {"Ref": "AWS::Partition"}, ":iam::", {"Ref": "AWS::AccountId"}, f":policy/{BOUNDARY}"],
        ]
    }
    assert [other for other in held if other != boundary] == []


def test_the_boundary_leaves_each_role_what_its_own_policy_gives_it(
    prod: Templates, private: Templates, dev: Templates
) -> None:
    given = {
        (action, resource)
        for templates in (prod, private, dev)
        for template in templates.values()
        for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
        for policy in template.properties(kind)
        for statement in policy["PolicyDocument"]["Statement"]
        for action in _listed(statement["Action"])
        for resource in _listed(resolved(statement["Resource"]))
    }
    assert len(given) > 400
    assert [use for use in sorted(given) if not AT_MOST.grants(*use)] == []


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("iam:CreateRole", None),
        ("iam:PutRolePolicy", None),
        ("iam:CreateAccessKey", None),
        ("iam:PassRole", f"{IAM}:role/cdk-hnb659fds-cfn-exec-role"),
        ("sts:AssumeRole", f"{IAM}:role/administrator"),
        ("s3:PutBucketPolicy", None),
        ("s3:GetObject", "arn:aws:s3:::somebody-elses/x"),
        ("kms:PutKeyPolicy", None),
        ("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{HERE}:secret:other-abcdef"),
        ("ecr:BatchGetImage", "arn:aws:ecr:ap-southeast-1:999999999999:repository/somebody-elses"),
        ("ec2:RunInstances", None),
        ("cloudformation:CreateStack", None),
    ],
)
def test_no_role_may(action: str, resource: str | None) -> None:
    assert not AT_MOST.grants(action, resource)


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
@pytest.mark.parametrize("policy", [EXECUTION, AT_MOST], ids=["execution", "boundary"])
def test_a_policy_is_no_longer_than_iam_takes(policy: Policy, partition: str) -> None:
    """In the region with the longest name that is filled in: 6,144 characters without spaces."""
    assert _length(policy.document, partition) <= 6_144


@pytest.mark.parametrize("policy", [EXECUTION, AT_MOST], ids=["execution", "boundary"])
def test_a_policy_has_room_for_what_the_next_type_of_resource_needs(policy: Policy) -> None:
    """It can't be split: CloudFormation's role has it as its boundary too, of which a role has one."""
    assert _length(policy.document, "aws") <= 6_144 - 300


def _length(document: dict[str, Any], partition: str) -> int:
    return len(json.dumps(document, separators=(",", ":")).replace("arn:aws:", f"arn:{partition}:"))
