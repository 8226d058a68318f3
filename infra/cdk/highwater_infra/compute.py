"""What carries the data: Glue's jobs with their code, the feature group, and the registries of models."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import phonenumbers
from aws_cdk import IgnoreMode, Stack
from aws_cdk import aws_glue as glue
from aws_cdk import aws_s3_assets as assets
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from deployments import glue_code, names
from highwater_infra import churn_endpoint, log_groups
from highwater_infra.access import Access
from highwater_infra.customer_features import feature_group
from highwater_infra.environments import Environment
from highwater_infra.lake import Lake

REPOSITORY: Final = Path(__file__).resolve().parents[3]
GLUE_VERSION: Final = "5.1"
SLOW_MINUTES: Final = 60

_MODELS: Final = {
    "Models": (
        names.MODEL_GROUP,
        "Weekly demand per SKU and region; a version for each training that passed the gate",
    ),
    "ChurnModels": (
        names.CHURN_MODEL_GROUP,
        "Churn of each customer; a version for each training that passed the gate",
    ),
}
# Personal data of silver and gold is read by their role alone.
_OF_THE_MEDALLION: Final = (*names.MEDALLION_JOBS, names.CHURN_DATASET)


@dataclass(frozen=True)
class Job:
    name: str
    script: str
    timeout_minutes: int
    concurrent_runs: int
    reads_phones: bool = False


JOBS: Final = (
    Job(names.CURATE, "jobs/glue/curate.py", timeout_minutes=120, concurrent_runs=4),
    Job(names.DEMAND_FEATURES, "jobs/glue/demand_features.py", timeout_minutes=120, concurrent_runs=4),
    Job(names.CHURN_DATASET, "jobs/glue/churn_dataset.py", timeout_minutes=120, concurrent_runs=4),
    Job(names.SILVER_JOB, "jobs/glue/silver.py", timeout_minutes=120, concurrent_runs=4, reads_phones=True),
    Job(names.BRONZE_DIGEST, "jobs/glue/bronze_digest.py", timeout_minutes=120, concurrent_runs=4),
    Job(names.GOLD_JOB, "jobs/glue/gold.py", timeout_minutes=120, concurrent_runs=4),
)


class Compute(Stack):
    def __init__(
        self, scope: Construct, name: str, environment: Environment, lake: Lake, access: Access
    ) -> None:
        super().__init__(scope, name)
        self._lake = lake
        log_groups.of_jobs(self, lake.key, environment.log_days)
        security = self._security()
        packages, phones = self._packages(), self._phonenumbers()
        for job in JOBS:
            script = assets.Asset(self, f"{job.name}-script", path=str(REPOSITORY / job.script))
            archives = (packages, phones) if job.reads_phones else (packages,)
            role = access.medallion_job if job.name in _OF_THE_MEDALLION else access.glue_job
            glue.CfnJob(
                self,
                job.name,
                name=job.name,
                role=role.role_arn,
                command=glue.CfnJob.JobCommandProperty(
                    name="glueetl", python_version="3", script_location=script.s3_object_url
                ),
                default_arguments={
                    "--extra-py-files": ",".join(archive.s3_object_url for archive in archives),
                    glue_code.ARGUMENT: glue_code.version(),
                    "--enable-metrics": "true",
                    "--enable-continuous-cloudwatch-log": "true",
                },
                glue_version=GLUE_VERSION,
                worker_type=environment.glue_worker,
                number_of_workers=environment.glue_workers,
                timeout=job.timeout_minutes,
                # A run is repeated by the flow, which knows whether that can help.
                max_retries=0,
                execution_property=glue.CfnJob.ExecutionPropertyProperty(
                    max_concurrent_runs=job.concurrent_runs
                ),
                notification_property=glue.CfnJob.NotificationPropertyProperty(
                    notify_delay_after=SLOW_MINUTES
                ),
                security_configuration=security.ref,
            )
        for construct, (group, what) in _MODELS.items():
            sagemaker.CfnModelPackageGroup(
                self, construct, model_package_group_name=group, model_package_group_description=what
            )
        feature_group(self, lake, access.feature_store)
        churn_endpoint.scale(self)

    def _packages(self) -> assets.Asset:
        """contracts/ and jobs/ as one archive, as the local cloud ships them; nothing else of the repository."""
        return assets.Asset(
            self,
            "packages",
            path=str(REPOSITORY),
            ignore_mode=IgnoreMode.GIT,
            exclude=["/*", "!/contracts/", "!/jobs/", "**/*.*", "!**/*.py", "__pycache__/"],
        )

    def _phonenumbers(self) -> assets.Asset:
        """The library that silver needs beside what Glue brings, so that no run needs a package index.

        Without its tables of places, carriers and time zones, which are three quarters of it.
        """
        return assets.Asset(
            self,
            "phonenumbers",
            path=str(Path(phonenumbers.__file__).parents[1]),
            ignore_mode=IgnoreMode.GIT,
            exclude=[
                "/*",
                "!/phonenumbers/",
                "**/*.*",
                "!/phonenumbers/**/*.py",
                "geodata/",
                "carrierdata/",
                "tzdata/",
                "__pycache__/",
            ],
        )

    def _security(self) -> glue.CfnSecurityConfiguration:
        key = self._lake.key.key_arn
        encryption = glue.CfnSecurityConfiguration
        return encryption(
            self,
            "Security",
            name=names.GLUE_SECURITY,
            encryption_configuration=encryption.EncryptionConfigurationProperty(
                s3_encryptions=[
                    encryption.S3EncryptionProperty(kms_key_arn=key, s3_encryption_mode="SSE-KMS")
                ],
                cloud_watch_encryption=encryption.CloudWatchEncryptionProperty(
                    kms_key_arn=key, cloud_watch_encryption_mode="SSE-KMS"
                ),
                job_bookmarks_encryption=encryption.JobBookmarksEncryptionProperty(
                    kms_key_arn=key, job_bookmarks_encryption_mode="CSE-KMS"
                ),
            ),
        )
