"""Each statement runs with exactly the privileges that it needs, and without any one of them it is refused."""

from __future__ import annotations

import pytest

from tests.local.snowflake.access.client import As, Client

NOT_AUTHORIZED, INSUFFICIENT, UNSUPPORTED = 2003, 3001, 2
_DATABASE = "USAGE ON DATABASE SALES"
_RAW, _DW = "USAGE ON SCHEMA SALES.RAW", "USAGE ON SCHEMA SALES.DW"
_FILES, _FACTS = "TABLE SALES.RAW.FILES", "TABLE SALES.DW.FACTS"
_STAGE = "STAGE SALES.RAW.LAKE"

_MERGE = (
    "MERGE INTO SALES.DW.FACTS f USING (SELECT * FROM SALES.RAW.FILES) s ON f.a = s.a"
    " WHEN MATCHED THEN UPDATE SET name = s.name WHEN NOT MATCHED THEN INSERT (a, name) VALUES (s.a, s.name)"
)
_NEEDS = {
    "SELECT * FROM SALES.RAW.FILES": [_DATABASE, _RAW, f"SELECT ON {_FILES}"],
    "SELECT * FROM FILES": [_DATABASE, _RAW, f"SELECT ON {_FILES}"],
    "DESCRIBE TABLE SALES.RAW.FILES": [_DATABASE, _RAW, f"INSERT ON {_FILES}"],
    "WITH f AS (SELECT * FROM SALES.RAW.FILES) SELECT * FROM f": [_DATABASE, _RAW, f"SELECT ON {_FILES}"],
    "WITH files AS (SELECT * FROM files) SELECT * FROM files": [_DATABASE, _RAW, f"SELECT ON {_FILES}"],
    "SELECT (SELECT max(a) FROM SALES.RAW.FILES)": [_DATABASE, _RAW, f"SELECT ON {_FILES}"],
    "SELECT * FROM IDENTIFIER('SALES.RAW.FILES')": [_DATABASE, _RAW, f"SELECT ON {_FILES}"],
    "SELECT * FROM SALES.INFORMATION_SCHEMA.TABLES": [_DATABASE],
    "INSERT INTO SALES.RAW.FILES VALUES (1, 'a')": [_DATABASE, _RAW, f"INSERT ON {_FILES}"],
    "INSERT INTO SALES.DW.FACTS SELECT * FROM SALES.RAW.FILES": [
        *(_DATABASE, _RAW, _DW),
        *(f"INSERT ON {_FACTS}", f"SELECT ON {_FILES}"),
    ],
    "INSERT OVERWRITE INTO SALES.DW.FACTS SELECT * FROM SALES.RAW.FILES": [
        *(_DATABASE, _RAW, _DW),
        *(f"INSERT ON {_FACTS}", f"DELETE ON {_FACTS}", f"SELECT ON {_FILES}"),
    ],
    "UPDATE SALES.DW.FACTS SET name = 'x'": [_DATABASE, _DW, f"UPDATE ON {_FACTS}"],
    "UPDATE SALES.DW.FACTS SET name = 'x' WHERE a = 1": [
        *(_DATABASE, _DW, f"UPDATE ON {_FACTS}", f"SELECT ON {_FACTS}"),
    ],
    "DELETE FROM SALES.DW.FACTS": [_DATABASE, _DW, f"DELETE ON {_FACTS}"],
    "DELETE FROM SALES.DW.FACTS USING SALES.RAW.FILES f WHERE FACTS.a = f.a": [
        *(_DATABASE, _DW, _RAW),
        *(f"DELETE ON {_FACTS}", f"SELECT ON {_FACTS}", f"SELECT ON {_FILES}"),
    ],
    "TRUNCATE TABLE SALES.DW.FACTS": [_DATABASE, _DW, f"TRUNCATE ON {_FACTS}"],
    _MERGE: [
        *(_DATABASE, _DW, _RAW),
        *(f"SELECT ON {_FACTS}", f"UPDATE ON {_FACTS}", f"INSERT ON {_FACTS}", f"SELECT ON {_FILES}"),
    ],
    "MERGE INTO SALES.DW.FACTS f USING SALES.RAW.FILES s ON f.a = s.a WHEN MATCHED THEN DELETE": [
        *(_DATABASE, _DW, _RAW),
        *(f"SELECT ON {_FACTS}", f"DELETE ON {_FACTS}", f"SELECT ON {_FILES}"),
    ],
    "COPY INTO SALES.RAW.FILES FROM @SALES.RAW.LAKE/x FILE_FORMAT = (TYPE = PARQUET)": [
        *(_DATABASE, _RAW, f"INSERT ON {_FILES}", f"USAGE ON {_STAGE}"),
    ],
    "COPY INTO @SALES.RAW.LAKE/x FROM (SELECT a FROM SALES.RAW.FILES) FILE_FORMAT = (TYPE = PARQUET)": [
        *(_DATABASE, _RAW, f"SELECT ON {_FILES}", f"USAGE ON {_STAGE}"),
    ],
    "COPY INTO FILES FROM @LAKE FILE_FORMAT = (FORMAT_NAME = 'SALES.RAW.LINES')": [
        *(_DATABASE, _RAW, f"INSERT ON {_FILES}", f"USAGE ON {_STAGE}"),
        "USAGE ON FILE FORMAT SALES.RAW.LINES",
    ],
    "LIST @SALES.RAW.LAKE": [_DATABASE, _RAW, f"READ ON {_STAGE}"],
    "REMOVE @SALES.RAW.LAKE/x": [_DATABASE, _RAW, f"WRITE ON {_STAGE}"],
    "CREATE TABLE SALES.DW.NEW (a INT)": [_DATABASE, "CREATE TABLE ON SCHEMA SALES.DW"],
    "CREATE TABLE SALES.DW.NEW AS SELECT * FROM SALES.RAW.FILES": [
        *(_DATABASE, "CREATE TABLE ON SCHEMA SALES.DW", _RAW, f"SELECT ON {_FILES}"),
    ],
    "CREATE TABLE SALES.DW.NEW CLONE SALES.RAW.FILES": [
        *(_DATABASE, "CREATE TABLE ON SCHEMA SALES.DW", _RAW, f"SELECT ON {_FILES}"),
    ],
    "CREATE VIEW SALES.DW.NEW AS SELECT * FROM SALES.RAW.FILES": [
        *(_DATABASE, "CREATE VIEW ON SCHEMA SALES.DW", _RAW, f"SELECT ON {_FILES}"),
    ],
    "CREATE SCHEMA IF NOT EXISTS SALES.RAW": ["CREATE SCHEMA ON DATABASE SALES"],
    "CREATE STAGE SALES.RAW.OTHER URL = 's3://x/' STORAGE_INTEGRATION = LAKE_OF_SALES": [
        *(_DATABASE, "CREATE STAGE ON SCHEMA SALES.RAW", "USAGE ON INTEGRATION LAKE_OF_SALES"),
    ],
    "CREATE DATABASE OTHER": ["CREATE DATABASE ON ACCOUNT"],
    # A temporary table is its session's, and needs only its schema.
    "CREATE TEMPORARY TABLE SALES.RAW.MINE (a INT)": [_DATABASE, _RAW],
    "CREATE OR REPLACE TEMPORARY TABLE SALES.RAW.MINE AS SELECT * FROM SALES.DW.FACTS": [
        *(_DATABASE, _RAW, _DW, f"SELECT ON {_FACTS}"),
    ],
    "USE DATABASE SALES": [_DATABASE],
    "USE SCHEMA SALES.DW": [_DATABASE, _DW],
    "SELECT 1": [],
}


