"""Connect to Snowflake and run statements, with errors mapped to our four kinds (tasks/errors.py).

The key pair comes from Secrets Manager. prefect-snowflake's credentials convert it and connect. Queries use the connector's
own cursor, because prefect-snowflake's `fetch_all` holds the whole result in memory.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from tasks.errors import DataError, HighwaterError, SystemFault, TransientError
from tasks.services.snowflake_secret import REQUIRED, read_secret
from tasks.settings import settings
from warehouse.names import identifier
from warehouse.statement import Kind, Statement

# The connector imports pandas whenever it is installed, which is slow. We do not use it to read results, so hide it.
_hide_pandas = "pandas" not in sys.modules
if _hide_pandas:
    sys.modules["pandas"] = None  # type: ignore[assignment]  # how Python marks a module that cannot be imported
try:
    import snowflake.connector.errors as failures
finally:
    if _hide_pandas:
        del sys.modules["pandas"]

# prefect_snowflake's __init__ imports a worker for Snowpark containers: 50 MB and seconds of generated API code that we do
# not use, in every process that runs a flow.
_UNUSED = "prefect_snowflake.experimental.workers.spcs"
sys.modules.setdefault(_UNUSED, ModuleType(_UNUSED))

from prefect_snowflake.credentials import InvalidPemFormat, SnowflakeCredentials  # noqa: E402

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection
    from snowflake.connector.cursor import SnowflakeCursor

LOGIN_SECONDS = 30
# How long the connector keeps retrying when Snowflake is unreachable. It also cancels any statement after this time, unless
# the statement has its own timeout, which `execute` always sets.
NETWORK_SECONDS = 600
# Snowflake responds within 45 s, if only to say that the statement is still running.
SOCKET_SECONDS = 90
# Shorter than any statement timeout: a failed lock wait is transient, a statement timeout is not.
ROW_LOCK_SECONDS = 300
# The server-side timeout should fire first, with a clear error; the client-side one is a fallback.
_GRACE_SECONDS = 120

_REQUIRED_OF_SOURCE = (*REQUIRED, "database")
_ENDPOINT = ("host", "port", "protocol")


@contextmanager
def connect(
    flow: str, run_id: str, step: str, *, secret: str | None = None, unlimited_seconds: int = NETWORK_SECONDS
) -> Iterator[SnowflakeConnection]:
    """Open a UTC session whose QUERY_TAG names the flow, run and step, and close it at the end.

    The login is that of flows, unless another secret is named.
    `unlimited_seconds` is the timeout of statements sent without `execute`, which have no timeout of their own.

    Closing the session rolls back uncommitted work. The connector's own context manager would send COMMIT or ROLLBACK
    first and, if that failed, hide the original error behind its own.
    """
    connection = connected(query_tag(flow, run_id, step), secret, unlimited_seconds)
    try:
        yield connection
    finally:
        connection.close()


def query_tag(flow: str, run_id: str, step: str) -> str:
    return json.dumps({"flow": flow, "run_id": run_id, "step": step}, separators=(",", ":"))


def connected(
    tag: str, secret: str | None = None, unlimited_seconds: int = NETWORK_SECONDS
) -> SnowflakeConnection:
    """Log in to the warehouse. The caller must close the connection."""
    return _logged_in(
        secret or settings().snowflake_secret,
        tag,
        unlimited_seconds,
        database=settings().database,
    )


def connected_source(secret: str, tag: str) -> SnowflakeConnection:
    """Log in to a source, whose account may be another one. The server binds values: ? in the statements' text."""
    return _logged_in(
        secret,
        tag,
        NETWORK_SECONDS,
        _REQUIRED_OF_SOURCE,
        paramstyle="qmark",
        arrow_number_to_decimal=True,  # else a NUMBER with a scale comes as a float
        client_prefetch_threads=1,  # each holds a chunk in memory, and chunks come faster than they are written
        session={"TIMESTAMP_INPUT_FORMAT": "AUTO"},  # moments are bound as ISO text
    )


def _logged_in(
    name: str,
    tag: str,
    unlimited_seconds: int,
    required: Sequence[str] = REQUIRED,
    session: Mapping[str, str] | None = None,
    **options: Any,
) -> SnowflakeConnection:
    secret = read_secret(name, required)
    options = {"database": secret.get("database"), **options}
    try:
        database = identifier(str(options["database"]))
    except ValueError as error:
        raise SystemFault(f"connecting to Snowflake: the database of {name}: {error}") from None
    credentials = SnowflakeCredentials(
        account=secret["account"],
        user=secret["user"],
        role=secret["role"],
        private_key=secret["private_key"],
        authenticator="snowflake_jwt",
    )
    try:
        return credentials.get_client(
            warehouse=secret["warehouse"],
            login_timeout=LOGIN_SECONDS,
            network_timeout=int(secret.get("network_timeout", unlimited_seconds)),
            socket_timeout=int(secret.get("socket_timeout", SOCKET_SECONDS)),
            session_parameters={
                "QUERY_TAG": tag,
                "TIMEZONE": "UTC",
                "LOCK_TIMEOUT": ROW_LOCK_SECONDS,
                # Statements of a worker that died stop after five minutes; its transaction is rolled back soon after.
                "ABORT_DETACHED_QUERY": True,
                **(session or {}),
            },
            **{field: secret[field] for field in _ENDPOINT if field in secret},
            **{**options, "database": database},
        )
    except (InvalidPemFormat, ValueError) as error:
        raise SystemFault(
            f"connecting to Snowflake: private_key of {name} is not a PEM key: {error}"
        ) from error
    except failures.Error as error:
        raise _classified(
            error, f"connecting to Snowflake account {secret['account']} as {secret['user']}"
        ) from error


