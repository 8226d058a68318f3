"""A connection to Snowflake, and statements run on it with failures said in our four kinds.

The key pair comes from Secrets Manager and is handed to prefect-snowflake's credentials, which do what we need (PEM to
DER, connect). Queries go through the connector's own cursor: the collection's `fetch_all` holds a whole result in memory.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from functools import cache
from ipaddress import ip_address
from types import ModuleType
from typing import TYPE_CHECKING, Any

import boto3
import snowflake.connector.errors as failures
from botocore.exceptions import BotoCoreError, ClientError

from tasks.errors import DataError, HighwaterError, SystemFault, TransientError, from_aws
from tasks.settings import settings
from warehouse.names import identifier
from warehouse.statement import Statement

# The package's __init__ imports a worker of its own for Snowpark containers: 50 MB and seconds of generated API that nobody
# here uses, in every process that runs a flow.
_UNUSED = "prefect_snowflake.experimental.workers.spcs"
sys.modules.setdefault(_UNUSED, ModuleType(_UNUSED))

from prefect_snowflake.credentials import InvalidPemFormat, SnowflakeCredentials  # noqa: E402

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from snowflake.connector import SnowflakeConnection

LOGIN_SECONDS = 30
NETWORK_SECONDS = 600  # the connector would retry a failing server for as long as a statement may take
STATEMENT_SECONDS = 3600

_REQUIRED = ("account", "user", "role", "warehouse", "private_key")
_ENDPOINT = ("host", "port", "protocol")


@cache
def _secrets() -> SecretsManagerClient:
    return boto3.client("secretsmanager")


def connect(flow: str, run_id: str, step: str, *, role: str | None = None) -> SnowflakeConnection:
    """A session whose every query says in QUERY_TAG what it was for, and whose clock is UTC."""
    secret = read_secret(settings().snowflake_secret)
    tag = json.dumps({"flow": flow, "run_id": run_id, "step": step}, separators=(",", ":"))
    credentials = SnowflakeCredentials(
        account=secret["account"],
        user=secret["user"],
        role=role or secret["role"],
        private_key=secret["private_key"],
        authenticator="snowflake_jwt",
    )
    try:
        return credentials.get_client(
            warehouse=secret["warehouse"],
            database=identifier(settings().database),
            login_timeout=LOGIN_SECONDS,
            network_timeout=int(secret.get("network_timeout", NETWORK_SECONDS)),
            session_parameters={
                "QUERY_TAG": tag,
                "TIMEZONE": "UTC",
                "STATEMENT_TIMEOUT_IN_SECONDS": STATEMENT_SECONDS,
            },
            **{name: secret[name] for name in _ENDPOINT if name in secret},
        )
    except (InvalidPemFormat, ValueError) as error:
        raise SystemFault(
            f"connecting to Snowflake: private_key of {settings().snowflake_secret} is no PEM key: {error}"
        ) from error
    except failures.Error as error:
        raise _kind(
            error, f"connecting to Snowflake account {secret['account']} as {secret['user']}"
        ) from error


def read_secret(name: str) -> Mapping[str, Any]:
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
    return checked(secret, name)


def checked(secret: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Passwords are being retired: outside a loopback address a secret that holds one is refused, even beside a key."""
    if "password" in secret and not is_loopback(str(secret.get("host", ""))):
        raise SystemFault(
            f"secret {name} holds a password: Highwater logs in with a key pair. Remove the password."
        )
    missing = [field for field in _REQUIRED if not secret.get(field)]
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


def execute(connection: SnowflakeConnection, statement: Statement) -> tuple[Any, ...]:
    """The first row of the answer: DML answers with its counts, a query that is asked this way with one row."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement.sql, statement.parameters or None)
            row = cursor.fetchone()
    except failures.Error as error:
        raise _kind(error, f"{statement.step} in Snowflake") from error
    return tuple(row) if isinstance(row, tuple) else ()


_ROW_ERRORS = frozenset({100035, 100038, 100040, 100046, 100071, 100072, 100078, 100132})
_PASSING_ERRORS = frozenset({604, 625, 630, 390112, 390114})


def _kind(error: failures.Error, doing: str) -> HighwaterError:
    """Values that do not fit are data; locks, time-outs and lost connections pass; the rest needs a person."""
    message = f"{doing}: {error.msg or error}"
    if isinstance(error, failures.IntegrityError) or error.errno in _ROW_ERRORS:
        return DataError(message)
    if isinstance(error, failures.ProgrammingError) and error.errno not in _PASSING_ERRORS:
        return SystemFault(message)
    if isinstance(error, (failures.ForbiddenError, failures.NotSupportedError)):
        return SystemFault(message)
    if isinstance(error, failures.DatabaseError) and error.errno in _REFUSED_LOGINS:
        return SystemFault(message)
    return TransientError(message)


_REFUSED_LOGINS = frozenset({390100, 390101, 390102, 390103, 390144, 390186, 390189, 394300, 394304})