@pytest.fixture(scope="module")
def prepared(admin: Client) -> Client:
    admin.all(
        "CREATE STAGE SALES.RAW.LAKE URL = 's3://lake/'; CREATE FILE FORMAT SALES.RAW.LINES TYPE = JSON;"
        "CREATE STORAGE INTEGRATION LAKE_OF_SALES TYPE = EXTERNAL_STAGE STORAGE_PROVIDER = 'S3' ENABLED = TRUE"
    )
    return admin


@pytest.mark.parametrize("statement", _NEEDS)
def test_a_statement_needs_each_of_its_privileges_and_no_more(
    statement: str, prepared: Client, as_: As
) -> None:
    needs = _NEEDS[statement]
    prepared("CREATE OR REPLACE ROLE TRIED")
    tried = as_(role="TRIED")
    tried("SELECT 1")
    for need in needs:
        prepared(f"GRANT {need} TO ROLE TRIED")
    tried = as_(role="TRIED")
    assert tried.refusal(statement) is None

    for need in needs:
        prepared(f"REVOKE {need} FROM ROLE TRIED")
        assert tried.refusal(statement) in (NOT_AUTHORIZED, INSUFFICIENT), need
        prepared(f"GRANT {need} TO ROLE TRIED")


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE SALES.RAW.FILES ADD COLUMN b INT",
        "DROP TABLE SALES.RAW.FILES",
        "COMMENT ON TABLE SALES.RAW.FILES IS 'x'",
        "COMMENT ON COLUMN SALES.RAW.FILES.a IS 'x'",
        "CREATE OR REPLACE TABLE SALES.RAW.FILES (a INT)",
        "CREATE TEMPORARY TABLE SALES.RAW.FILES (a INT)",
        "ALTER TABLE SALES.RAW.FILES RENAME TO SALES.RAW.FILES_2",
        "DROP SCHEMA SALES.RAW",
    ],
)
def test_what_changes_an_object_is_its_owners(statement: str, prepared: Client, as_: As) -> None:
    prepared("CREATE OR REPLACE ROLE TRIED")
    for on in ("DATABASE SALES", "SCHEMA SALES.RAW", _FILES):
        prepared(f"GRANT ALL ON {on} TO ROLE TRIED")

    assert as_(role="TRIED").refusal(statement) == INSUFFICIENT
    assert prepared.refusal(statement) is None


