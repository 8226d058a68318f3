"""The environment variables that point a process at the local cloud instead of the real one."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache

from deployments import glue_code
from deployments.fingerprint import fingerprint
from local import resource_kinds, resources
from local.settings import LOOPBACK, REPOSITORY, LocalSettings

# The user's profile, session token or proxy would send requests for this machine elsewhere.
MISLEADING = (
    "AWS_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_ENDPOINT_URL_S3",
    "PREFECT_API_KEY",
    "PREFECT_PROFILE",
    "PREFECT_API_DATABASE_CONNECTION_URL",
    "PREFECT_SERVER_DATABASE_CONNECTION_URL",
)


DEPLOYMENT_SETTINGS = REPOSITORY / "deployments" / "local.env"


def environment(settings: LocalSettings | None = None) -> dict[str, str]:
    settings = settings or LocalSettings()
    return {
        "AWS_ENDPOINT_URL": settings.aws_url,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": resource_kinds.REGION,
        "AWS_REGION": resource_kinds.REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "PREFECT_API_URL": settings.prefect_api_url,
        "PREFECT_HOME": str(settings.prefect_state),
        "PREFECT_DEFAULT_RESULT_STORAGE_BLOCK": resources.RESULTS.block,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "HIGHWATER_LAKE_BUCKET": resources.LAKE.name,
        "HIGHWATER_INBOX_BUCKET": resources.INBOX.name,
        "HIGHWATER_ARTIFACTS_BUCKET": resources.ARTIFACTS.name,
        "HIGHWATER_LEDGER_TABLE": resources.LEDGER.name,
        "HIGHWATER_ALERTS_TOPIC": resources.ALERTS.name,
        "HIGHWATER_WARNINGS_TOPIC": resources.WARNINGS.name,
        "HIGHWATER_CRITICAL_TOPIC": resources.CRITICAL.name,
        "HIGHWATER_CURATE_JOB": resources.CURATE.name,
        "HIGHWATER_FEATURES_JOB": resources.DEMAND_FEATURES.name,
        "HIGHWATER_CHURN_DATASET_JOB": resources.CHURN_DATASET.name,
        "HIGHWATER_SILVER_JOB": resources.SILVER_JOB.name,
        "HIGHWATER_GOLD_JOB": resources.GOLD_JOB.name,
        "HIGHWATER_MODEL_GROUP": resources.DEMAND_FORECAST.name,
        "HIGHWATER_CHURN_MODEL_GROUP": resources.CHURN.name,
        "HIGHWATER_FEATURE_GROUP": resources.CUSTOMER_FEATURES.name,
        "HIGHWATER_ENDPOINT": resources.ENDPOINT,
        "HIGHWATER_BRONZE_DIGEST_JOB": resources.BRONZE_DIGEST.name,
        "HIGHWATER_SAGEMAKER_ROLE": resources.SAGEMAKER_ROLE,
        "HIGHWATER_XGBOOST_IMAGE": resources.XGBOOST_IMAGE,
        "HIGHWATER_TRAINING_SUBNETS": ",".join(resources.TRAINING_SUBNETS),
        "HIGHWATER_TRAINING_SECURITY_GROUPS": resources.TRAINING_SECURITY_GROUP,
        "HIGHWATER_SNOWFLAKE_SECRET": resources.SNOWFLAKE_SECRET.name,
        "HIGHWATER_SNOWFLAKE_DEPLOYER_SECRET": resources.DEPLOYER_SECRET.name,
        "SNOWFLAKE_HOME": str(settings.snowflake_home),  # an administrator's own connections are not of here
        "HIGHWATER_HASH_SECRET": resources.HASH_KEY_SECRET.name,
        "HIGHWATER_DATABASE": resources.WAREHOUSE.name,
        "HIGHWATER_WORK_POOL": resources.WORK_POOL.name,
        "HIGHWATER_CODE": str(REPOSITORY),
        "HIGHWATER_CODE_VERSION": code_version(),
        "PREFECT_INTEGRATIONS_AWS_ECS_OBSERVER_SQS_QUEUE_NAME": resources.TASK_CHANGES.queue,
        **deployment_settings(),
        "NO_PROXY": f"{LOOPBACK},localhost",
        "no_proxy": f"{LOOPBACK},localhost",
        **settings.as_environment(),
    }


@cache
def code_version() -> str:
    """The current commit, as it is baked into production's image, plus a hash of uncommitted changes to Glue's code."""
    described = _described()
    is_committed = described != "unversioned" and not described.endswith("-dirty")
    return described if is_committed else f"{described}-{fingerprint(REPOSITORY, glue_code.PACKAGES)[:8]}"


def _described() -> str:
    git = shutil.which("git")
    if git is None or not (REPOSITORY / ".git").exists():
        return "unversioned"
    asked = [git, "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    return subprocess.run(asked, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.strip()


def deployment_settings() -> dict[str, str]:
    """The variables that prefect.yaml reads. A variable that is set already is kept."""
    lines = (line.strip() for line in DEPLOYMENT_SETTINGS.read_text().splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: os.environ.get(name, value) for name, _, value in pairs}


def process_environment(
    settings: LocalSettings, inherited: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The complete environment of a process of the local cloud."""
    inherited = os.environ if inherited is None else inherited
    kept = {name: value for name, value in inherited.items() if name not in MISLEADING}
    return {**kept, **environment(settings)}


def shell_exports(settings: LocalSettings) -> str:
    """The lines for `eval "$(python -m local env)"`."""
    unset = "unset " + " ".join(MISLEADING)
    exports = [f"export {name}={shlex.quote(value)}" for name, value in environment(settings).items()]
    return "\n".join([unset, *exports])
