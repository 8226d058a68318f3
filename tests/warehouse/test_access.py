"""What each role may and may not do. That the flows' role may do what flows do, the other tests here show."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from snowflake.connector import ProgrammingError, SnowflakeConnection

from tests.snowflake_server import connected
from tests.warehouse.standin import NAMES, Warehouse
from warehouse.load.staging import create_text

pytestmark = pytest.mark.e2e
As = Callable[[str], SnowflakeConnection]
WAREHOUSES = {
    "DEPLOYER": "LOAD",
    "LOADER": "LOAD",
    "TRANSFORMER": "TRANSFORM",
    "ANALYST": "ANALYTICS",
    "READER": "ANALYTICS",
}
ROLES = tuple(WAREHOUSES)
FACT, MART, LEDGER, FORECAST = (
    "DW.FACT_SALES",
    "MARTS.SALES_PERFORMANCE_MART",
    "MONITORING.PIPELINE_RUNS",
    "ML_OUTPUTS.CHURN_PREDICTIONS",
)
# statement -> the roles that may do it
RIGHTS = {
    f"SELECT COUNT(*) FROM {FACT}": "DEPLOYER LOADER TRANSFORMER ANALYST",
    f"SELECT COUNT(*) FROM {MART}": "DEPLOYER TRANSFORMER ANALYST READER",
    f"SELECT COUNT(*) FROM {LEDGER}": "DEPLOYER LOADER TRANSFORMER ANALYST",
    f"SELECT COUNT(*) FROM {FORECAST}": "DEPLOYER TRANSFORMER ANALYST",
    "SELECT COUNT(*) FROM MONITORING.INGESTION_LOGS": "DEPLOYER ANALYST",
    "SELECT COUNT(*) FROM CURATED.SALES_TOUCHED": "DEPLOYER LOADER TRANSFORMER",
    "SELECT COUNT(*) FROM RAW.SALES": "DEPLOYER LOADER TRANSFORMER ANALYST",
    "SELECT COUNT(*) FROM ADMIN.CHANGE_HISTORY": "",
    "SELECT COUNT(*) FROM MIGRATIONS.CHANGE_HISTORY": "DEPLOYER",
    "UPDATE MIGRATIONS.CHANGE_HISTORY SET checksum = 'x' WHERE FALSE": "DEPLOYER",
    "INSERT INTO MIGRATIONS.CHANGE_HISTORY SELECT * FROM MIGRATIONS.CHANGE_HISTORY WHERE FALSE": "DEPLOYER",
    "DELETE FROM MIGRATIONS.CHANGE_HISTORY WHERE FALSE": "DEPLOYER",
    "CREATE TABLE MIGRATIONS.MADE (a INT)": "DEPLOYER",
    f"UPDATE {FACT} SET quantity = 1 WHERE FALSE": "DEPLOYER LOADER TRANSFORMER",
    f"DELETE FROM {FACT} WHERE FALSE": "DEPLOYER LOADER TRANSFORMER",
    f"DELETE FROM {MART} WHERE FALSE": "DEPLOYER TRANSFORMER",
    f"UPDATE {MART} SET units = 1 WHERE FALSE": "DEPLOYER",
    f"UPDATE {LEDGER} SET status = 'x' WHERE FALSE": "DEPLOYER LOADER TRANSFORMER",
    f"DELETE FROM {LEDGER} WHERE FALSE": "DEPLOYER",
    f"DELETE FROM {FORECAST} WHERE FALSE": "DEPLOYER TRANSFORMER",
    f"INSERT OVERWRITE INTO {FORECAST} SELECT * FROM {FORECAST}": "DEPLOYER TRANSFORMER",
    f"ALTER TABLE {FACT} ADD COLUMN colour VARCHAR": "DEPLOYER",
    "DROP TABLE CURATED.TO_BE_DROPPED": "DEPLOYER",
    "CREATE TABLE DW.MADE (a INT)": "DEPLOYER",
    "CREATE TABLE MARTS.MADE (a INT)": "DEPLOYER TRANSFORMER",
    "CREATE VIEW MARKETING_STAGE.MADE AS SELECT 1 AS a": "DEPLOYER TRANSFORMER",
    f"CREATE OR REPLACE TABLE {MART} LIKE {MART}": "DEPLOYER",
    "CREATE SCHEMA MADE": "DEPLOYER",
    create_text("CURATED.SALES_STAGE", {"order_id": "VARCHAR"}): "DEPLOYER LOADER TRANSFORMER",
    create_text("DW.STAGE_OF_A_LOAD", {"order_id": "VARCHAR"}): "DEPLOYER LOADER TRANSFORMER ANALYST",
    "LIST @CURATED.LAKE": "LOADER TRANSFORMER",
    f"GRANT SELECT ON TABLE {FACT} TO ROLE PUBLIC": "DEPLOYER",
    "CREATE ROLE MINE": "",
    "CREATE USER MINE": "",
    "CREATE WAREHOUSE MINE": "",
    "CREATE DATABASE MINE": "",
    "ALTER WAREHOUSE HIGHWATER_LOAD_WH SET WAREHOUSE_SIZE = 'LARGE'": "",
    "ALTER USER HIGHWATER_WORKER UNSET NETWORK_POLICY": "",
    "CREATE STAGE CURATED.MINE URL = 's3://highwater-lake/' STORAGE_INTEGRATION = HIGHWATER_LAKE": "",
    "USE ROLE ACCOUNTADMIN": "",
    "USE WAREHOUSE HIGHWATER_LOAD_WH": "DEPLOYER LOADER TRANSFORMER",
    "USE WAREHOUSE HIGHWATER_TRANSFORM_WH": "TRANSFORMER",
    "USE WAREHOUSE HIGHWATER_ANALYTICS_WH": "ANALYST READER",
}


_REFUSALS = (
    "nsufficient privileges",
    "does not exist or not authorized",
    "Object does not exist, or operation cannot be performed",
    "is not assigned to the executing user",
)


@pytest.fixture(scope="module")
def as_role(migrated: Warehouse) -> Iterator[As]:
    """A session of a person who has only that role."""
    port = int(migrated.administrator.port)
    sessions: dict[str, SnowflakeConnection] = {}

    def session(role: str) -> SnowflakeConnection:
        if role not in sessions:
            migrated.rows(
                f"CREATE USER ONLY_{role} DEFAULT_ROLE = {NAMES.database}_{role} DEFAULT_SECONDARY_ROLES = ()"
                f" DEFAULT_WAREHOUSE = {NAMES.database}_{WAREHOUSES[role]}_WH"
            )
            migrated.rows(f"GRANT ROLE {NAMES.database}_{role} TO USER ONLY_{role}")
            sessions[role] = connected(port, user=f"ONLY_{role}", database=NAMES.database)
        return sessions[role]

    yield session
    for role, opened in sessions.items():
        opened.close()
        migrated.rows(f"DROP USER ONLY_{role}")


def may(session: SnowflakeConnection, statement: str) -> bool:
    try:
        session.cursor().execute(statement)
    except ProgrammingError as refused:
        if any(words in str(refused) for words in _REFUSALS):
            return False
        raise
    return True


@pytest.mark.parametrize("statement", RIGHTS)
def test_who_may_do_it(migrated: Warehouse, as_role: As, statement: str) -> None:
    allowed = []
    for role in ROLES:
        if statement.startswith("DROP"):
            migrated.deployer.cursor().execute("CREATE TABLE IF NOT EXISTS CURATED.TO_BE_DROPPED (a INT)")
        if may(as_role(role), statement):
            allowed.append(role)
            _undo(as_role(role), statement)
    migrated.deployer.cursor().execute("DROP TABLE IF EXISTS CURATED.TO_BE_DROPPED")
    assert allowed == RIGHTS[statement].split()


def _undo(session: SnowflakeConnection, statement: str) -> None:
    words = statement.split()
    if words[0] == "CREATE" and words[2].endswith("MADE"):
        session.cursor().execute(f"DROP {words[1]} {words[2]}")
    if words[:2] == ["ALTER", "TABLE"]:
        session.cursor().execute(f"ALTER TABLE {words[2]} DROP COLUMN colour")
    if words[0] == "GRANT":
        session.cursor().execute(statement.replace("GRANT", "REVOKE").replace(" TO ", " FROM "))


def test_what_a_load_stages_takes_no_right_to_create(migrated: Warehouse) -> None:
    """The temporary tables of all loads, in their schemas."""
    session = migrated.connect()
    session.cursor().execute(create_text("ML_OUTPUTS.PREDICTIONS_STAGE", {"a": "VARCHAR"}))
    assert not may(session, "CREATE TABLE ML_OUTPUTS.LASTS (a VARCHAR)")
    session.close()


def test_a_new_table_is_readable_and_writable_at_once(migrated: Warehouse, as_role: As) -> None:
    """Of a later migration: nobody has to run the account's again."""
    migrated.deployer.cursor().execute("CREATE TABLE DW.LATER (a INT)")
    assert may(as_role("LOADER"), "INSERT INTO DW.LATER VALUES (1)")
    assert may(as_role("ANALYST"), "SELECT a FROM DW.LATER")
    assert not may(as_role("ANALYST"), "DELETE FROM DW.LATER")
    migrated.deployer.cursor().execute("DROP TABLE DW.LATER")


def test_every_table_of_the_migrations_is_the_deployers(migrated: Warehouse) -> None:
    with migrated.administrator.cursor() as cursor:
        rows = cursor.execute(f"SHOW TABLES IN DATABASE {NAMES.database}").fetchall()
        columns = [column.name.lower() for column in cursor.description]
    tables = [dict(zip(columns, row, strict=True)) for row in rows]
    owners = {t["schema_name"]: set() for t in tables}
    for table in tables:
        owners[table["schema_name"]].add(table["owner"])
    assert owners.pop("ADMIN") == {"ACCOUNTADMIN"}
    assert set().union(*owners.values()) == {NAMES.deployer}
