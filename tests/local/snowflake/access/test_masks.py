"""Masking policies: who sees a column as it is, in tables and through views."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.snowflake.server import open_account
from tests.local.snowflake.access.client import As, Client

_POLICY = "SALES.DW.PERSONAL"


@pytest.fixture(scope="module", autouse=True)
def masked(admin: Client) -> None:
    admin.all("CREATE ROLE LOADER; CREATE ROLE ANALYST; GRANT ROLE LOADER TO ROLE SYSADMIN")
    for role in ("LOADER", "ANALYST"):
        for grant in (
            "USAGE ON DATABASE SALES",
            "USAGE ON SCHEMA SALES.DW",
            "SELECT ON ALL TABLES IN SCHEMA SALES.DW",
            "SELECT ON FUTURE VIEWS IN SCHEMA SALES.DW",
            "INSERT ON TABLE SALES.DW.PEOPLE_2",
        ):
            admin("CREATE TABLE IF NOT EXISTS SALES.DW.PEOPLE (id INT, name VARCHAR, kind VARCHAR)")
            admin("CREATE TABLE IF NOT EXISTS SALES.DW.PEOPLE_2 (id INT, name VARCHAR, kind VARCHAR)")
            admin(f"GRANT {grant} TO ROLE {role}")
    admin.all(
        "INSERT INTO SALES.DW.PEOPLE VALUES (1, 'Anna', 'person'), (2, NULL, 'person'), (3, 'Shop', 'firm');"
        f"CREATE MASKING POLICY IF NOT EXISTS {_POLICY} AS (val VARCHAR) RETURNS VARCHAR -> '***';"
        f"ALTER MASKING POLICY {_POLICY} SET BODY ->"
        "    CASE WHEN val IS NULL OR IS_ROLE_IN_SESSION('LOADER') THEN val ELSE '***' END;"
        f"ALTER TABLE IF EXISTS SALES.DW.PEOPLE MODIFY COLUMN name SET MASKING POLICY {_POLICY} FORCE;"
        "CREATE VIEW SALES.DW.NAMES AS SELECT p.name AS called FROM SALES.DW.PEOPLE p;"
        "CREATE VIEW SALES.DW.NAMES_OF_NAMES AS WITH n AS (SELECT called FROM SALES.DW.NAMES) SELECT * FROM n"
    )


@pytest.mark.parametrize(
    ("query", "plain", "hidden"),
    [
        ("SELECT name FROM SALES.DW.PEOPLE ORDER BY id", ["Anna", None, "Shop"], ["***", None, "***"]),
        ("SELECT p.name FROM SALES.DW.PEOPLE p WHERE p.id = 1", ["Anna"], ["***"]),
        ("SELECT UPPER(name) FROM SALES.DW.PEOPLE WHERE id = 1", ["ANNA"], ["***"]),
        ("SELECT COUNT(*) FROM SALES.DW.PEOPLE WHERE name = 'Anna'", [1], [0]),
        ("SELECT PEOPLE.kind FROM SALES.DW.PEOPLE WHERE id = 1", ["person"], ["person"]),
        ("SELECT called FROM SALES.DW.NAMES WHERE called <> 'Shop'", ["Anna"], ["***", "***"]),
        ("SELECT called FROM SALES.DW.NAMES_OF_NAMES WHERE called <> 'Shop'", ["Anna"], ["***", "***"]),
        ("WITH q AS (SELECT name FROM SALES.DW.PEOPLE WHERE id = 3) SELECT * FROM q", ["Shop"], ["***"]),
    ],
)
def test_a_masked_column_is_shown_to_those_of_the_policy(
    query: str, plain: list[object], hidden: list[object], as_: As
) -> None:
    assert [row[0] for row in as_(role="LOADER")(query)] == plain
    assert [row[0] for row in as_(role="ANALYST")(query)] == hidden


def test_what_is_copied_is_masked_too(as_: As, admin: Client) -> None:
    as_(role="ANALYST")("INSERT INTO SALES.DW.PEOPLE_2 SELECT * FROM SALES.DW.PEOPLE WHERE id = 1")
    assert admin("SELECT name FROM SALES.DW.PEOPLE_2") == [("***",)]


def test_a_policy_of_two_columns(as_: As, admin: Client) -> None:
    admin.all(
        "CREATE TABLE SALES.DW.LINES (line VARCHAR, kind VARCHAR);"
        "INSERT INTO SALES.DW.LINES VALUES ('secret', 'people'), ('12', 'sales');"
        "CREATE MASKING POLICY SALES.DW.LINE AS (val VARCHAR(100), kind VARCHAR) RETURNS VARCHAR ->"
        "    CASE WHEN kind IN ('sales') OR IS_ROLE_IN_SESSION('LOADER') THEN val ELSE '***' END;"
        "ALTER TABLE SALES.DW.LINES MODIFY COLUMN line SET MASKING POLICY SALES.DW.LINE USING (line, kind) FORCE;"
        "GRANT SELECT ON TABLE SALES.DW.LINES TO ROLE ANALYST; GRANT SELECT ON TABLE SALES.DW.LINES TO ROLE LOADER"
    )

    assert as_(role="ANALYST")("SELECT line FROM SALES.DW.LINES ORDER BY kind") == [("***",), ("12",)]
    assert as_(role="LOADER")("SELECT line FROM SALES.DW.LINES ORDER BY kind") == [("secret",), ("12",)]
    admin("ALTER TABLE SALES.DW.LINES MODIFY COLUMN line UNSET MASKING POLICY")
    assert as_(role="ANALYST")("SELECT line FROM SALES.DW.LINES ORDER BY kind") == [("secret",), ("12",)]


def test_who_may_not_apply_a_policy_does_not_take_it_off(as_: As, admin: Client) -> None:
    take_off = "ALTER TABLE SALES.DW.PEOPLE MODIFY COLUMN name UNSET MASKING POLICY"
    assert as_(role="ANALYST").error(take_off)[0] == 3001
    admin("GRANT APPLY MASKING POLICY ON ACCOUNT TO ROLE ANALYST")
    as_(role="ANALYST")(take_off)
    assert as_(role="ANALYST")("SELECT name FROM SALES.DW.PEOPLE WHERE id = 1") == [("Anna",)]
    as_(role="ANALYST")(f"ALTER TABLE SALES.DW.PEOPLE MODIFY COLUMN name SET MASKING POLICY {_POLICY}")
    assert as_(role="ANALYST")("SELECT name FROM SALES.DW.PEOPLE WHERE id = 1") == [("***",)]
    admin("REVOKE APPLY MASKING POLICY ON ACCOUNT FROM ROLE ANALYST")


def test_a_column_has_one_policy_unless_it_is_forced(admin: Client) -> None:
    admin("CREATE MASKING POLICY SALES.DW.OTHER AS (val VARCHAR) RETURNS VARCHAR -> val")
    other = "ALTER TABLE SALES.DW.PEOPLE MODIFY COLUMN name SET MASKING POLICY SALES.DW.OTHER"
    assert admin.error(other)[0] == 3554


def test_masks_are_there_after_a_restart(tmp_path: Path) -> None:
    first = open_account(tmp_path, "http://127.0.0.1:9")
    creator = Client(first)
    creator.all(
        "CREATE DATABASE D; CREATE SCHEMA D.S; CREATE TABLE D.S.T (name VARCHAR); INSERT INTO D.S.T VALUES ('Anna');"
        "CREATE MASKING POLICY D.S.P AS (val VARCHAR) RETURNS VARCHAR -> '***';"
        "ALTER TABLE D.S.T MODIFY COLUMN name SET MASKING POLICY D.S.P"
    )
    first.duck_conn.close()

    again = open_account(tmp_path, "http://127.0.0.1:9")
    assert Client(again)("SELECT name FROM D.S.T") == [("***",)]
    again.duck_conn.close()
