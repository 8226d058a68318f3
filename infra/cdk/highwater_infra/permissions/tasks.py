"""What runs in ECS: flow runs, and the worker that starts them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from deployments import names
from highwater_infra.permissions import glue
from highwater_infra.permissions.jobs import WRITTEN
from highwater_infra.permissions.statement import (
    EVERYTHING,
    IMAGE_LAYERS,
    SIX_CHARACTERS,
    Statement,
    alerting,
    arn,
    decrypt,
    key_of_disks,
    listing,
    metrics,
    objects,
    pass_role,
    registry_login,
    tables_of,
    use_of_key,
)

_KEYS = "keys hold dates and run ids; the prefix is the boundary"
# Rows that a person mended, as flow runs keep them beside what a person puts there for a replay.
MENDED: Final = "mended"
# What lake-maintenance found and did: the next run's second look goes by it.
MAINTENANCE: Final = "maintenance"
# Where it deletes what no table names. Nothing of deliveries, of mended rows and of its own reports.
TIDIED: Final = ("curated", "quarantine", "ml")


def flow_run(key_arn: str) -> list[Statement]:
    return [
        use_of_key(key_arn),
        *_files(),
        *_glue(),
        *_sagemaker(),
        Statement(["kms:DescribeKey"], [key_arn]),
        key_of_disks(key_arn, through="sagemaker"),
        Statement(
            ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"],
            [arn("dynamodb", f"table/{names.LEDGER}")],
        ),
        Statement(
            ["dynamodb:Scan"], [arn("dynamodb", f"table/{names.LEDGER}")]
        ),  # lake-maintenance, once a week
        Statement(["dynamodb:Query"], [arn("dynamodb", f"table/{names.LEDGER}/index/{names.OPEN_ROWS}")]),
        *alerting(),
        Statement(
            ["secretsmanager:GetSecretValue"],
            [
                arn("secretsmanager", f"secret:{name}-??????")
                for name in (names.SNOWFLAKE_SECRET, names.HASH_KEY_SECRET)
            ],
            because=SIX_CHARACTERS,
        ),
        metrics("Highwater/*"),
    ]


def _files() -> list[Statement]:
    lake = ("raw", MENDED, MAINTENANCE, *WRITTEN)
    artifacts = (names.RESULTS_FOLDER, "sagemaker", "demand_forecast")
    return [
        listing(names.LAKE, *lake),
        listing(names.ARTIFACTS, *artifacts),
        Statement(
            ["s3:GetObject"],
            [*objects(names.LAKE, *lake), *objects(names.ARTIFACTS, *artifacts)],
            because=_KEYS,
        ),
        Statement(
            ["s3:PutObject", "s3:AbortMultipartUpload"],
            [
                *objects(names.LAKE, MENDED, MAINTENANCE, *WRITTEN),
                *objects(names.ARTIFACTS, names.RESULTS_FOLDER, "sagemaker/code"),
            ],
            because=_KEYS,
        ),
        Statement(["s3:DeleteObject"], objects(names.LAKE, *TIDIED), because=_KEYS),
    ]


def _glue() -> list[Statement]:
    databases = [database for database in names.GLUE_DATABASES if database not in names.MEDALLION]
    return [
        glue.jobs(names.CURATE, names.DEMAND_FEATURES),
        tables_of(*databases),
    ]


def _sagemaker() -> list[Statement]:
    """For any model; models.py has the rest."""
    return [
        Statement(
            ["sagemaker:ListModelPackages"],
            EVERYTHING,
            because="ListModelPackages knows no resource; it tells versions and their state",
        ),
        pass_role("sagemaker", names.SAGEMAKER),
    ]


def worker(key_arn: str) -> list[Statement]:
    tasks = arn("ecs", f"task/{names.CLUSTER}/*")
    by_ecs = "ECS numbers tasks; the cluster is the boundary"
    return [
        decrypt(key_arn),
        Statement(
            ["ecs:RunTask"],
            [arn("ecs", f"task-definition/{names.FLOW_RUN}:*")],
            {"ArnEquals": {"ecs:cluster": arn("ecs", f"cluster/{names.CLUSTER}")}},
            because="ECS numbers revisions; the family is the boundary, and the condition holds it to our cluster",
        ),
        Statement(["ecs:DescribeTasks", "ecs:StopTask"], [tasks], because=by_ecs),
        Statement(
            ["ecs:TagResource"],
            [tasks],
            {"StringEquals": {"ecs:CreateAction": "RunTask"}},
            because=by_ecs,
        ),
        Statement(
            ["ecs:DescribeTaskDefinition"],
            EVERYTHING,
            because="DescribeTaskDefinition knows no resource; a definition holds no secret, only their ARNs",
        ),
        pass_role("ecs-tasks", names.FLOW_RUN, names.FLOW_RUN_START),
        Statement(
            ["sqs:GetQueueUrl", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"],
            [arn("sqs", names.TASK_EVENTS)],
        ),
        # A run that died before it could speak: the worker brings its last lines to its page.
        Statement(
            ["logs:GetLogEvents"],
            [arn("logs", f"log-group:{names.FLOW_RUN_LOGS}:*")],
            because="one stream a task",
        ),
    ]


def start(key_arn: str, *, log_groups: Sequence[str], secrets: Sequence[str]) -> list[Statement]:
    """What ECS itself needs before a container runs: its image, its log, its secrets."""
    return [
        decrypt(key_arn),
        Statement(IMAGE_LAYERS, [arn("ecr", f"repository/{names.WORKER}")]),
        registry_login(),
        Statement(
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            [arn("logs", f"log-group:{group}:*") for group in log_groups],
            because="one stream a task",
        ),
        Statement(
            ["secretsmanager:GetSecretValue"],
            [arn("secretsmanager", f"secret:{name}-??????") for name in secrets],
            because=SIX_CHARACTERS,
        ),
    ]
