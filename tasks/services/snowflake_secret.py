"""The secret with a Snowflake login: read from Secrets Manager and checked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from tasks.errors import SystemFault, from_aws

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

REQUIRED = ("account", "user", "role", "warehouse", "private_key")


@cache
def _secrets() -> SecretsManagerClient:
    return boto3.client("secretsmanager")


def read_secret(name: str, required: Sequence[str] = REQUIRED) -> Mapping[str, Any]:
    doing = f"reading the Snowflake credentials from secret {name}"
    try:
        text = _secrets().get_secret_value(SecretId=name)["SecretString"]
    except (ClientError, BotoCoreError) as error:
        raise from_aws(error, doing) from error
    try:
        secret = json.loads(text)
    except json.JSONDecodeError as error:
        raise SystemFault(f"{doing}: it is not JSON (position {error.pos})") from None
    if not isinstance(secret, dict):
        raise SystemFault(f"{doing}: it is not a JSON object")
    return checked(secret, name, required)


def checked(secret: Mapping[str, Any], name: str, required: Sequence[str] = REQUIRED) -> Mapping[str, Any]:
    """The secret, validated. Unless its host is loopback, a secret with a password is rejected, even if it has a key."""
    if "password" in secret and not is_loopback(str(secret.get("host", ""))):
        raise SystemFault(
            f"secret {name} holds a password: Highwater logs in with a key pair. Remove the password."
        )
    missing = [field for field in required if not secret.get(field)]
    if missing:
        raise SystemFault(f"secret {name} lacks {', '.join(missing)}: add them and run again")
    return secret


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
