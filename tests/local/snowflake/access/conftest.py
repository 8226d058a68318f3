"""An account without a server, with two tables, and sessions of its users and roles."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.snowflake.account import Account
from local.snowflake.server import open_account
from tests.local.snowflake.access.client import As, Client


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("databases")


@pytest.fixture(scope="module")
def account(directory: Path) -> Iterator[Account]:
    account = open_account(directory, "http://127.0.0.1:9")
    creator = account.connect().cursor()
    for statement in (
        "CREATE DATABASE SALES",
        "CREATE SCHEMA SALES.RAW",
        "CREATE SCHEMA SALES.DW",
        "CREATE TABLE SALES.RAW.FILES (a INT, name VARCHAR)",
        "CREATE TABLE SALES.DW.FACTS (a INT, name VARCHAR)",
        "INSERT INTO SALES.RAW.FILES VALUES (1, 'Anna')",
    ):
        creator.execute(statement)
    yield account
    account.duck_conn.close()


@pytest.fixture(scope="module")
def as_(account: Account) -> As:
    return lambda user="ANYBODY", role=None: Client(account, user, role)


@pytest.fixture(scope="module")
def admin(as_: As) -> Client:
    return as_()
