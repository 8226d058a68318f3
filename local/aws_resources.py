"""Create the declared AWS resources through boto3, as the account's owner."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import boto3

from deployments import glue_code
from local import resource_kinds, resources
from local.ecs_resources import create_ecs_resources
from local.environment import environment
from local.message_resources import create_message_resources
from local.settings import REPOSITORY, LocalSettings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_glue.type_defs import JobUpdateTypeDef
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_secretsmanager import SecretsManagerClient

_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


def session(settings: LocalSettings) -> boto3.Session:
    """A session with the local credentials, so that the user's own are never used by accident."""
    values = environment(settings)
    return boto3.Session(
        aws_access_key_id=values["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=values["AWS_SECRET_ACCESS_KEY"],
        region_name=resource_kinds.REGION,
    )


def create_aws_resources(settings: LocalSettings, snowflake_secrets: Mapping[str, str]) -> None:
    aws, url = session(settings), settings.aws_url
    s3 = aws.client("s3", endpoint_url=url)
    for bucket in resources.BUCKETS:
        create_bucket(s3, bucket)
    for job in resources.GLUE_JOBS:
        upload_glue_code(s3, job)
    glue = aws.client("glue", endpoint_url=url)
    for database in resources.GLUE_DATABASES:
        create_glue_database(glue, database)
    for job in resources.GLUE_JOBS:
        create_glue_job(glue, job)
    secrets = aws.client("secretsmanager", endpoint_url=url)
    for name, value in snowflake_secrets.items():
        _put_secret(secrets, name, value)
    _put_secret(secrets, resources.HASH_KEY_SECRET.name, resources.HASH_KEY_SECRET.text)
    login = {"auth_string": resources.PREFECT_SECRET.auth_string}
    _put_secret(secrets, resources.PREFECT_SECRET.name, json.dumps(login))
    _create_tables(aws, url)
    create_message_resources(aws, url)
    sagemaker = aws.client("sagemaker", endpoint_url=url)
    create_model_package_groups(sagemaker)
    for group in resources.FEATURE_GROUPS:
        create_feature_group(sagemaker, group)
    create_ecs_resources(aws, url, environment(settings))


def create_bucket(s3: S3Client, bucket: resource_kinds.Bucket) -> None:
    with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(
            Bucket=bucket.name, CreateBucketConfiguration={"LocationConstraint": resource_kinds.REGION}
        )
    if bucket.versioned:
        s3.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"})
    if bucket.events:
        s3.put_bucket_notification_configuration(
            Bucket=bucket.name, NotificationConfiguration={"EventBridgeConfiguration": {}}
        )


def _create_tables(aws: boto3.Session, url: str) -> None:
    dynamodb = aws.client("dynamodb", endpoint_url=url)
    for table in resources.TABLES:
        try:
            create_table(dynamodb, table)
        except dynamodb.exceptions.ResourceInUseException:
            continue


def create_table(dynamodb: DynamoDBClient, table: resource_kinds.Table) -> None:
    keys = (table.hash_key, *table.indexes)
    indexes: list[dict[str, Any]] = [
        {
            "IndexName": index,
            "KeySchema": [{"AttributeName": index, "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }
        for index in table.indexes
    ]
    more: dict[str, Any] = {"GlobalSecondaryIndexes": indexes} if indexes else {}  # an empty list is refused
    dynamodb.create_table(
        TableName=table.name,
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        KeySchema=[{"AttributeName": table.hash_key, "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        **more,
    )
    if table.expires_by:
        dynamodb.update_time_to_live(
            TableName=table.name,
            TimeToLiveSpecification={"Enabled": True, "AttributeName": table.expires_by},
        )


def create_model_package_groups(sagemaker: SageMakerClient) -> None:
    known = {
        group["ModelPackageGroupName"]
        for group in sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"]
    }
    for group in resources.MODEL_PACKAGE_GROUPS:
        if group.name not in known:
            sagemaker.create_model_package_group(
                ModelPackageGroupName=group.name, ModelPackageGroupDescription=group.description
            )


def create_feature_group(sagemaker: SageMakerClient, group: resource_kinds.FeatureGroup) -> None:
    with suppress(sagemaker.exceptions.ResourceInUse):
        sagemaker.create_feature_group(
            FeatureGroupName=group.name,
            Description=group.description,
            RecordIdentifierFeatureName=group.identifier,
            EventTimeFeatureName=group.event_time,
            FeatureDefinitions=[
                {"FeatureName": name, "FeatureType": kind}  # type: ignore[typeddict-item]
                for name, kind in group.features.items()
            ],
            OnlineStoreConfig={"EnableOnlineStore": True},
            OfflineStoreConfig={
                "S3StorageConfig": {"S3Uri": group.location},
                "DisableGlueTableCreation": True,
            },
            RoleArn=resources.SAGEMAKER_ROLE,
        )


def create_glue_database(glue: GlueClient, database: resource_kinds.GlueDatabase) -> None:
    try:
        glue.create_database(DatabaseInput={"Name": database.name, "LocationUri": database.location})
    except glue.exceptions.AlreadyExistsException:
        return


def create_glue_job(glue: GlueClient, job: resource_kinds.GlueJob) -> None:
    """As CloudFormation does: a job that is there gets the new definition, and keeps its runs."""
    definition: dict[str, Any] = {
        "Role": job.role,
        "Command": {"Name": "glueetl", "ScriptLocation": job.script, "PythonVersion": "3"},
        "DefaultArguments": {
            "--extra-py-files": job.extra_py_files,
            glue_code.ARGUMENT: glue_code.version(),
        },
        "GlueVersion": job.glue_version,
        "WorkerType": job.worker_type,
        "NumberOfWorkers": job.workers,
        "Timeout": job.timeout_minutes,
        "ExecutionProperty": {"MaxConcurrentRuns": job.max_concurrent_runs},
    }
    try:
        glue.create_job(Name=job.name, **definition)
    except (glue.exceptions.AlreadyExistsException, glue.exceptions.IdempotentParameterMismatchException):
        glue.update_job(JobName=job.name, JobUpdate=cast("JobUpdateTypeDef", definition))


def _put_secret(secrets: SecretsManagerClient, name: str, value: str) -> None:
    try:
        secrets.create_secret(Name=name, SecretString=value)
    except secrets.exceptions.ResourceExistsException:
        secrets.put_secret_value(SecretId=name, SecretString=value)


def upload_glue_code(s3: S3Client, job: resource_kinds.GlueJob) -> None:
    script = REPOSITORY / "jobs" / "glue" / job.script.rpartition("/")[2]
    _upload(s3, job.script, script.read_bytes())
    _upload(s3, job.extra_py_files, packages_as_zip(REPOSITORY, glue_code.PACKAGES))


def _upload(s3: S3Client, uri: str, body: bytes) -> None:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    s3.put_object(Bucket=bucket, Key=key, Body=body)


def packages_as_zip(root: Path, packages: tuple[str, ...]) -> bytes:
    """A zip file that is the same for the same sources, so that an unchanged deployment is recognised as such."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for package in packages:
            for file in sorted((root / package).rglob("*.py")):
                entry = zipfile.ZipInfo(file.relative_to(root).as_posix(), _ZIP_EPOCH)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, file.read_bytes())
    return buffer.getvalue()
