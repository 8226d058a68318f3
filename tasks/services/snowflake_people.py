"""Connect to Snowflake with a person's own login, for what no user of ours may do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tasks.errors import SystemFault
from tasks.services.snowflake import ROW_LOCK_SECONDS, query_tag, snowflake_failures
from tasks.settings import settings
from warehouse.account.names import AccountNames

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection


@contextmanager
def administrator(name: str, step: str, unlimited_seconds: int) -> Iterator[SnowflakeConnection]:
    """Log in as ACCOUNTADMIN with a person's own connection: a section of their connections.toml, however that logs in."""
    import snowflake.connector

    with snowflake_failures(f"logging in by the connection {name} as ACCOUNTADMIN"):
        connection = snowflake.connector.connect(
            connection_name=name,
            role="ACCOUNTADMIN",
            login_timeout=120,  # a person may have to confirm it
            network_timeout=unlimited_seconds,
            session_parameters={
                "QUERY_TAG": query_tag("warehouse", name, step),
                "TIMEZONE": "UTC",
                "LOCK_TIMEOUT": ROW_LOCK_SECONDS,
                "ABORT_DETACHED_QUERY": True,
            },
        )
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def as_pipeline(name: str, step: str, unlimited_seconds: int) -> Iterator[SnowflakeConnection]:
    """The same person, who then acts as flows do: their role alone, their warehouse and their database.

    What is made and owned is that role's, as if a flow had made it.
    """
    try:
        names = AccountNames(settings().database)
    except ValueError as error:
        raise SystemFault(f"HIGHWATER_DATABASE: {error}") from None
    with administrator(name, step, unlimited_seconds) as connection:
        with snowflake_failures(f"acting as {names.transformer}"), connection.cursor() as cursor:
            for use in (
                f"USE ROLE {names.transformer}",
                "USE SECONDARY ROLES NONE",
                f"USE WAREHOUSE {names.transform_warehouse}",
                f"USE DATABASE {names.database}",
            ):
                cursor.execute(use)
        yield connection