@contextmanager
def snowflake_failures(doing: str) -> Iterator[None]:
    """Map Snowflake's errors of statements that are sent without `execute`."""
    try:
        yield
    except failures.Error as error:
        raise _classified(error, f"{doing} in Snowflake") from error


def execute(connection: SnowflakeConnection, statement: Statement) -> tuple[Any, ...]:
    """Run the statement with its timeout and return the first row of the result: for DML, the row counts."""
    with _ran(connection, statement) as cursor:
        row = cursor.fetchone()
    return tuple(row) if isinstance(row, tuple) else ()


def rows(connection: SnowflakeConnection, statement: Statement) -> list[tuple[Any, ...]]:
    """Run the statement with its timeout and return all rows of the result, in memory: for bookkeeping, not for data."""
    with _ran(connection, statement) as cursor:
        return [tuple(row) for row in cursor.fetchall()]


@contextmanager
def streamed(connection: SnowflakeConnection, statement: Statement) -> Iterator[tuple[Any, Iterator[Any]]]:
    """Run the statement and yield its description and its rows as Arrow tables, one after the other from the server."""
    with _ran(connection, statement) as cursor:
        yield cursor.description, _fetched(statement.step, cursor.fetch_arrow_batches())


def _fetched(doing: str, batches: Iterator[Any]) -> Iterator[Any]:
    """The batches. The connector does not translate the failed download of one of them."""
    while True:
        try:
            batch = next(batches, None)
        except OSError as error:  # those of requests too
            raise TransientError(
                f"{doing} in Snowflake: a part of the result did not come ({error})."
            ) from error
        if batch is None:
            return
        yield batch


@contextmanager
def _ran(connection: SnowflakeConnection, statement: Statement) -> Iterator[SnowflakeCursor]:
    seconds = seconds_of(statement.kind)
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                statement.sql,
                statement.parameters or None,
                timeout=seconds + _GRACE_SECONDS,
                _statement_params={**_limits(statement.kind, seconds), **_tag_of(connection)},
            )
            yield cursor
    except failures.Error as error:
        raise _classified(error, f"{statement.step} in Snowflake", statement.kind) from error


# Current tags of sessions that several steps share: a session's own QUERY_TAG is that of the step that opened it.
_tags: WeakKeyDictionary[SnowflakeConnection, str] = WeakKeyDictionary()


def tag_statements(connection: SnowflakeConnection, tag: str) -> None:
    """Override the session's QUERY_TAG for statements that `execute` sends from now on."""
    _tags[connection] = tag


def _tag_of(connection: SnowflakeConnection) -> dict[str, str]:
    return {"QUERY_TAG": _tags[connection]} if connection in _tags else {}


def seconds_of(kind: Kind) -> int:
    return int(getattr(settings(), _setting(kind)))


def _setting(kind: Kind) -> str:
    return f"statement_seconds_{kind}"


def _limits(kind: Kind, seconds: int) -> dict[str, str]:
    """Timeouts as statement parameters. For a lock, the lock timeout fires before the statement timeout."""
    if kind is Kind.LOCK:
        return {"STATEMENT_TIMEOUT_IN_SECONDS": str(seconds + 60), "LOCK_TIMEOUT": str(seconds)}
    return {"STATEMENT_TIMEOUT_IN_SECONDS": str(seconds)}


_ROW_ERRORS = frozenset({100035, 100038, 100040, 100046, 100071, 100072, 100078, 100132})
_TRANSIENT_ERRORS = frozenset({625, 390111, 390112, 390114})
_CANCELLED, _TIMED_OUT = 604, 630


def _classified(error: failures.Error, doing: str, kind: Kind | None = None) -> HighwaterError:
    """Map a Snowflake error to our kinds: bad values are DataError, locks and lost connections are transient, and the
    rest needs a person."""
    message = f"{doing}: {error.msg or error}"
    if isinstance(error, failures.IntegrityError) or error.errno in _ROW_ERRORS:
        return DataError(message)
    if error.errno in (_CANCELLED, _TIMED_OUT):
        return SystemFault(f"{message}. {_why_ended(error.errno, kind)}")
    if isinstance(error, failures.ProgrammingError) and error.errno not in _TRANSIENT_ERRORS:
        return SystemFault(message)
    if isinstance(error, (failures.ForbiddenError, failures.NotSupportedError)):
        return SystemFault(message)
    if isinstance(error, failures.DatabaseError) and (
        error.errno in _REFUSED_LOGINS or _REFUSED_ADDRESS in message
    ):
        return SystemFault(message)
    return TransientError(message)


def _why_ended(errno: int, kind: Kind | None) -> str:
    if errno == _CANCELLED or kind is None:
        return "Somebody cancelled it, or it timed out: see Snowflake's query history, then run it again."
    return (
        f"A retry would time out too. The timeout is {seconds_of(kind)} s (HIGHWATER_{_setting(kind).upper()}), unless the "
        "warehouse's own STATEMENT_TIMEOUT_IN_SECONDS is lower: raise the lower one, or enlarge the warehouse."
    )


_REFUSED_LOGINS = frozenset({390100, 390101, 390102, 390103, 390144, 390186, 390189, 390422, 394300, 394304})
# By a network policy: 390422. Some releases of the connector give 250001, as for a server that did not answer.
_REFUSED_ADDRESS = "is not allowed to access Snowflake"
