"""What every container of ours has: an image that was released, a log, settings, and secrets by their ARN."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from aws_cdk import Aws, CfnCondition, CfnParameter, Duration, Fn, Stack, Token
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secrets

from deployments import names
from highwater_infra.buckets import bucket_name
from highwater_infra.environments import Environment
from highwater_infra.optional import is_given
from highwater_infra.permissions.isolation import TrainingNetwork

# As docker/build.sh builds.
PLATFORM: Final = ecs.RuntimePlatform(
    cpu_architecture=ecs.CpuArchitecture.X86_64, operating_system_family=ecs.OperatingSystemFamily.LINUX
)


class Release:
    """The image that runs, by its digest: a tag says which commit it was built from, not what is in it.

    The first `cdk deploy` comes before the first image: until one is named, no task is started.
    """

    def __init__(self, stack: Stack, images: ecr.IRepository) -> None:
        digest = CfnParameter(
            stack,
            "ImageDigest",
            default="",
            allowed_pattern=r"^(sha256:[0-9a-f]{64})?$",
            description="digest of the image to run (`make release` finds it); empty until the first one was pushed",
        )
        self.named = CfnCondition(stack, "ImageIsNamed", expression=is_given(digest))
        self.image = ecs.ContainerImage.from_registry(f"{images.repository_uri}@{digest.value_as_string}")

    def tasks(self, count: int) -> int:
        return int(Token.as_number(Fn.condition_if(self.named.logical_id, count, 0)))

    def nothing_runs_without(self, service: ecs.FargateService) -> None:
        resource = service.node.find_child("Service")
        assert isinstance(resource, ecs.CfnService)
        resource.desired_count = self.tasks(1)


def alert_settings() -> dict[str, str]:
    """For whoever tells people something once: the topics, and the table that remembers it."""
    return {
        "HIGHWATER_LEDGER_TABLE": names.LEDGER,
        "HIGHWATER_ALERTS_TOPIC": names.ALERTS,
        "HIGHWATER_WARNINGS_TOPIC": names.WARNINGS,
        "HIGHWATER_CRITICAL_TOPIC": names.CRITICAL,
    }


def settings(
    sagemaker_role: str, xgboost_image: str, key: kms.IKey, training: TrainingNetwork, database: str
) -> dict[str, str]:
    """tasks/settings.py, where production is not its default."""
    return {
        "HIGHWATER_LAKE_BUCKET": bucket_name(names.LAKE),
        "HIGHWATER_INBOX_BUCKET": bucket_name(names.INBOX),
        "HIGHWATER_ARTIFACTS_BUCKET": bucket_name(names.ARTIFACTS),
        "HIGHWATER_DATABASE": database,
        "HIGHWATER_SNOWFLAKE_SECRET": names.SNOWFLAKE_SECRET,
        "HIGHWATER_HASH_SECRET": names.HASH_KEY_SECRET,
        **alert_settings(),
        "HIGHWATER_CURATE_JOB": names.CURATE,
        "HIGHWATER_FEATURES_JOB": names.DEMAND_FEATURES,
        "HIGHWATER_CHURN_DATASET_JOB": names.CHURN_DATASET,
        "HIGHWATER_SILVER_JOB": names.SILVER_JOB,
        "HIGHWATER_GOLD_JOB": names.GOLD_JOB,
        "HIGHWATER_BRONZE_DIGEST_JOB": names.BRONZE_DIGEST,
        "HIGHWATER_MODEL_GROUP": names.MODEL_GROUP,
        "HIGHWATER_CHURN_MODEL_GROUP": names.CHURN_MODEL_GROUP,
        "HIGHWATER_FEATURE_GROUP": names.FEATURE_GROUP,
        "HIGHWATER_ENDPOINT": names.ENDPOINT,
        "HIGHWATER_SAGEMAKER_ROLE": sagemaker_role,
        "HIGHWATER_XGBOOST_IMAGE": xgboost_image,
        "HIGHWATER_KMS_KEY": key.key_arn,
        "HIGHWATER_TRAINING_SUBNETS": Fn.join(",", list(training.subnets)),
        "HIGHWATER_TRAINING_SECURITY_GROUPS": training.group,
        "PREFECT_DEFAULT_RESULT_STORAGE_BLOCK": names.RESULTS_BLOCK,
    }


def prefect_client(
    stack: Stack, secret: secrets.CfnSecret, environment: Environment
) -> dict[str, ecs.Secret]:
    """What a service needs to call Prefect's server."""
    return _from(stack, secret, {"PREFECT_API_URL": "api_url", **_login(environment)})


