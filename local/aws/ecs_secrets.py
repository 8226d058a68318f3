"""Read an ECS container's secrets from the local Secrets Manager and Parameter Store, and refuse duplicate names."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError
from moto.ecs.exceptions import EcsClientException

from local.aws.job_runner import CannotRunError

_UNABLE = "ResourceInitializationError: unable to pull secrets or registry auth"
# arn:aws:secretsmanager:<region>:<account>:secret:<name>, then :<json key>:<version stage>:<version id>
_PARTS_OF_ARN = 7


def refuse_shared_names(
    containers: Iterable[Mapping[str, Any]], overrides: Iterable[Mapping[str, Any]]
) -> None:
    """Refuse a secret that has the name of an environment variable of the definition or of the request."""
    requested = {override.get("name"): override for override in overrides}
    for container in containers:
        secrets = _names(container.get("secrets"))
        override = requested.get(container.get("name"), {})
        for name in [*_names(container.get("environment")), *_names(override.get("environment"))]:
            if name in secrets:
                raise EcsClientException(
                    "The secret name must be unique and not shared with any new or existing environment variables set "
                    f"on the container, such as '{name}'."
                )


def values(secrets: Sequence[Mapping[str, str]], secrets_manager: Any, parameters: Any) -> dict[str, str]:
    """The secrets as environment variables. If one cannot be read, the task fails before it starts, as on AWS."""
    return {s["name"]: _value(s["valueFrom"], secrets_manager, parameters) for s in secrets}


def _names(variables: Sequence[Mapping[str, str]] | None) -> list[str]:
    return [variable["name"] for variable in variables or []]


def _value(source: str, secrets_manager: Any, parameters: Any) -> str:
    if source.startswith("arn:") and source.split(":")[2] == "secretsmanager":
        return _secret(source, secrets_manager)
    name = source.partition(":parameter")[2] if source.startswith("arn:") else source
    try:
        return str(parameters.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])
    except ClientError as error:
        raise CannotRunError(f"{_UNABLE}: unable to get parameter {source} from ssm: {error}") from error


def _secret(source: str, secrets_manager: Any) -> str:
    parts = source.split(":")
    arn, wanted = ":".join(parts[:_PARTS_OF_ARN]), [*parts[_PARTS_OF_ARN:], "", "", ""]
    key, stage, version = wanted[:3]
    chosen = {"VersionStage": stage, "VersionId": version}
    try:
        answer = secrets_manager.get_secret_value(
            SecretId=arn, **{field: value for field, value in chosen.items() if value}
        )
    except ClientError as error:
        raise CannotRunError(
            f"{_UNABLE}: failed to fetch secret {arn} from secrets manager: {error}"
        ) from error
    text = str(answer["SecretString"])
    if not key:
        return text
    try:
        content = json.loads(text)
    except ValueError:
        content = None
    if not isinstance(content, dict) or key not in content:
        # Leave out the secret's text: everyone who may describe the task can read this message.
        raise CannotRunError(
            f"{_UNABLE}: retrieved secret from Secrets Manager did not contain json key {key}"
        )
    return str(content[key])
