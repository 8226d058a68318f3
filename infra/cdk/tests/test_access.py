from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.roles import (
    NAME,
    actions_of,
    listed,
    named_by,
    places_of,
    policies_of,
    statements_of,
    statements_of_all,
)

if TYPE_CHECKING:
    from tests.conftest import Templates

# Actions for which AWS knows no resource.
NO_RESOURCE = {
    "cloudwatch:GetMetricData",
    "cloudwatch:PutMetricData",
    "ec2:DeleteNetworkInterfacePermission",
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
    "ecr:GetAuthorizationToken",
    "ecs:DescribeTaskDefinition",
    "ecs:ListTasks",
    "sagemaker:ListEndpointConfigs",
    "sagemaker:ListModelPackages",
    "sagemaker:ListModels",
    "sns:ListTopics",
}


def test_no_role_may_do_everything_of_a_service(prod: Templates) -> None:
    assert not [action for action in actions_of(statements_of_all(prod)) if "*" in action]


def test_a_star_stands_alone_only_where_aws_knows_no_resource(prod: Templates) -> None:
    alone = [s for s in statements_of_all(prod) if "*" in listed(s["Resource"])]
    assert actions_of(alone) == NO_RESOURCE


def test_no_managed_policy_is_attached(prod: Templates) -> None:
    roles = [role for template in prod.values() for role in template.properties("AWS::IAM::Role")]
    assert len(roles) >= 8
    assert not [role for role in roles if role.get("ManagedPolicyArns")]


def test_a_role_holds_no_more_than_iam_takes(prod: Templates) -> None:
    """10,240 characters inside a role, 6,144 in a policy beside it. What is too much CDK puts into one of its own naming."""
    sizes = {
        policy.get("ManagedPolicyName", policy.get("PolicyName")): len(
            json.dumps(_as_deployed(policy["PolicyDocument"]), separators=(",", ":"))
        )
        for policy in policies_of(prod[NAME])
    }
    named = {p.get("ManagedPolicyName") for p in prod[NAME].properties("AWS::IAM::ManagedPolicy")}
    assert named == {f"highwater-flow-run-{part}" for part in ("inbox", "models", "extraction", "churn")}
    assert max(size for name, size in sizes.items() if name not in named) < 10_240
    assert max(sizes[name] for name in named) < 6_144


def _as_deployed(value: Any) -> Any:
    """With values about as long as the real ones."""
    match value:
        case {"Fn::Join": [_, [*parts]]}:
            return "".join(str(_as_deployed(part)) for part in parts)
        case {"Ref": "AWS::Partition"}:
            return "aws"
        case {"Ref": "AWS::AccountId"}:
            return "1" * 12
        case {"Ref": _} | {"Fn::ImportValue": _} | {"Fn::GetAtt": _}:
            return "x" * 75
        case dict():
            return {name: _as_deployed(item) for name, item in value.items()}
        case list():
            return [_as_deployed(item) for item in value]
    return value


def test_a_role_is_passed_to_one_service_only(prod: Templates) -> None:
    passed = [s for s in statements_of_all(prod) if "iam:PassRole" in listed(s["Action"])]
    services = [s["Condition"]["StringEquals"]["iam:PassedToService"] for s in passed]
    assert sorted(services) == ["ecs-tasks.amazonaws.com", "sagemaker.amazonaws.com"]