@pytest.mark.parametrize(
    "statement",
    [
        "CALL SALES.RAW.P()",
        "EXECUTE IMMEDIATE 'DROP TABLE SALES.RAW.FILES'",
        "EXPLAIN SELECT * FROM SALES.RAW.FILES",
        "UNDROP TABLE SALES.RAW.FILES",
        "GET @SALES.RAW.LAKE file:///tmp",
        "CREATE FUNCTION SALES.RAW.F() RETURNS INT AS '1'",
        "CREATE TASK SALES.RAW.T AS SELECT 1",
        "DROP FUNCTION SALES.RAW.F()",
        "DROP TASK SALES.RAW.T",
        "ALTER STAGE SALES.RAW.LAKE SET URL = 's3://other/'",
        "ALTER SEQUENCE SALES.RAW.S SET INCREMENT 2",
        "ALTER SCHEMA SALES.RAW RENAME TO SALES.OTHER",
        "PRAGMA database_list",
        "CHECKPOINT",
        "INSTALL httpfs",
    ],
)
def test_of_what_needs_are_not_known_an_administrator_alone_runs_it(
    statement: str, prepared: Client, as_: As
) -> None:
    prepared("CREATE OR REPLACE ROLE TRIED")
    for on in ("DATABASE SALES", "SCHEMA SALES.RAW", _FILES):
        prepared(f"GRANT ALL ON {on} TO ROLE TRIED")

    assert as_(role="TRIED").refusal(statement) == UNSUPPORTED
    assert prepared.refusal(statement) is None


@pytest.mark.parametrize(
    "statement",
    [
        "SHOW TABLES IN SCHEMA SALES.RAW",
        "SET x = 1",
        "UNSET x",
        "BEGIN",
        "COMMIT",
        "ROLLBACK",
        "ALTER SESSION SET QUERY_TAG = 'x'",
        "ALTER SESSION UNSET QUERY_TAG",
        "SELECT 1",
    ],
)
def test_what_concerns_the_session_alone_needs_nothing(statement: str, prepared: Client, as_: As) -> None:
    prepared("CREATE OR REPLACE ROLE TRIED")
    assert as_(role="TRIED").refusal(statement) is None


def test_what_a_role_does_not_see_is_as_if_it_were_not_there(prepared: Client, as_: As) -> None:
    prepared("CREATE OR REPLACE ROLE TRIED")
    tried = as_(role="TRIED")

    assert tried.error("SELECT * FROM SALES.RAW.FILES") == (
        NOT_AUTHORIZED,
        "SQL compilation error:\nDatabase 'SALES' does not exist or not authorized.",
    )
    prepared.all(f"GRANT {_DATABASE} TO ROLE TRIED; GRANT {_RAW} TO ROLE TRIED")
    assert tried.error("SELECT * FROM SALES.RAW.FILES") == (
        NOT_AUTHORIZED,
        "SQL compilation error:\nObject 'SALES.RAW.FILES' does not exist or not authorized.",
    )
    prepared(f"GRANT INSERT ON {_FILES} TO ROLE TRIED")
    assert tried.error("SELECT * FROM SALES.RAW.FILES") == (
        INSUFFICIENT,
        "SQL access control error:\nInsufficient privileges to operate on table 'FILES'.",
    )
    assert tried("INSERT INTO SALES.RAW.FILES VALUES (2, 'Berta')") == [(1,)]


def test_a_temporary_table_needs_nothing_and_hides_no_other(prepared: Client, as_: As) -> None:
    prepared.all(f"CREATE OR REPLACE ROLE TRIED; GRANT {_DATABASE} TO ROLE TRIED; GRANT {_RAW} TO ROLE TRIED")
    tried = as_(role="TRIED")

    tried("CREATE TEMPORARY TABLE SALES.RAW.STAGED (a INT)")
    tried("INSERT INTO SALES.RAW.STAGED VALUES (1)")
    assert tried("SELECT a FROM SALES.RAW.STAGED") == [(1,)]
    tried("DROP TABLE SALES.RAW.STAGED")
    assert tried.refusal("SELECT a FROM SALES.RAW.STAGED") == NOT_AUTHORIZED


def test_a_refused_statement_of_a_transaction_leaves_the_others(prepared: Client, as_: As) -> None:
    prepared.all(
        f"CREATE OR REPLACE ROLE TRIED; GRANT {_DATABASE} TO ROLE TRIED; GRANT {_RAW} TO ROLE TRIED;"
        f"GRANT INSERT ON {_FILES} TO ROLE TRIED"
    )
    before = prepared("SELECT count(*) FROM SALES.RAW.FILES WHERE name = 'in a transaction'")
    tried = as_(role="TRIED")

    tried("BEGIN")
    tried("INSERT INTO SALES.RAW.FILES VALUES (3, 'in a transaction')")
    assert tried.error("DELETE FROM SALES.RAW.FILES")[0] == INSUFFICIENT
    tried("COMMIT")

    assert before == [(0,)]
    assert prepared("SELECT count(*) FROM SALES.RAW.FILES WHERE name = 'in a transaction'") == [(1,)]
