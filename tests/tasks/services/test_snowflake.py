"""Credentials, the session's parameters, and which kind a failure is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import snowflake.connector.errors as failures
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from snowflake.connector import SnowflakeConnection

from tasks.errors import DataError, HighwaterError, SystemFault, TransientError
from tasks.services import snowflake, snowflake_secret
from tasks.services.snowflake import connect, execute
from tasks.services.snowflake_secret import checked, is_loopback, read_secret
from tests.snowflake_server import snowflake_server
from warehouse.statement import Kind, Statement

SECRET = {"account": "a", "user": "u", "role": "r", "warehouse": "w", "private_key": "PEM"}


class Secrets:
    def __init__(self, text: str) -> None:
        self.text = text

    def get_secret_value(self, SecretId: str) -> dict[str, str]:
        return {"SecretString": self.text}


def keep(monkeypatch: pytest.MonkeyPatch, secret: object) -> None:
    text = secret if isinstance(secret, str) else json.dumps(secret)
    monkeypatch.setattr(snowflake_secret, "_secrets", lambda: Secrets(text))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.0.0.9", "::1"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "xy123.snowflakecomputing.com", "localhost.evil.example", "10.0.0.1"])
def test_not_loopback(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("host", ["", "xy123.snowflakecomputing.com"])
def test_a_password_is_refused_even_beside_a_key(host: str) -> None:
    with pytest.raises(SystemFault, match="holds a password") as refused:
        checked({**SECRET, "password": "hunter2", "host": host}, "highwater/snowflake")
    assert "hunter2" not in str(refused.value)


def test_a_key_is_needed_on_the_local_cloud_too() -> None:
    secret = {**SECRET, "private_key": "", "password": "p", "host": "127.0.0.1"}
    with pytest.raises(SystemFault, match="lacks private_key"):
        checked(secret, "highwater/snowflake")


@pytest.mark.parametrize(
    ("text", "said"), [("{", "not JSON"), ("[]", "not a JSON object"), ("{}", "lacks account")]
)
def test_a_malformed_secret_is_named(monkeypatch: pytest.MonkeyPatch, text: str, said: str) -> None:
    keep(monkeypatch, text)
    with pytest.raises(SystemFault, match=said):
        read_secret("highwater/snowflake")


def test_a_key_that_is_none_is_said_without_showing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    keep(monkeypatch, {**SECRET, "private_key": "not-a-pem"})
    with pytest.raises(SystemFault, match="not a PEM key") as refused:
        connect("flow", "run", "step").__enter__()
    assert "not-a-pem" not in str(refused.value)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (failures.OperationalError(msg="could not connect", errno=250001), TransientError),
        (failures.DatabaseError(msg="token expired", errno=390114), TransientError),
        (failures.ProgrammingError(msg="lock timeout", errno=625), TransientError),
        (failures.DatabaseError(msg="session no longer exists", errno=390111), TransientError),
        (failures.ProgrammingError(msg="reached its statement timeout", errno=630), SystemFault),
        (failures.ProgrammingError(msg="SQL execution canceled", errno=604), SystemFault),
        (failures.DatabaseError(msg="JWT token is invalid", errno=390144), SystemFault),
        (failures.DatabaseError(msg="incorrect login", errno=390100), SystemFault),
        (
            failures.DatabaseError(
                msg="IP/Token 192.0.2.9 is not allowed to access Snowflake.", errno=390422
            ),
            SystemFault,
        ),
        (failures.DatabaseError(msg="Incoming request", errno=390422), SystemFault),
        (
            failures.OperationalError(
                msg="Failed to connect to DB. IP 192.0.2.9 is not allowed to access Snowflake.", errno=250001
            ),
            SystemFault,
        ),
        (failures.ForbiddenError(msg="no"), SystemFault),
        (failures.ProgrammingError(msg="does not exist or not authorized", errno=2003), SystemFault),
        (failures.ProgrammingError(msg="insufficient privileges", errno=3001), SystemFault),
        (failures.ProgrammingError(msg="numeric value 'x' is not recognized", errno=100038), DataError),
        (failures.ProgrammingError(msg="NULL result in a non-nullable column", errno=100072), DataError),
        (failures.IntegrityError(msg="null"), DataError),
    ],
)
def test_kinds(error: failures.Error, kind: type[HighwaterError]) -> None:
    found = snowflake._classified(error, "merge in Snowflake")
    assert type(found) is kind
    assert str(found).startswith("merge in Snowflake: ")


def local_secret(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    local = {"host": "127.0.0.1", "port": port, "protocol": "http", "network_timeout": 10}
    keep(monkeypatch, {**SECRET, "private_key": pem, **local})


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with snowflake_server(tmp_path, "http://127.0.0.1:9") as port:
        local_secret(monkeypatch, port)
        yield


def test_a_session_with_a_key_pair(server: None, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}
    real = snowflake.SnowflakeCredentials.get_client

    def noted(self: Any, **arguments: Any) -> Any:
        given.update(arguments, session_parameters=dict(arguments["session_parameters"]))
        return real(self, **arguments)

    monkeypatch.setattr(snowflake.SnowflakeCredentials, "get_client", noted)
    with connect("cpg_daily", "run-1", "load sales") as connection:
        assert execute(connection, Statement("ask", "SELECT %s + 1, %s", (41, "it's"))) == (42, "it's")
        with pytest.raises(SystemFault, match=r"reading it in Snowflake: 0020[04]3"):
            execute(connection, Statement("reading it", "SELECT * FROM HIGHWATER.DW.NOTHING"))
    assert given["session_parameters"] == {
        "QUERY_TAG": '{"flow":"cpg_daily","run_id":"run-1","step":"load sales"}',
        "TIMEZONE": "UTC",
        "LOCK_TIMEOUT": 300,
        "ABORT_DETACHED_QUERY": True,
    }
    assert (given["network_timeout"], given["login_timeout"], given["socket_timeout"]) == (10, 30, 90)


@pytest.mark.parametrize(
    ("kind", "limit", "lock"),
    [
        (Kind.QUICK, 600, None),
        (Kind.LOCK, 1860, "1800"),
        (Kind.LOAD, 3600, None),
        (Kind.MART, 7200, None),
    ],
)
def test_a_statement_has_the_limit_of_its_kind_in_snowflake_and_a_longer_one_here(
    server: None, monkeypatch: pytest.MonkeyPatch, kind: Kind, limit: int, lock: str | None
) -> None:
    """Else the connector cancels each one after the time that it gives the network, 10 s in this test."""
    sent: dict[str, Any] = {}
    real = SnowflakeConnection.cmd_query

    def noted(self: SnowflakeConnection, *given: Any, **named: Any) -> Any:
        sent.update(named)
        return real(self, *given, **named)

    monkeypatch.setattr(SnowflakeConnection, "cmd_query", noted)
    with connect("flow", "run", "step") as connection:
        assert execute(connection, Statement("ask", "SELECT 1", kind=kind)) == (1,)
    assert sent["statement_params"]["STATEMENT_TIMEOUT_IN_SECONDS"] == str(limit)
    assert sent["statement_params"].get("LOCK_TIMEOUT") == lock
    assert limit < sent["timeout"] <= limit + 120


def test_a_statement_that_took_too_long_names_the_limit_to_raise() -> None:
    reached = failures.ProgrammingError(
        msg="Statement reached its statement or warehouse timeout of 3,600 second(s) and was canceled.",
        errno=630,
    )
    found = snowflake._classified(reached, "merge in Snowflake", Kind.LOAD)
    assert "The timeout is 3600 s (HIGHWATER_STATEMENT_SECONDS_LOAD)" in str(found)