@pytest.mark.parametrize(
    "role", ["highwater-glue", "highwater-flow-run", "highwater-worker", "highwater-inbox-listener"]
)
def test_only_this_account_can_have_a_service_act_as_our_role(prod: Templates, role: str) -> None:
    trust = prod[NAME].one("AWS::IAM::Role", RoleName=role)["AssumeRolePolicyDocument"]["Statement"]
    assert [s["Condition"] for s in trust] == [
        {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    ]


def test_a_grant_on_the_key_is_for_disks_of_jobs_alone(prod: Templates) -> None:
    granted = {
        role: [s for s in statements_of(prod, role) if "kms:CreateGrant" in listed(s["Action"])]
        for role in ("highwater-flow-run", "highwater-sagemaker", "highwater-glue", "highwater-worker")
    }
    assert [role for role, statements in granted.items() if statements] == [
        "highwater-flow-run",
        "highwater-sagemaker",
    ]
    for statements in granted.values():
        for statement in statements:
            assert listed(statement["Action"]) == ["kms:CreateGrant"]
            assert statement["Condition"]["Bool"] == {"kms:GrantIsForAWSResource": "true"}
    (by_run,) = granted["highwater-flow-run"]
    assert "sagemaker." in str(by_run["Condition"]["StringEquals"]["kms:ViaService"])
    assert "kms:Encrypt" in actions_of(statements_of(prod, "highwater-sagemaker"))


def test_a_flow_run_writes_no_raw_file_and_deletes_below_the_tables_alone(prod: Templates) -> None:
    statements = statements_of(prod, "highwater-flow-run")
    deleting = {action for action in actions_of(statements) if "Delete" in action and action.startswith("s3")}
    assert deleting == {"s3:DeleteObject", "s3:DeleteObjectVersion"}
    assert places_of(statements, "s3:DeleteObject") == {
        "lake/curated/*", "lake/quarantine/*", "lake/ml/*", "lake/bronze/*", "lake/silver/*", "lake/gold/*",
        "inbox/inbox/*.error.json",
    }  # fmt: skip
    written = str([s["Resource"] for s in statements if "s3:PutObject" in listed(s["Action"])])
    assert "/curated/*" in written
    assert "/raw/*" not in written


def test_a_flow_run_moves_the_version_that_it_read_and_writes_no_delivery(prod: Templates) -> None:
    statements = statements_of(prod, "highwater-flow-run")
    reading = {place for place in places_of(statements, "s3:GetObjectVersion") if place.startswith("inbox")}
    assert reading == {"inbox/inbox/*", "inbox/history/*"}
    assert places_of(statements, "s3:DeleteObjectVersion") == {"inbox/inbox/*"}
    assert places_of(statements, "s3:ListBucketVersions") == {"inbox"}
    for action in ("s3:GetObjectTagging", "s3:GetObjectVersionTagging"):
        assert places_of(statements, action) == {"inbox/inbox/*"}
    assert places_of(statements, "s3:PutObjectTagging") == {"inbox/history/*"}
    for action in ("s3:PutObject", "s3:AbortMultipartUpload"):
        written = {place for place in places_of(statements, action) if place.startswith("inbox")}
        assert written == {"inbox/history/*", "inbox/inbox/*.error.json"}


def _queues(statements: list[dict[str, Any]], action: str) -> list[str]:
    resources = [r for s in statements if action in listed(s["Action"]) for r in listed(s["Resource"])]
    return [resource["Fn::Join"][1][-1].strip(":") for resource in resources]


def test_the_listener_reads_its_queue_tells_people_and_sees_no_file(prod: Templates) -> None:
    statements = statements_of(prod, "highwater-inbox-listener")
    assert actions_of(statements) == {
        "cloudwatch:PutMetricData", "dynamodb:GetItem", "dynamodb:PutItem", "kms:Decrypt", "kms:GenerateDataKey",
        "sns:ListTopics", "sns:Publish", "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes",
        "sqs:GetQueueUrl", "sqs:ReceiveMessage",
    }  # fmt: skip
    for action in ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"):
        assert _queues(statements, action) == ["highwater-inbox-events"]
    (counted,) = [s for s in statements if "cloudwatch:PutMetricData" in listed(s["Action"])]
    assert counted["Condition"] == {"StringLike": {"cloudwatch:namespace": "Highwater/Runs"}}


def test_a_person_takes_dead_letters_and_puts_them_back(prod: Templates) -> None:
    statements = statements_of(prod, "highwater-operator")
    for action in ("sqs:ReceiveMessage", "sqs:DeleteMessage"):
        assert _queues(statements, action) == ["highwater-inbox-dead-letters"]
    assert _queues(statements, "sqs:SendMessage") == ["highwater-inbox-events"]


@pytest.mark.parametrize("role", ["highwater-flow-run", "highwater-inbox-listener"])
def test_a_task_tells_people_and_machines(prod: Templates, role: str) -> None:
    (published,) = [s for s in statements_of(prod, role) if "sns:Publish" in listed(s["Action"])]
    topics = {str(resource["Fn::Join"][1][-1]).strip(":") for resource in published["Resource"]}
    assert topics == {t["TopicName"] for t in prod["highwater-observability"].properties("AWS::SNS::Topic")}


def test_the_worker_starts_flow_runs_and_reads_no_data(prod: Templates) -> None:
    actions = actions_of(statements_of(prod, "highwater-worker"))
    assert "ecs:RunTask" in actions
    assert not [a for a in actions if a.startswith(("s3:", "glue:", "secretsmanager:", "ecs:Register"))]


def test_a_task_is_started_in_our_cluster_alone(prod: Templates) -> None:
    (started,) = [s for s in statements_of(prod, "highwater-worker") if "ecs:RunTask" in listed(s["Action"])]
    (cluster,) = [started["Condition"]["ArnEquals"]["ecs:cluster"]]
    assert cluster["Fn::Join"][1][-1] == ":cluster/highwater"
    assert "task-definition/highwater-flow-run:*" in str(started["Resource"])


def _secrets_of(templates: Templates, role: str) -> set[str]:
    read = [
        s for s in statements_of(templates, role) if "secretsmanager:GetSecretValue" in listed(s["Action"])
    ]
    names = [resource["Fn::Join"][1][-1] for s in read for resource in listed(s["Resource"])]
    return {name.removeprefix(":secret:").removesuffix("-??????") for name in names}


def test_only_what_starts_the_server_reads_its_database_login(prod: Templates, private: Templates) -> None:
    for templates in (prod, private):
        for role in ("highwater-flow-run-start", "highwater-worker-start", "highwater-inbox-listener-start"):
            assert _secrets_of(templates, role) == {"highwater/prefect"}
    assert _secrets_of(private, "highwater-server-start") == {
        "highwater/prefect",
        "highwater/prefect-database",
    }
    roles = {role["RoleName"] for role in prod[NAME].properties("AWS::IAM::Role")}
    assert "highwater-server-start" not in roles


def test_a_person_needs_a_second_factor_to_operate(prod: Templates) -> None:
    role = prod[NAME].one("AWS::IAM::Role", RoleName="highwater-operator")
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"] == {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    assert trust["Principal"]["AWS"]["Fn::Join"][1][-1] == ":root"


def test_a_person_mends_rolls_back_and_approves_but_runs_and_deletes_nothing_of_the_data(
    prod: Templates,
) -> None:
    statements = statements_of(prod, "highwater-operator")
    actions = actions_of(statements)
    changing = {a for a in actions if a.split(":")[1].startswith(("Put", "Update"))}
    assert changing == {
        "glue:UpdateTable", "s3:PutObject", "sagemaker:UpdateModelPackage", "secretsmanager:PutSecretValue"
    }  # fmt: skip
    others = ("Describe", "Filter", "Get", "List", "Put", "Update")
    assert {a for a in actions if not a.split(":")[1].startswith(others)} == {
        "kms:Decrypt", "kms:GenerateDataKey", "s3:AbortMultipartUpload",
        "sqs:DeleteMessage", "sqs:ReceiveMessage", "sqs:SendMessage",
    }  # fmt: skip
    (put,) = [s["Resource"] for s in statements if "s3:PutObject" in listed(s["Action"])]
    assert {r["Fn::Join"][1][-1] for r in put} == {"/mended/*", "/curated/*/metadata/*"}
    assert _secrets_of(prod, "highwater-operator") == {"highwater/snowflake", "highwater/snowflake-deployer"}
    assert named_by(statements, "sagemaker:UpdateModelPackage") == {
        "model-package/highwater-demand-forecast/*",
        "model-package/highwater-churn/*",
    }


def test_snowflake_reads_what_was_published(prod: Templates) -> None:
    statements = statements_of(prod, "highwater-snowflake")
    assert actions_of(statements) == {
        "kms:Decrypt", "s3:GetBucketLocation", "s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"
    }  # fmt: skip
    published = {
        "lake/curated/*", "lake/gold/customer_analytics/*", "lake/gold/sales_summary/*", "lake/ml/predictions/data/*",
        "lake/ml/churn_predictions/data/*", "lake/ml/churn_outcomes/data/*",
    }  # fmt: skip
    handed_over = {"lake/runs/records/*", "lake/runs/inbox/*", "lake/runs/marketing/*"}
    for action in ("s3:GetObject", "s3:GetObjectVersion"):
        assert places_of(statements, action) == published | handed_over
