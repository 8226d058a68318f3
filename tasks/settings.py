"""What differs between a laptop, staging and production: names and endpoints, nothing else.

AWS's and Snowflake's own variables keep their own names and are read by their own clients.
"""

from __future__ import annotations

from functools import cache

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.language.written import ORDER_YEARS


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="HIGHWATER_")

    lake_bucket: str = Field(
        default="highwater-lake", description="bucket that holds raw, curated and run-scoped files"
    )
    database: str = Field(default="HIGHWATER", description="Snowflake database")
    snowflake_secret: str = Field(
        default="highwater/snowflake", description="Secrets Manager name of the key pair"
    )
    statement_seconds_quick: int = Field(
        default=600, ge=360, description="limit of a Snowflake statement on a few rows: heads, records, BEGIN"
    )
    statement_seconds_lock: int = Field(
        default=1800, ge=1, description="how long a load waits for the write lock of the warehouse"
    )
    statement_seconds_load: int = Field(
        default=3600, ge=360, description="limit of a Snowflake statement that copies, merges or recomputes"
    )
    statement_seconds_mart: int = Field(
        default=7200, ge=360, description="limit of a Snowflake statement that rebuilds a mart"
    )
    ledger_table: str = Field(default="highwater-ledger", description="DynamoDB table of external jobs")
    lease_seconds: float = Field(
        default=60,
        ge=1,
        description="how long a run that stopped answering keeps its jobs; it renews four times in this time",
    )
    slot_wait_hours: float = Field(
        default=2,
        ge=0,
        description="how long a run waits for Glue or SageMaker to have room for its job",
    )
    retry_seconds: float = Field(
        default=2,
        gt=0,
        description="pause before what failed for a passing reason is tried again; doubled each time, three times in all",
    )
    alerts_topic: str = Field(default="highwater-alerts", description="SNS topic of every event")
    warnings_topic: str = Field(
        default="highwater-warnings", description="SNS topic of what people look at within the day"
    )
    critical_topic: str = Field(default="highwater-critical", description="SNS topic of what wakes people")
    curate_job: str = Field(
        default="highwater-curate", description="Glue job that cleans and versions raw files"
    )
    features_job: str = Field(
        default="highwater-demand-features", description="Glue job that makes the forecast's features"
    )
    artifacts_bucket: str = Field(
        default="highwater-artifacts", description="bucket that holds code for SageMaker, and models"
    )
    model_group: str = Field(
        default="highwater-demand-forecast", description="SageMaker model package group of the forecast"
    )
    sagemaker_role: str = Field(
        default="arn:aws:iam::123456789012:role/highwater-sagemaker",
        description="role that SageMaker's jobs run as",
    )
    xgboost_image: str = Field(
        default="720646828776.dkr.ecr.ap-south-1.amazonaws.com/sagemaker-xgboost:3.2-0",
        description="AWS's XGBoost container, in the region's registry",
    )
    kms_key: str = Field(
        default="",
        description="ARN of the key for what SageMaker's jobs write and for their disks; empty: AWS's own keys",
    )
    training_instance: str = Field(default="ml.m5.2xlarge", description="for training and evaluation")
    transform_instance: str = Field(default="ml.m5.xlarge", description="for batch transform")
    code_version: str = Field(default="dev", description="git SHA that the image was built from")
    take_up_seconds: float = Field(
        default=60,
        ge=0,
        description="how long a crashed run waits until it is taken up again, doubled the second time",
    )
    order_years_max: int = Field(
        default=ORDER_YEARS,
        ge=1,
        le=100,
        description="an order dated more years than this before its raw date goes to quarantine",
    )
    time_zone: str = Field(default="Asia/Kolkata", description="zone in which a business day begins and ends")


@cache
def settings() -> Settings:
    return Settings()