def prefect_login(stack: Stack, secret: secrets.CfnSecret, environment: Environment) -> dict[str, ecs.Secret]:
    """What a flow run needs. The worker gives it the server's address with RunTask, as it does all of its own Prefect
    settings, and ECS refuses a task that has a variable both as a secret and as an override."""
    return _from(stack, secret, _login(environment))


def _from(stack: Stack, secret: secrets.CfnSecret, fields: dict[str, str]) -> dict[str, ecs.Secret]:
    known = secrets.Secret.from_secret_complete_arn(
        stack, f"PrefectSecret{len(stack.node.children)}", secret.attr_id
    )
    return {name: ecs.Secret.from_secrets_manager(known, field) for name, field in fields.items()}


def login_is_in(secret: secrets.CfnSecret, environment: Environment) -> dict[str, str]:
    """The worker would give its own login to RunTask, in plain: told this, it leaves that to the task definition."""
    return {
        f"HIGHWATER_{variable}_SECRET_ARN": f"{secret.attr_id}:{field}::"
        for variable, field in _login(environment).items()
    }


def _login(environment: Environment) -> dict[str, str]:
    return (
        {"PREFECT_API_KEY": "api_key"}
        if environment.prefect == "cloud"
        else {"PREFECT_API_AUTH_STRING": "auth_string"}
    )


def container(
    definition: ecs.FargateTaskDefinition,
    name: str,
    release: Release,
    log: logs.LogGroup,
    stream_prefix: str,
    environment: Mapping[str, str],
    from_secrets: Mapping[str, ecs.Secret],
    *,
    command: Sequence[str] | None = None,
    health: Sequence[str] | None = None,
    port: int | None = None,
) -> ecs.ContainerDefinition:
    # The image belongs to root and is not written to; docker/Dockerfile lets its user write to this one place.
    definition.add_volume(name="tmp")
    made = definition.add_container(
        name,
        container_name=name,
        image=release.image,
        command=list(command) if command else None,
        readonly_root_filesystem=True,
        logging=ecs.LogDrivers.aws_logs(stream_prefix=stream_prefix, log_group=log),
        environment={"AWS_REGION": Aws.REGION, "AWS_DEFAULT_REGION": Aws.REGION, **environment},
        secrets=dict(from_secrets),
        health_check=ecs.HealthCheck(
            command=list(health),
            interval=Duration.seconds(30),
            timeout=Duration.seconds(5),
            start_period=Duration.seconds(120),
            retries=3,
        )
        if health
        else None,
        port_mappings=[ecs.PortMapping(container_port=port)] if port else None,
        # SIGTERM comes first. The services end in order; Prefect's process of a flow run has no handler, so it ends at once
        # (exit code 143), the run is Crashed, and who takes it up again finds the jobs that went on.
        stop_timeout=Duration.seconds(120),
        # Without it the command is process 1, for which the kernel ignores a signal that has no handler: a flow run would
        # live on until SIGKILL.
        linux_parameters=ecs.LinuxParameters(definition, f"Linux{name}", init_process_enabled=True),
    )
    made.add_mount_points(ecs.MountPoint(container_path="/tmp", source_volume="tmp", read_only=False))  # noqa: S108
    return made
