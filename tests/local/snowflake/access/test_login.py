"""A login with the real connector, over HTTP: the role that it asks for, and what it is told."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from snowflake.connector import SnowflakeConnection
from snowflake.connector.errors import DatabaseError, ProgrammingError

Connect = Callable[..., SnowflakeConnection]


@pytest.fixture(scope="module", autouse=True)
def service(connect: Connect) -> None:
    cursor = connect().cursor()
    for statement in (
        "CREATE TABLE HIGHWATER.RAW.FILES (a INT)",
        "CREATE ROLE READER",
        "GRANT USAGE ON DATABASE HIGHWATER TO ROLE READER",
        "CREATE WAREHOUSE READ_WH",
        "GRANT USAGE ON WAREHOUSE READ_WH TO ROLE READER",
        "CREATE USER SERVICE DEFAULT_ROLE = READER DEFAULT_SECONDARY_ROLES = () DEFAULT_WAREHOUSE = READ_WH",
        "GRANT ROLE READER TO USER SERVICE",
    ):
        cursor.execute(statement)


def test_a_login_has_its_users_role(connect: Connect) -> None:
    connection = connect(user="service")

    assert connection.role == "READER"
    assert connection.cursor().execute("SELECT CURRENT_ROLE(), CURRENT_USER()").fetchall() == [
        ("READER", "SERVICE")
    ]


def test_a_login_with_a_role_that_the_user_has_not_is_refused(connect: Connect) -> None:
    with pytest.raises(DatabaseError, match="Role 'ACCOUNTADMIN' specified in the connect string") as failure:
        connect(user="service", role="ACCOUNTADMIN")
    assert int(failure.value.errno or 0) == 390189


def test_a_login_has_no_schema_that_its_role_may_not_use(connect: Connect) -> None:
    connection = connect(user="service")

    assert (connection.database, connection.schema) == ("HIGHWATER", None)
    with pytest.raises(ProgrammingError, match="does not exist or not authorized") as failure:
        connection.cursor().execute("SELECT * FROM HIGHWATER.RAW.FILES")
    assert (failure.value.errno, failure.value.sqlstate) == (2003, "02000")


def test_a_refusal_is_the_connectors_error(connect: Connect) -> None:
    connect().cursor().execute("GRANT USAGE ON SCHEMA HIGHWATER.RAW TO ROLE READER")
    connect().cursor().execute("GRANT INSERT ON TABLE HIGHWATER.RAW.FILES TO ROLE READER")
    cursor = connect(user="service").cursor()

    cursor.execute("INSERT INTO HIGHWATER.RAW.FILES VALUES (%s)", (1,))
    with pytest.raises(ProgrammingError) as failure:
        cursor.execute("DELETE FROM HIGHWATER.RAW.FILES WHERE a = %s", (1,))
    assert (failure.value.errno, failure.value.sqlstate) == (3001, "42501")
