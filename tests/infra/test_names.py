"""A name that flows use exists in the account's stacks, in the local cloud and in the settings, with the same shape.

The stacks are read from their reviewed snapshots, which `make infra` holds against the synthesis; CDK has an environment of
its own and is not needed here.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.catalog import contract
from deployments import glue_code, names
from deployments.settings import Place
from local import resource_kinds, resources
from tasks.forecast import model_drift
from tasks.settings import Settings
from warehouse.account.names import AccountNames

INFRA = Path(__file__).resolve().parents[2] / "infra" / "cdk"
UNIQUE = "-${AWS::AccountId}-${AWS::Region}"
KEY = "HIGHWATER_KMS_KEY"  # the local cloud encrypts nothing
# In the account but not in the local cloud, each with its reason.
ONLY_THERE = {
    "highwater-access-logs",  # nobody reads the local buckets' access logs
    "highwater-watermarks",  # the extraction pipeline's, to come
    "highwater-inbox",  # the local one comes with its listener
}


@cache
def stack(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((INFRA / "snapshots" / f"highwater-{name}.yaml").read_text())
    return loaded


def declared(name: str, kind: str) -> list[dict[str, Any]]:
    return [r["Properties"] for r in stack(name)["Resources"].values() if r["Type"] == kind]


def names_of(name: str, kind: str, field: str) -> set[str]:
    return {properties[field].removesuffix(UNIQUE) for properties in declared(name, kind)}


@pytest.mark.parametrize(
    ("place", "kind", "field", "here"),
    [
        ("lake", "AWS::S3::Bucket", "BucketName", {b.name for b in resources.BUCKETS}),
        ("lake", "AWS::DynamoDB::Table", "TableName", {t.name for t in resources.TABLES}),
        (
            "lake",
            "AWS::SecretsManager::Secret",
            "Name",
            {
                *(secret.name for secret in resources.SNOWFLAKE_SECRETS),
                resources.HASH_KEY_SECRET.name,
                resources.PREFECT_SECRET.name,
            },
        ),
        ("compute", "AWS::Glue::Job", "Name", {j.name for j in resources.GLUE_JOBS}),
        (
            "compute",
            "AWS::SageMaker::ModelPackageGroup",
            "ModelPackageGroupName",
            {g.name for g in resources.MODEL_PACKAGE_GROUPS},
        ),
        (
            "compute",
            "AWS::SageMaker::FeatureGroup",
            "FeatureGroupName",
            {g.name for g in resources.FEATURE_GROUPS},
        ),
        ("observability", "AWS::SNS::Topic", "TopicName", {t.name for t in resources.TOPICS}),
    ],
)
def test_the_account_and_the_local_cloud_have_the_same(
    place: str, kind: str, field: str, here: set[str]
) -> None:
    there = names_of(place, kind, field)
    assert there >= here
    assert there - here <= ONLY_THERE


def test_tables_have_the_same_keys_indexes_and_expiry() -> None:
    for table in resources.TABLES:
        (found,) = [t for t in declared("lake", "AWS::DynamoDB::Table") if t["TableName"] == table.name]
        assert found["KeySchema"] == [{"AttributeName": table.hash_key, "KeyType": "HASH"}]
        assert {
            i["IndexName"]: (i["KeySchema"], i["Projection"]) for i in found.get("GlobalSecondaryIndexes", ())
        } == {
            index: ([{"AttributeName": index, "KeyType": "HASH"}], {"ProjectionType": "KEYS_ONLY"})
            for index in table.indexes
        }
        expiry = {"AttributeName": table.expires_by, "Enabled": True} if table.expires_by else None
        assert found.get("TimeToLiveSpecification") == expiry


def test_databases_are_in_the_same_place() -> None:
    there = {
        p["DatabaseInput"]["Name"]: re.sub(
            r"\$\{\w+}", resources.LAKE.name, p["DatabaseInput"]["LocationUri"]
        )
        for p in declared("lake", "AWS::Glue::Database")
    }
    assert there == {database.name: database.location for database in resources.GLUE_DATABASES}


@pytest.mark.parametrize("job", resources.GLUE_JOBS, ids=lambda job: job.name)
def test_jobs_have_the_same_shape(job: resource_kinds.GlueJob) -> None:
    (found,) = [j for j in declared("compute", "AWS::Glue::Job") if j["Name"] == job.name]
    assert found["GlueVersion"] == job.glue_version
    assert found["Timeout"] == job.timeout_minutes
    assert found["ExecutionProperty"] == {"MaxConcurrentRuns": job.max_concurrent_runs}
    assert found["Command"]["Name"] == "glueetl"
    assert found["MaxRetries"] == 0
    assert "--extra-py-files" in found["DefaultArguments"]


def test_a_job_is_given_its_code_and_no_package() -> None:
    """Glue brings all that the jobs import, so that a run needs no package index."""
    given = [set(job["DefaultArguments"]) for job in declared("compute", "AWS::Glue::Job")]
    wanted = {
        *("--extra-py-files", glue_code.ARGUMENT),
        *("--enable-metrics", "--enable-continuous-cloudwatch-log"),
    }
    assert given == [wanted] * len(resources.GLUE_JOBS)


def test_a_flow_run_finds_its_settings() -> None:
    """Every setting that is named in the task definition exists, and each says what the local cloud says."""
    (task,) = [
        t
        for t in declared("orchestration", "AWS::ECS::TaskDefinition")
        if t["Family"] == "highwater-flow-run"
    ]
    (container,) = task["ContainerDefinitions"]
    given = {v["Name"]: v["Value"] for v in container["Environment"]}
    ours = {name.removeprefix("HIGHWATER_").lower(): v for name, v in given.items() if "HIGHWATER_" in name}
    assert ours.keys() <= Settings.model_fields.keys()
    assert "highwater-lake" in str(ours.pop("kms_key"))
    role = ours.pop("sagemaker_role")
    assert "highwatersagemaker" in role["Fn::ImportValue"]
    assert "Training" in str(ours.pop("training_security_groups"))
    assert "privateSubnet1" in str(ours.pop("training_subnets"))
    registry = stack("orchestration")["Parameters"]["XgboostRegistry"]["Default"]
    image = ours.pop("xgboost_image").replace("${XgboostRegistry}", registry)
    assert image.replace("${AWS::Region}", resource_kinds.REGION) == resources.XGBOOST_IMAGE
    for name, value in ours.items():
        assert value.removesuffix(UNIQUE) == Settings.model_fields[name].default, name
    assert given["PREFECT_DEFAULT_RESULT_STORAGE_BLOCK"] == resources.RESULTS.block == names.RESULTS_BLOCK
    may_write = str(declared("access", "AWS::IAM::Policy"))
    assert f"/{names.RESULTS_FOLDER}/*" in may_write


def test_flow_runs_are_the_same_tasks() -> None:
    here = resources.FLOW_RUN
    tasks = {t["Family"]: t for t in declared("orchestration", "AWS::ECS::TaskDefinition")}
    there = tasks[here.family]
    (container,) = there["ContainerDefinitions"]
    assert (container["Name"], there["Cpu"], there["Memory"]) == (here.container, here.cpu, here.memory)
    region = {"AWS_REGION", "AWS_DEFAULT_REGION"}  # boto3 reads the second alone
    assert {v["Name"] for v in container["Environment"]} == {*resources.FLOW_RUN_SETTINGS, *region, KEY}
    assert here.log_group in names_of("orchestration", "AWS::Logs::LogGroup", "LogGroupName")
    assert here.image in names_of("orchestration", "AWS::ECR::Repository", "RepositoryName")
    assert names_of("orchestration", "AWS::ECS::Cluster", "ClusterName") == {resources.CLUSTER}


def test_the_worker_hears_of_tasks_on_the_same_queue() -> None:
    assert resources.TASK_CHANGES.queue in names_of("orchestration", "AWS::SQS::Queue", "QueueName")
    assert resources.TASK_CHANGES.rule in names_of("orchestration", "AWS::Events::Rule", "Name")


def test_the_listener_hears_of_files_under_the_names_that_its_code_has() -> None:
    queues = {q["QueueName"]: q for q in declared("orchestration", "AWS::SQS::Queue")}
    assert names.INBOX_DEAD_LETTERS in queues
    assert queues[names.INBOX_EVENTS]["RedrivePolicy"]["maxReceiveCount"] == names.INBOX_TRIES
    assert names.INBOX_FILES in names_of("orchestration", "AWS::Events::Rule", "Name")
    assert names.INBOX_LISTENER in names_of("orchestration", "AWS::ECS::Service", "ServiceName")
    assert names.INBOX_LISTENER_LOGS in names_of("orchestration", "AWS::Logs::LogGroup", "LogGroupName")
    assert names.INBOX_LISTENER in names_of_roles()


def test_the_worker_is_told_the_place_of_flow_runs() -> None:
    (task,) = [
        t for t in declared("orchestration", "AWS::ECS::TaskDefinition") if t["Family"] == "highwater-worker"
    ]
    (container,) = task["ContainerDefinitions"]
    given = {v["Name"]: v["Value"] for v in container["Environment"]}
    known = {f"HIGHWATER_{name.upper()}" for name in Place.model_fields}
    # The login of Prefect Cloud; a server of our own has the other one (infra/cdk/tests).
    assert known - given.keys() == {"HIGHWATER_PREFECT_API_AUTH_STRING_SECRET_ARN"}
    assert given["HIGHWATER_CLUSTER"] == Place.model_fields["cluster"].default
    assert given["HIGHWATER_TASK_DEFINITION"] == Place.model_fields["task_definition"].default


def test_roles_that_settings_name_exist() -> None:
    roles = names_of_roles()
    assert resources.SAGEMAKER_ROLE.rpartition("/")[2] in roles
    assert Settings.model_fields["sagemaker_role"].default.rpartition("/")[2] in roles


def names_of_roles() -> set[str]:
    return {p["RoleName"] for p in declared("access", "AWS::IAM::Role")}


def test_snowflakes_side_is_the_local_one() -> None:
    """The flows of production use the database after which the account's roles and users are named."""
    (task,) = [
        t for t in declared("orchestration", "AWS::ECS::TaskDefinition") if t["Family"] == names.FLOW_RUN
    ]
    given = {v["Name"]: v["Value"] for v in task["ContainerDefinitions"][0]["Environment"]}
    ours = AccountNames(given["HIGHWATER_DATABASE"])
    assert ours == resources.SNOWFLAKE_NAMES
    assert [stage.name for stage in resources.WAREHOUSE.stages] == [ours.stage]


