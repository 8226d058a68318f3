from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import pytest
from highwater_infra.compute import REPOSITORY
from highwater_infra.resolved import resolved

if TYPE_CHECKING:
    from tests.conftest import Template, Templates

NAME = "highwater-access"
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


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _policies(template: Template) -> list[dict[str, Any]]:
    return [*template.properties("AWS::IAM::Policy"), *template.properties("AWS::IAM::ManagedPolicy")]


def _statements(prod: Templates) -> list[dict[str, Any]]:
    return [
        statement
        for template in prod.values()
        for policy in _policies(template)
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def _of(prod: Templates, role: str) -> list[dict[str, Any]]:
    template = prod[NAME].content["Resources"]
    (logical,) = [
        name
        for name, resource in template.items()
        if resource["Type"] == "AWS::IAM::Role" and resource["Properties"].get("RoleName") == role
    ]
    return [
        statement
        for policy in _policies(prod[NAME])
        if {"Ref": logical} in policy["Roles"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def _actions(statements: list[dict[str, Any]]) -> set[str]:
    return {action for statement in statements for action in _listed(statement["Action"])}


def test_no_role_may_do_everything_of_a_service(prod: Templates) -> None:
    assert not [action for action in _actions(_statements(prod)) if "*" in action]


def test_a_star_stands_alone_only_where_aws_knows_no_resource(prod: Templates) -> None:
    alone = [s for s in _statements(prod) if "*" in _listed(s["Resource"])]
    assert _actions(alone) == NO_RESOURCE


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
        for policy in _policies(prod[NAME])
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
    passed = [s for s in _statements(prod) if "iam:PassRole" in _listed(s["Action"])]
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
        role: [s for s in _of(prod, role) if "kms:CreateGrant" in _listed(s["Action"])]
        for role in ("highwater-flow-run", "highwater-sagemaker", "highwater-glue", "highwater-worker")
    }
    assert [role for role, statements in granted.items() if statements] == [
        "highwater-flow-run",
        "highwater-sagemaker",
    ]
    for statements in granted.values():
        for statement in statements:
            assert _listed(statement["Action"]) == ["kms:CreateGrant"]
            assert statement["Condition"]["Bool"] == {"kms:GrantIsForAWSResource": "true"}
    (by_run,) = granted["highwater-flow-run"]
    assert "sagemaker." in str(by_run["Condition"]["StringEquals"]["kms:ViaService"])
    assert "kms:Encrypt" in _actions(_of(prod, "highwater-sagemaker"))


def test_a_flow_run_writes_no_raw_file_and_deletes_below_the_tables_alone(prod: Templates) -> None:
    statements = _of(prod, "highwater-flow-run")
    deleting = {action for action in _actions(statements) if "Delete" in action and action.startswith("s3")}
    assert deleting == {"s3:DeleteObject", "s3:DeleteObjectVersion"}
    assert _places(statements, "s3:DeleteObject") == {
        "lake/curated/*", "lake/quarantine/*", "lake/ml/*", "lake/bronze/*", "lake/silver/*", "lake/gold/*",
        "inbox/inbox/*.error.json",
    }  # fmt: skip
    written = str([s["Resource"] for s in statements if "s3:PutObject" in _listed(s["Action"])])
    assert "/curated/*" in written
    assert "/raw/*" not in written


def _places(statements: list[dict[str, Any]], action: str) -> set[str]:
    """`inbox/history/*` for what this action may be done to in the bucket highwater-inbox."""
    resources = [r for s in statements if action in _listed(s["Action"]) for r in _listed(s["Resource"])]
    texts = ["".join(p for p in r["Fn::Join"][1] if isinstance(p, str)) for r in resources]
    return {text.replace("--", "").partition(":s3:::highwater-")[2] for text in texts}


def test_a_flow_run_moves_the_version_that_it_read_and_writes_no_delivery(prod: Templates) -> None:
    statements = _of(prod, "highwater-flow-run")
    reading = {place for place in _places(statements, "s3:GetObjectVersion") if place.startswith("inbox")}
    assert reading == {"inbox/inbox/*", "inbox/history/*"}
    assert _places(statements, "s3:DeleteObjectVersion") == {"inbox/inbox/*"}
    assert _places(statements, "s3:ListBucketVersions") == {"inbox"}
    for action in ("s3:GetObjectTagging", "s3:GetObjectVersionTagging"):
        assert _places(statements, action) == {"inbox/inbox/*"}
    assert _places(statements, "s3:PutObjectTagging") == {"inbox/history/*"}
    for action in ("s3:PutObject", "s3:AbortMultipartUpload"):
        written = {place for place in _places(statements, action) if place.startswith("inbox")}
        assert written == {"inbox/history/*", "inbox/inbox/*.error.json"}


def _named(statements: list[dict[str, Any]], action: str) -> set[str]:
    """`endpoint/highwater-churn` for what of our region and account this action may be done to."""
    resources = [r for s in statements if action in _listed(s["Action"]) for r in _listed(s["Resource"])]
    return {resource["Fn::Join"][1][-1].removeprefix(":") for resource in resources}


_FORECAST_JOBS = {f"{kind}-job/demand-forecast-*" for kind in ("training", "processing", "transform")}
_CHURN_JOBS = {
    f"{kind}-job/churn-*" for kind in ("training", "processing", "transform", "hyper-parameter-tuning")
}

_TRAINED = {"training-job/churn-*", "hyper-parameter-tuning-job/churn-*"}


@pytest.mark.parametrize(
    ("action", "resources"),
    [
        ("CreateTrainingJob", {"training-job/demand-forecast-*", *_TRAINED}),
        ("CreateHyperParameterTuningJob", _TRAINED),
        ("CreateProcessingJob", {"processing-job/demand-forecast-*", "processing-job/churn-*"}),
        ("CreateTransformJob", _FORECAST_JOBS | _CHURN_JOBS),
        ("StopHyperParameterTuningJob", _CHURN_JOBS),
        ("ListTrainingJobsForHyperParameterTuningJob", {"hyper-parameter-tuning-job/churn-*"}),
        ("DeleteModel", {"model/highwater-churn-live-*"}),
        ("CreateModel", {"model/demand-forecast-*", "model/churn-*", "model/highwater-churn-live-*"}),
        ("PutRecord", {"feature-group/highwater-customer-features"}),
        ("DeleteRecord", {"feature-group/highwater-customer-features"}),
        ("UpdateEndpoint", {"endpoint/highwater-churn", "endpoint-config/highwater-churn-*"}),
        ("UpdateEndpointWeightsAndCapacities", {"endpoint/highwater-churn"}),
        ("InvokeEndpoint", {"endpoint/highwater-churn"}),
        ("DeleteEndpoint", {"endpoint/highwater-churn"}),
        ("DeleteEndpointConfig", {"endpoint-config/highwater-churn-*"}),
    ],
)
def test_a_flow_run_makes_and_serves_models_under_their_names_alone(
    prod: Templates, action: str, resources: set[str]
) -> None:
    statements = _of(prod, "highwater-flow-run")
    assert _named(statements, f"sagemaker:{action}") == resources


@pytest.mark.parametrize(
    ("action", "in_our_network"),
    [
        ("CreateTrainingJob", True),
        ("CreateHyperParameterTuningJob", True),
        ("CreateProcessingJob", False),
        ("CreateModel", False),
    ],
)
def test_no_program_of_sagemakers_gets_a_network(prod: Templates, action: str, in_our_network: bool) -> None:
    statements = [s for s in _of(prod, "highwater-flow-run") if f"sagemaker:{action}" in _listed(s["Action"])]
    assert statements
    for statement in statements:
        conditions = dict(statement["Condition"])
        assert conditions.pop("Bool") == {"sagemaker:NetworkIsolation": "true"}
        if not in_our_network:
            assert conditions == {}
            continue
        # A request that names no subnet and no group would meet the first alone.
        assert conditions["Null"] == {
            "sagemaker:VpcSubnets": "false",
            "sagemaker:VpcSecurityGroupIds": "false",
        }
        named = conditions["ForAllValues:StringEquals"]
        assert len(named["sagemaker:VpcSubnets"]) == 2
        assert "Training" in str(named["sagemaker:VpcSecurityGroupIds"])


def test_sagemaker_puts_interfaces_into_our_subnets_alone(prod: Templates) -> None:
    statements = _of(prod, "highwater-sagemaker")

    def of(action: str) -> dict[str, Any]:
        (found,) = [s for s in statements if f"ec2:{action}" in _listed(s["Action"])]
        return found

    places = [
        [part for part in resource["Fn::Join"][1] if isinstance(part, str)][-1].removeprefix(":")
        for resource in of("CreateNetworkInterface")["Resource"]
    ]
    assert sorted(places) == ["network-interface/*", "security-group/", "subnet/", "subnet/"]
    for action in ("CreateNetworkInterfacePermission", "DeleteNetworkInterface"):
        assert len(of(action)["Condition"]["ArnEquals"]["ec2:Subnet"]) == 2


def test_scaling_is_ended_for_endpoints_alone(prod: Templates) -> None:
    statements = _of(prod, "highwater-flow-run")
    (ended,) = [s for s in statements if "application-autoscaling" in str(s["Action"])]
    assert ended["Action"] == "application-autoscaling:DeregisterScalableTarget"
    assert ended["Condition"] == {"StringEquals": {"application-autoscaling:service-namespace": "sagemaker"}}


def test_a_flow_run_reads_what_models_wrote_and_writes_none_of_it(prod: Templates) -> None:
    statements = _of(prod, "highwater-flow-run")
    models = {"lake/feature-store/*", "artifacts/churn/*", "artifacts/endpoints/captured/*"}
    assert models <= _places(statements, "s3:GetObject")
    assert not models & _places(statements, "s3:PutObject")


def test_the_offline_store_is_written_by_a_role_of_its_own(prod: Templates) -> None:
    statements = _of(prod, "highwater-feature-store")
    assert _actions(statements) == {
        "kms:Decrypt", "kms:GenerateDataKey", "s3:GetBucketAcl", "s3:PutObject", "s3:PutObjectAcl"
    }  # fmt: skip
    assert _places(statements, "s3:PutObject") == {"lake/feature-store/*"}
    writers = {
        role["RoleName"]
        for role in prod[NAME].properties("AWS::IAM::Role")
        if "lake/feature-store/*" in _places(_of(prod, role["RoleName"]), "s3:PutObject")
    }
    assert writers == {"highwater-feature-store"}
    group = prod["highwater-compute"].one("AWS::SageMaker::FeatureGroup")
    assert "highwaterfeaturestore" in str(group["RoleArn"])


def test_jobs_read_and_write_their_part_of_the_churn_model(prod: Templates) -> None:
    glue, sagemaker = _of(prod, "highwater-glue-medallion"), _of(prod, "highwater-sagemaker")
    assert {"lake/feature-store/*", "lake/ml/churn_predictions/*"} <= _places(glue, "s3:GetObject")
    assert {place for place in _places(glue, "s3:PutObject") if "/ml" in place} == {
        "lake/ml/churn_dataset/*",
        "lake/ml/churn_outcomes/data/*",
    }
    assert {"lake/ml/*", "artifacts/churn/*"} <= _places(sagemaker, "s3:GetObject")
    assert _places(sagemaker, "s3:PutObject") == {
        "lake/ml/predictions/*", "lake/ml/churn_predictions/*",
        "artifacts/demand_forecast/*", "artifacts/churn/*", "artifacts/endpoints/captured/*",
    }  # fmt: skip


def _queues(statements: list[dict[str, Any]], action: str) -> list[str]:
    resources = [r for s in statements if action in _listed(s["Action"]) for r in _listed(s["Resource"])]
    return [resource["Fn::Join"][1][-1].strip(":") for resource in resources]


def test_the_listener_reads_its_queue_tells_people_and_sees_no_file(prod: Templates) -> None:
    statements = _of(prod, "highwater-inbox-listener")
    assert _actions(statements) == {
        "cloudwatch:PutMetricData", "dynamodb:GetItem", "dynamodb:PutItem", "kms:Decrypt", "kms:GenerateDataKey",
        "sns:ListTopics", "sns:Publish", "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes",
        "sqs:GetQueueUrl", "sqs:ReceiveMessage",
    }  # fmt: skip
    for action in ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"):
        assert _queues(statements, action) == ["highwater-inbox-events"]
    (counted,) = [s for s in statements if "cloudwatch:PutMetricData" in _listed(s["Action"])]
    assert counted["Condition"] == {"StringLike": {"cloudwatch:namespace": "Highwater/Runs"}}


def test_a_person_takes_dead_letters_and_puts_them_back(prod: Templates) -> None:
    statements = _of(prod, "highwater-operator")
    for action in ("sqs:ReceiveMessage", "sqs:DeleteMessage"):
        assert _queues(statements, action) == ["highwater-inbox-dead-letters"]
    assert _queues(statements, "sqs:SendMessage") == ["highwater-inbox-events"]


@pytest.mark.parametrize("role", ["highwater-flow-run", "highwater-inbox-listener"])
def test_a_task_tells_people_and_machines(prod: Templates, role: str) -> None:
    (published,) = [s for s in _of(prod, role) if "sns:Publish" in _listed(s["Action"])]
    topics = {str(resource["Fn::Join"][1][-1]).strip(":") for resource in published["Resource"]}
    assert topics == {t["TopicName"] for t in prod["highwater-observability"].properties("AWS::SNS::Topic")}


def test_the_worker_starts_flow_runs_and_reads_no_data(prod: Templates) -> None:
    actions = _actions(_of(prod, "highwater-worker"))
    assert "ecs:RunTask" in actions
    assert not [a for a in actions if a.startswith(("s3:", "glue:", "secretsmanager:", "ecs:Register"))]


def test_a_task_is_started_in_our_cluster_alone(prod: Templates) -> None:
    (started,) = [s for s in _of(prod, "highwater-worker") if "ecs:RunTask" in _listed(s["Action"])]
    (cluster,) = [started["Condition"]["ArnEquals"]["ecs:cluster"]]
    assert cluster["Fn::Join"][1][-1] == ":cluster/highwater"
    assert "task-definition/highwater-flow-run:*" in str(started["Resource"])


def _secrets_of(templates: Templates, role: str) -> set[str]:
    read = [s for s in _of(templates, role) if "secretsmanager:GetSecretValue" in _listed(s["Action"])]
    names = [resource["Fn::Join"][1][-1] for s in read for resource in _listed(s["Resource"])]
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
    statements = _of(prod, "highwater-operator")
    actions = _actions(statements)
    changing = {a for a in actions if a.split(":")[1].startswith(("Put", "Update"))}
    assert changing == {
        "glue:UpdateTable", "s3:PutObject", "sagemaker:UpdateModelPackage", "secretsmanager:PutSecretValue"
    }  # fmt: skip
    others = ("Describe", "Filter", "Get", "List", "Put", "Update")
    assert {a for a in actions if not a.split(":")[1].startswith(others)} == {
        "kms:Decrypt", "kms:GenerateDataKey", "s3:AbortMultipartUpload",
        "sqs:DeleteMessage", "sqs:ReceiveMessage", "sqs:SendMessage",
    }  # fmt: skip
    (put,) = [s["Resource"] for s in statements if "s3:PutObject" in _listed(s["Action"])]
    assert {r["Fn::Join"][1][-1] for r in put} == {"/mended/*", "/curated/*/metadata/*"}
    assert _secrets_of(prod, "highwater-operator") == {"highwater/snowflake", "highwater/snowflake-deployer"}
    assert _named(statements, "sagemaker:UpdateModelPackage") == {
        "model-package/highwater-demand-forecast/*",
        "model-package/highwater-churn/*",
    }


def test_snowflake_reads_what_was_published(prod: Templates) -> None:
    statements = _of(prod, "highwater-snowflake")
    assert _actions(statements) == {
        "kms:Decrypt", "s3:GetBucketLocation", "s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"
    }  # fmt: skip
    published = {
        "lake/curated/*", "lake/gold/customer_analytics/*", "lake/gold/sales_summary/*", "lake/ml/predictions/data/*",
        "lake/ml/churn_predictions/data/*", "lake/ml/churn_outcomes/data/*",
    }  # fmt: skip
    handed_over = {"lake/runs/records/*", "lake/runs/inbox/*", "lake/runs/marketing/*"}
    for action in ("s3:GetObject", "s3:GetObjectVersion"):
        assert _places(statements, action) == published | handed_over


GITHUB = "token.actions.githubusercontent.com"


@pytest.mark.parametrize("subject", ["somebody/highwater", "somebody@12/highwater@3456"])
def test_a_deployment_comes_from_this_accounts_environment_and_the_main_branchs_workflow(
    prod: Templates, private: Templates, dev: Templates, subject: str
) -> None:
    """The subject of a newer repository has its owner's id and its own; the reference of a workflow never has."""
    for name, templates in {"prod": prod, "private": private, "dev": dev}.items():
        assert _trusted(templates, subject) == {
            f"{GITHUB}:aud": "sts.amazonaws.com",
            f"{GITHUB}:sub": f"repo:{subject}:environment:{name}",
            f"{GITHUB}:job_workflow_ref": "somebody/highwater/.github/workflows/deploy.yml@refs/heads/main",
        }
    assert (REPOSITORY / ".github" / "workflows" / "deploy.yml").exists()


def _trusted(templates: Templates, subject: str) -> dict[str, str]:
    role = templates[NAME].one("AWS::IAM::Role", RoleName="highwater-deploy")
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"].keys() == {"StringEquals"}
    equal: dict[str, str] = resolved(trust["Condition"]["StringEquals"], {"GitHubRepository": subject})
    return equal


def test_without_a_repository_the_trust_can_still_be_made_out(prod: Templates) -> None:
    """CloudFormation refuses a template in which a part is chosen that is not there."""
    assert prod[NAME].content["Parameters"]["GitHubRepository"]["Default"] == ""
    assert _trusted(prod, "")[f"{GITHUB}:sub"] == "repo::environment:prod"


@pytest.mark.parametrize(
    ("subject", "taken"),
    [
        ("", True),
        ("somebody/highwater", True),
        ("somebody@12/highwater@3456", True),
        ("somebody@12/highwater", False),
        ("somebody/highwater@3456", False),
        ("somebody@12/highwater@x", False),
        ("repo:somebody/highwater", False),
        ("somebody/*", False),
        ("highwater", False),
    ],
)
def test_a_repository_is_named_as_its_subject_names_it(prod: Templates, subject: str, taken: bool) -> None:
    pattern = prod[NAME].content["Parameters"]["GitHubRepository"]["AllowedPattern"]
    assert bool(re.search(pattern, subject)) == taken


def test_a_provider_that_the_account_has_already_is_trusted_and_not_made_again(prod: Templates) -> None:
    (made,) = prod[NAME].all("AWS::IAM::OIDCProvider")
    assert made["Condition"] == "GitHubIsNew"
    role = prod[NAME].one("AWS::IAM::Role", RoleName="highwater-deploy")
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"]["Federated"]["Fn::If"] == [
        "GitHubIsNew",
        {"Fn::GetAtt": ["GitHub", "Arn"]},
        {"Ref": "GitHubProviderArn"},
    ]


def _patterns(statements: list[dict[str, Any]], bucket: str) -> set[str]:
    """What of the bucket highwater-<bucket> may be listed."""
    listing = [s for s in statements if "s3:ListBucket" in _listed(s["Action"])]
    return {
        pattern
        for statement in listing
        for resource in _listed(statement["Resource"])
        if f":s3:::highwater-{bucket}-" in str(resource)
        for pattern in _listed(statement["Condition"]["StringLike"]["s3:prefix"])
    }


def _of_bucket(statements: list[dict[str, Any]], action: str, bucket: str) -> set[str]:
    """The prefixes below which the action may be done."""
    places = {
        place.partition("/*") for place in _places(statements, action) if place.startswith(f"{bucket}/")
    }
    return {prefix.removeprefix(f"{bucket}/") for prefix, below, _ in places if below}


_ROLES_THAT_LIST = {
    "highwater-flow-run",
    "highwater-glue",
    "highwater-glue-medallion",
    "highwater-operator",
    "highwater-sagemaker",
    "highwater-snowflake",
}


def test_no_role_lists_a_whole_bucket(prod: Templates) -> None:
    listing = [
        s for s in _statements(prod) if {"s3:ListBucket", "s3:ListBucketVersions"} & set(_listed(s["Action"]))
    ]
    assert len(listing) >= len(_ROLES_THAT_LIST)
    # S3 itself lists what it copies to another region, and names no prefix.
    (copying,) = [s for s in listing if "Condition" not in s]
    assert set(copying["Action"]) == {"s3:GetReplicationConfiguration", "s3:ListBucket"}
    listing.remove(copying)
    patterns = [p for s in listing for p in _listed(s["Condition"]["StringLike"]["s3:prefix"])]
    assert not [pattern for pattern in patterns if pattern.startswith(("*", "/")) or not pattern]
    roles = {role["RoleName"] for role in prod[NAME].properties("AWS::IAM::Role")}
    assert {role for role in roles if "s3:ListBucket" in _actions(_of(prod, role))} == _ROLES_THAT_LIST


@pytest.mark.parametrize("role", sorted(_ROLES_THAT_LIST))
@pytest.mark.parametrize("bucket", ["lake", "artifacts", "inbox"])
def test_a_role_lists_what_it_reads_and_writes_and_nothing_beside(
    prod: Templates, role: str, bucket: str
) -> None:
    """S3 takes a key that is not there for a prefix: who may not list it is refused instead of told that it is missing."""
    statements = _of(prod, role)
    used = _of_bucket(statements, "s3:GetObject", bucket) | _of_bucket(statements, "s3:PutObject", bucket)
    listed = _patterns(statements, bucket)
    assert not [prefix for prefix in used if not any(fnmatchcase(f"{prefix}/a/b", p) for p in listed)]
    below = {pattern.removesuffix("/*") for pattern in listed if pattern.endswith("/*")}
    # docs/operate.md has people list the reports of lake-maintenance, which they read in Prefect.
    beside = {"maintenance"} if (role, bucket) == ("highwater-operator", "lake") else set()
    assert below - used == beside


@pytest.mark.parametrize("role", ["highwater-glue", "highwater-glue-medallion"])
def test_spark_looks_at_every_folder_above_what_it_writes(prod: Templates, role: str) -> None:
    """Hadoop asks for each: by HEAD of the name without a slash, and by a listing of the name with one."""
    statements = _of(prod, role)
    reading = _places(statements, "s3:GetObject")
    for prefix in _of_bucket(statements, "s3:PutObject", "lake"):
        parts = prefix.split("/")
        for depth in range(1, len(parts) + 1):
            folder = "/".join(parts[:depth])
            assert f"lake/{folder}" in reading
            assert folder in _patterns(statements, "lake")
            assert {f"{folder}/", f"{folder}/*"} & _patterns(statements, "lake")


def test_where_a_bucket_is_is_asked_by_jobs_and_snowflake_alone(prod: Templates) -> None:
    """Our own code does not ask (docs/aws-calls.md)."""
    roles = {role["RoleName"] for role in prod[NAME].properties("AWS::IAM::Role")}
    assert {role for role in roles if "s3:GetBucketLocation" in _actions(_of(prod, role))} == {
        "highwater-glue", "highwater-glue-medallion", "highwater-sagemaker", "highwater-snowflake"
    }  # fmt: skip
