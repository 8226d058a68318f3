"""A connection to Snowflake, and statements run on it with failures said in our four kinds.

The key pair comes from Secrets Manager and is handed to prefect-snowflake's credentials, which do what we need (PEM to
DER, connect). Queries go through the connector's own cursor: the collection's `fetch_all` holds a whole result in memory.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from ipaddress import ip_address
from types import ModuleType
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from tasks.errors import DataError, HighwaterError, SystemFault, TransientError, from_aws
from tasks.settings import settings
from warehouse.names import identifier
from warehouse.statement import Kind, Statement

# The connector looks whether pandas is there, and imports all of it. No answer is read by it here.
_is_looked_for = "pandas" not in sys.modules
if _is_looked_for:
    sys.modules["pandas"] = None  # type: ignore[assignment]  # how Python marks a module that cannot be imported
try:
    import snowflake.connector.errors as failures
finally:
    if _is_looked_for:
        del sys.modules["pandas"]

# The package's __init__ imports a worker of its own for Snowpark containers: 50 MB and seconds of generated API that nobody
# here uses, in every process that runs a flow.
_UNUSED = "prefect_snowflake.experimental.workers.spcs"
sys.modules.setdefault(_UNUSED, ModuleType(_UNUSED))

from prefect_snowflake.credentials import InvalidPemFormat, SnowflakeCredentials  # noqa: E402

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from snowflake.connector import SnowflakeConnection

LOGIN_SECONDS = 30
# How long the connector goes on when Snowflake cannot be reached. It also cancels a statement after this time, however well
# it runs, unless the statement brings a limit of its own: `execute` always does.
NETWORK_SECONDS = 600
# An answer comes within 45 s: Snowflake says by then that a statement still runs.
SOCKET_SECONDS = 90
ROW_LOCK_SECONDS = (
    300  # less than any statement may take: a lock that is not had is transient, a statement's limit is not
)
_GRACE_SECONDS = 120  # Snowflake's own limit comes first and says so; this is for a Snowflake that does not

_REQUIRED = ("account", "user", "role", "warehouse", "private_key")
_ENDPOINT = ("host", "port", "protocol")


@cache
def _secrets() -> SecretsManagerClient:
    return boto3.client("secretsmanager")


@contextmanager
def connect(
    flow: str, run_id: str, step: str, *, role: str | None = None, unlimited_seconds: int = NETWORK_SECONDS
) -> Iterator[SnowflakeConnection]:
    """A session whose every query says in QUERY_TAG what it was for, and whose clock is UTC.

    `unlimited_seconds` is for statements that are not sent by `execute`, and so bring no limit of their own.

    The end of the session rolls back what was not committed. The connector's own context manager would send COMMIT or
    ROLLBACK first, and where that fails put its error in the place of the one that people have to read.
    """
    connection = connected(query_tag(flow, run_id, step), role, unlimited_seconds)
    try:
        yield connection
    finally:
        connection.close()


def query_tag(flow: str, run_id: str, step: str) -> str:
    return json.dumps({"flow": flow, "run_id": run_id, "step": step}, separators=(",", ":"))


def connected(
    tag: str, role: str | None = None, unlimited_seconds: int = NETWORK_SECONDS
) -> SnowflakeConnection:
    """Logged in. Whoever asks closes the connection."""
    secret = read_secret(settings().snowflake_secret)
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
            network_timeout=int(secret.get("network_timeout", unlimited_seconds)),
            socket_timeout=int(secret.get("socket_timeout", SOCKET_SECONDS)),
            session_parameters={
                "QUERY_TAG": tag,
                "TIMEZONE": "UTC",
                "LOCK_TIMEOUT": ROW_LOCK_SECONDS,
                # What a worker that died had asked for stops after five minutes, and what it had begun soon after.
                "ABORT_DETACHED_QUERY": True,
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
    seconds = seconds_of(statement.kind)
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                statement.sql,
                statement.parameters or None,
                timeout=seconds + _GRACE_SECONDS,
                _statement_params={**_limits(statement.kind, seconds), **_tag_of(connection)},
            )
            row = cursor.fetchone()
    except failures.Error as error:
        raise _kind(error, f"{statement.step} in Snowflake", statement.kind) from error
    return tuple(row) if isinstance(row, tuple) else ()


# Of a session that serves one step after another: its own QUERY_TAG is that of the step which logged in.
_tags: WeakKeyDictionary[SnowflakeConnection, str] = WeakKeyDictionary()


def tag_statements(connection: SnowflakeConnection, tag: str) -> None:
    """From now on each statement that `execute` sends carries this QUERY_TAG in place of the session's."""
    _tags[connection] = tag


def _tag_of(connection: SnowflakeConnection) -> dict[str, str]:
    return {"QUERY_TAG": _tags[connection]} if connection in _tags else {}


def seconds_of(kind: Kind) -> int:
    return int(getattr(settings(), _setting(kind)))


def _setting(kind: Kind) -> str:
    return f"statement_seconds_{kind}"


def _limits(kind: Kind, seconds: int) -> dict[str, str]:
    """A wait for the lock ends as one, not as a statement that took too long."""
    if kind is Kind.LOCK:
        return {"STATEMENT_TIMEOUT_IN_SECONDS": str(seconds + 60), "LOCK_TIMEOUT": str(seconds)}
    return {"STATEMENT_TIMEOUT_IN_SECONDS": str(seconds)}


_ROW_ERRORS = frozenset({100035, 100038, 100040, 100046, 100071, 100072, 100078, 100132})
_PASSING_ERRORS = frozenset({625, 390111, 390112, 390114})
_CANCELLED, _TOOK_TOO_LONG = 604, 630


def _kind(error: failures.Error, doing: str, kind: Kind | None = None) -> HighwaterError:
    """Values that do not fit are data; locks and lost connections pass; the rest needs a person."""
    message = f"{doing}: {error.msg or error}"
    if isinstance(error, failures.IntegrityError) or error.errno in _ROW_ERRORS:
        return DataError(message)
    if error.errno in (_CANCELLED, _TOOK_TOO_LONG):
        return SystemFault(f"{message}. {_what_ended(error.errno, kind)}")
    if isinstance(error, failures.ProgrammingError) and error.errno not in _PASSING_ERRORS:
        return SystemFault(message)
    if isinstance(error, (failures.ForbiddenError, failures.NotSupportedError)):
        return SystemFault(message)
    if isinstance(error, failures.DatabaseError) and error.errno in _REFUSED_LOGINS:
        return SystemFault(message)
    return TransientError(message)


def _what_ended(errno: int, kind: Kind | None) -> str:
    if errno == _CANCELLED or kind is None:
        return "Somebody cancelled it, or it ran past its limit: see Snowflake's query history, then run it again."
    return (
        f"Trying again would end the same way. Its limit is {seconds_of(kind)} s (HIGHWATER_{_setting(kind).upper()}), "
        "unless the warehouse's own STATEMENT_TIMEOUT_IN_SECONDS is less: raise the lower one, or enlarge the warehouse."
    )


_REFUSED_LOGINS = frozenset({390100, 390101, 390102, 390103, 390144, 390186, 390189, 394300, 394304})