def test_alarms_hold_the_limits_of_contracts_and_code() -> None:
    alarms = {a["AlarmName"]: a for a in declared("observability", "AWS::CloudWatch::Alarm")}
    nulls = alarms["highwater-null-rate-sales"]
    watched = {
        m["MetricStat"]["Metric"]["MetricName"]: m["MetricStat"]["Metric"]
        for m in nulls["Metrics"]
        if "MetricStat" in m
    }
    spec = contract("sales")
    assert set(watched) == {f"null_rate.{column.name}" for column in spec.required}
    assert nulls["Threshold"] == spec.thresholds.null_rate_max
    assert {metric["Namespace"] for metric in watched.values()} == {names.QUALITY_NAMESPACE}
    limits = model_drift.Limits()
    for alarm, model in (("model", names.FORECAST_JOBS), ("churn", names.CHURN_MODEL)):
        drift = alarms[f"highwater-{alarm}-features-drift"]
        assert (drift["Namespace"], drift["Threshold"]) == (names.MODELS_NAMESPACE, limits.psi_max)
        assert drift["Dimensions"] == [{"Name": "Model", "Value": model}]
    failures = [
        m["MetricStat"]["Metric"] for m in alarms["highwater-run-failures"]["Metrics"] if "MetricStat" in m
    ]
    assert {(m["Namespace"], m["MetricName"]) for m in failures} == {
        (names.RUNS_NAMESPACE, names.RUNS_ALERTS)
    }
    assert alarms["highwater-model-errors-drift"]["MetricName"] == model_drift.ERRORS
    assert alarms["highwater-model-errors-drift"]["Threshold"] == limits.error_ratio_max
