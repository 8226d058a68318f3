"""What a person does by hand: the commands of docs/operate.md that are no administrator's, and nothing that a run does."""

from __future__ import annotations

from deployments import names
from highwater_infra.permissions import inbox
from highwater_infra.permissions.jobs import WRITTEN
from highwater_infra.permissions.statement import (
    EVERYTHING,
    SIX_CHARACTERS,
    Statement,
    arn,
    listing,
    objects,
    use_of_key,
)
from highwater_infra.permissions.tasks import MAINTENANCE, MENDED


def operator(key_arn: str) -> list[Statement]:
    return [use_of_key(key_arn), *_lake(), *_models(), *_tasks(), *_login(), *inbox.operator()]


def _lake() -> list[Statement]:
    """Look at everything, lay mended rows down, and take a table back to an older snapshot: its data stays as it is."""
    read, rolled_back = ("curated", "quarantine"), "curated"
    looked_at = ("raw", MENDED, *WRITTEN)
    return [
        listing(names.LAKE, *looked_at, MAINTENANCE),
        Statement(
            ["s3:GetObject"],
            objects(names.LAKE, *looked_at),
            because="a person looks into what a run read, wrote and refused, whatever its date",
        ),
        Statement(
            ["s3:PutObject", "s3:AbortMultipartUpload"],
            objects(names.LAKE, MENDED, f"{rolled_back}/*/metadata"),
            because="files of mended rows; a rollback writes one metadata file, whichever table it is",
        ),
        Statement(
            ["glue:GetDatabase", "glue:GetTable", "glue:GetTables"],
            [
                arn("glue", resource)
                for d in read
                for resource in ("catalog", f"database/{d}", f"table/{d}/*")
            ],
            because="one Iceberg table a dataset; the database is the boundary",
        ),
        Statement(
            ["glue:UpdateTable"],
            [arn("glue", r) for r in ("catalog", f"database/{rolled_back}", f"table/{rolled_back}/*")],
            because="whichever table is rolled back; the database is the boundary",
        ),
    ]


def _models() -> list[Statement]:
    return [
        Statement(
            ["sagemaker:ListModelPackages"],
            EVERYTHING,
            because="ListModelPackages knows no resource; it tells versions and their state",
        ),
        Statement(
            ["sagemaker:DescribeModelPackage", "sagemaker:UpdateModelPackage"],
            [arn("sagemaker", f"model-package/{g}/*") for g in (names.MODEL_GROUP, names.CHURN_MODEL_GROUP)],
            because="SageMaker numbers the versions of the group",
        ),
        Statement(["sagemaker:DescribeEndpoint"], [arn("sagemaker", f"endpoint/{names.ENDPOINT}")]),
    ]


def _tasks() -> list[Statement]:
    return [
        Statement(
            ["ecs:ListTasks"],
            EVERYTHING,
            {"ArnEquals": {"ecs:cluster": arn("ecs", f"cluster/{names.CLUSTER}")}},
            because="ListTasks knows no task; the condition holds it to our cluster",
        ),
        Statement(
            ["ecs:DescribeTasks"],
            [arn("ecs", f"task/{names.CLUSTER}/*")],
            because="ECS numbers tasks; the cluster is the boundary",
        ),
        Statement(
            ["logs:FilterLogEvents", "logs:GetLogEvents"],
            [
                arn("logs", "log-group:/highwater/*"),
                arn("logs", f"log-group:/aws/sagemaker/Endpoints/{names.ENDPOINT}:*"),
            ],
            because="the log groups of worker, server and flow runs, one stream a task; the endpoint's, one an instance",
        ),
    ]


def _login() -> list[Statement]:
    return [
        Statement(
            ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"],
            [
                arn("secretsmanager", f"secret:{name}-??????")
                for name in (names.SNOWFLAKE_SECRET, names.SNOWFLAKE_DEPLOYER_SECRET)
            ],
            because=SIX_CHARACTERS,
        )
    ]
