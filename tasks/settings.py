"""Settings that differ between a laptop, staging and production, from HIGHWATER_ environment variables.

AWS's and Snowflake's own variables keep their names and are read by their own clients.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

import deployments
from contracts.language.written import ORDER_YEARS
from deployments import names
from deployments.settings import Listed


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="HIGHWATER_")

    lake_bucket: str = Field(
        default=names.LAKE, description="bucket that holds raw, curated and run-scoped files"
    )
    inbox_bucket: str = Field(
        default=names.INBOX, description="bucket into which partners drop files, with versions"
    )
    feeds: Path = Field(
        default=Path(deployments.__file__).with_name("feeds.yaml"),
        description="file that says how partners' files in the inbox are written, where that is agreed",
    )
    extraction: Path = Field(
        default=Path(deployments.__file__).with_name("extraction"),
        description="folder of the files that say what is extracted from each source, and how",
    )
    medallion: Path = Field(
        default=Path(deployments.__file__).with_name("medallion"),
        description="folder of the files that say how gold is computed: the segments of customers",
    )
    database: str = Field(default=names.DATABASE, description="Snowflake database")
    snowflake_secret: str = Field(
        default=names.SNOWFLAKE_SECRET, description="Secrets Manager name of the key pair of flows"
    )
    snowflake_deployer_secret: str = Field(
        default=names.SNOWFLAKE_DEPLOYER_SECRET,
        description="Secrets Manager name of the key pair of migrations",
    )
    hash_secret: str = Field(
        default=names.HASH_KEY_SECRET,
        description="Secrets Manager name of the key for hashes of personal data",
    )
    statement_seconds_quick: int = Field(
        default=600,
        ge=360,
        description="timeout of a Snowflake statement on a few rows: heads, records, BEGIN",
    )
    statement_seconds_lock: int = Field(
        default=1800, ge=1, description="how long a load waits for the write lock of the warehouse"
    )
    statement_seconds_load: int = Field(
        default=3600, ge=360, description="timeout of a Snowflake statement that copies, merges or recomputes"
    )
    statement_seconds_mart: int = Field(
        default=7200, ge=360, description="timeout of a Snowflake statement that rebuilds a mart"
    )
    dbt: Path = Field(
        default=Path(deployments.__file__).parents[1] / ".venv-dbt" / "bin" / "dbt",
        description="the program dbt, in its own environment",
    )
    ledger_table: str = Field(default=names.LEDGER, description="DynamoDB table of external jobs")
    watermarks_table: str = Field(
        default=names.WATERMARKS, description="DynamoDB table of how far each entity was extracted"
    )
    lease_seconds: float = Field(
        default=60,
        ge=1,
        description="lease duration: how long a run that stopped sending heartbeats keeps its jobs; a live run renews "
        "its lease four times in this period",
    )
    slot_wait_hours: float = Field(
        default=2,
        ge=0,
        description="how long a run waits for a free Glue or SageMaker slot for its job",
    )
    retry_seconds: float = Field(
        default=2,
        gt=0,
        description="delay before the first retry of a transient failure; doubles with each of three retries",
    )
    alerts_topic: str = Field(default=names.ALERTS, description="SNS topic of every event")
    warnings_topic: str = Field(
        default=names.WARNINGS, description="SNS topic of alerts to look at within the day"
    )
    critical_topic: str = Field(
        default=names.CRITICAL, description="SNS topic of alerts that page the on-call"
    )
    curate_job: str = Field(default=names.CURATE, description="Glue job that cleans and versions raw files")
    features_job: str = Field(
        default=names.DEMAND_FEATURES, description="Glue job that builds the forecast's features"
    )
    churn_dataset_job: str = Field(
        default=names.CHURN_DATASET, description="Glue job that builds the rows of the churn model"
    )
    silver_job: str = Field(default=names.SILVER_JOB, description="Glue job that computes silver from bronze")
    gold_job: str = Field(default=names.GOLD_JOB, description="Glue job that computes gold from silver")
    artifacts_bucket: str = Field(
        default=names.ARTIFACTS, description="bucket that holds code for SageMaker, and models"
    )
    bronze_digest_job: str = Field(
        default=names.BRONZE_DIGEST, description="Glue job that computes the checksums of a bronze table"
    )
    model_group: str = Field(
        default=names.MODEL_GROUP, description="SageMaker model package group of the forecast"
    )
    churn_model_group: str = Field(
        default=names.CHURN_MODEL_GROUP, description="SageMaker model package group of the churn model"
    )
    feature_group: str = Field(
        default=names.FEATURE_GROUP, description="SageMaker feature group of the customers' features"
    )
    sagemaker_role: str = Field(
        default=f"arn:aws:iam::123456789012:role/{names.SAGEMAKER}",
        description="role that SageMaker's jobs run as",
    )
    xgboost_image: str = Field(
        default="720646828776.dkr.ecr.ap-south-1.amazonaws.com/sagemaker-xgboost:3.2-0",
        description="AWS's XGBoost container, in the region's registry",
    )
    kms_key: str = Field(
        default="",
        description="ARN of the KMS key for SageMaker jobs' outputs and disks; empty: AWS-managed keys",
    )
    training_subnets: Listed = Field(
        default=[],
        description="subnets, separated by commas, through which SageMaker brings and takes the files of trainings; "
        "empty: through its own network",
    )
    training_security_groups: Listed = Field(
        default=[], description="the trainings' security groups in these subnets, separated by commas"
    )
    training_instance: str = Field(
        default="ml.m5.2xlarge", description="instance type for training and evaluation"
    )
    transform_instance: str = Field(default="ml.m5.xlarge", description="instance type for batch transform")
    endpoint: str = Field(default=names.ENDPOINT, description="SageMaker endpoint of the churn model")
    endpoint_instance: str = Field(
        default="ml.m5.large", description="instance type of each variant of the endpoint"
    )
    code_version: str = Field(default="dev", description="git SHA that the image was built from")
    take_up_seconds: float = Field(
        default=60,
        ge=0,
        description="delay before a crashed run is retried; doubled for the second retry",
    )
    order_years_max: int = Field(
        default=ORDER_YEARS,
        ge=1,
        le=100,
        description="an order dated more than this many years before its raw date goes to quarantine",
    )
    time_zone: str = Field(default="Asia/Kolkata", description="time zone of the business day")

    @model_validator(mode="after")
    def _network_is_whole(self) -> Settings:
        if bool(self.training_subnets) != bool(self.training_security_groups):
            raise ValueError(
                "HIGHWATER_TRAINING_SUBNETS and HIGHWATER_TRAINING_SECURITY_GROUPS: name both or neither"
            )
        return self


@cache
def settings() -> Settings:
    return Settings()
