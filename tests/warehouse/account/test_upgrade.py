"""An account of the release in which the flows' role owned everything."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.warehouse.account.conftest import Account, one_role_and_no_integration, shown
from tests.warehouse.standin import GIVEN, NAMES, deployer
from warehouse.account.checks import ObjectsDiffer, limit_of
from warehouse.account.names import SCHEMAS
from warehouse.migrate import migrate, migrate_account

# As warehouse/account and infra/cdk/snowflake made it, as far as it differs.
EARLIER = (
    "CREATE DATABASE HIGHWATER",
    "CREATE RESOURCE MONITOR HIGHWATER_MONTHLY WITH CREDIT_QUOTA = 100 FREQUENCY = MONTHLY START_TIMESTAMP = IMMEDIATELY"
    " TRIGGERS ON 80 PERCENT DO NOTIFY ON 100 PERCENT DO SUSPEND ON 110 PERCENT DO SUSPEND_IMMEDIATE",
    *(
        f"CREATE WAREHOUSE HIGHWATER_{name}_WH WITH WAREHOUSE_SIZE = '{size}' AUTO_SUSPEND = {seconds} AUTO_RESUME = TRUE"
        " INITIALLY_SUSPENDED = TRUE RESOURCE_MONITOR = 'HIGHWATER_MONTHLY'"
        for name, size, seconds in (
            ("LOAD", "XSMALL", 60),
            ("TRANSFORM", "SMALL", 60),
            ("ANALYTICS", "XSMALL", 120),
        )
    ),
    "CREATE ROLE HIGHWATER_LOADER COMMENT = 'stages files and merges them into the DW'",
    "CREATE ROLE HIGHWATER_TRANSFORMER"
    " COMMENT = 'rebuilds marts; may do what the loader may: the pipeline runs as this'",
    "CREATE ROLE HIGHWATER_ANALYST COMMENT = 'reads the DW, the marts and the monitoring tables'",
    "CREATE ROLE HIGHWATER_MARTS_READER COMMENT = 'reads the marts only'",
    "CREATE ROLE SALES_PEOPLE",
    "GRANT ROLE HIGHWATER_MARTS_READER TO ROLE SALES_PEOPLE",
    "GRANT ROLE HIGHWATER_LOADER TO ROLE HIGHWATER_TRANSFORMER",
    "GRANT ROLE HIGHWATER_ANALYST TO ROLE HIGHWATER_TRANSFORMER",
    "GRANT ROLE HIGHWATER_TRANSFORMER TO ROLE SYSADMIN",
    "CREATE USER HIGHWATER_WORKER TYPE = SERVICE DEFAULT_ROLE = HIGHWATER_TRANSFORMER"
    " DEFAULT_WAREHOUSE = HIGHWATER_TRANSFORM_WH",
    "GRANT ROLE HIGHWATER_TRANSFORMER TO USER HIGHWATER_WORKER",
    "GRANT USAGE, OPERATE ON WAREHOUSE HIGHWATER_TRANSFORM_WH TO ROLE HIGHWATER_TRANSFORMER",
    "GRANT USAGE, CREATE SCHEMA ON DATABASE HIGHWATER TO ROLE HIGHWATER_LOADER",
    *(f"CREATE SCHEMA HIGHWATER.{schema}" for schema in SCHEMAS),
    *(
        f"GRANT USAGE, CREATE TABLE ON SCHEMA HIGHWATER.{schema} TO ROLE HIGHWATER_LOADER"
        for schema in ("RAW", "CURATED", "DW", "STAGE")
    ),
    "GRANT USAGE, CREATE TABLE, CREATE VIEW ON SCHEMA HIGHWATER.MONITORING TO ROLE HIGHWATER_LOADER",
    *(
        f"GRANT USAGE, CREATE TABLE ON SCHEMA HIGHWATER.{schema} TO ROLE HIGHWATER_TRANSFORMER"
        for schema in ("MARTS", "ML_OUTPUTS")
    ),
    "GRANT SELECT, INSERT, UPDATE, DELETE ON FUTURE TABLES IN SCHEMA HIGHWATER.MONITORING TO ROLE HIGHWATER_LOADER",
    "CREATE TABLE HIGHWATER.MONITORING.ACCOUNT_CHANGE_HISTORY (script VARCHAR)",
    "GRANT ROLE ACCOUNTADMIN TO USER HIGHWATER_WORKER",
    "CREATE STORAGE INTEGRATION HIGHWATER_LAKE TYPE = EXTERNAL_STAGE STORAGE_PROVIDER = 'S3' ENABLED = TRUE"
    f" STORAGE_AWS_ROLE_ARN = '{GIVEN.role_arn}' STORAGE_ALLOWED_LOCATIONS = ('s3://{GIVEN.lake_bucket}/')",
    "GRANT USAGE ON INTEGRATION HIGHWATER_LAKE TO ROLE HIGHWATER_LOADER",
    "GRANT CREATE STAGE ON SCHEMA HIGHWATER.RAW TO ROLE HIGHWATER_LOADER",
    "GRANT CREATE STAGE ON SCHEMA HIGHWATER.CURATED TO ROLE HIGHWATER_LOADER",
    "GRANT USAGE, OPERATE ON WAREHOUSE HIGHWATER_LOAD_WH TO ROLE HIGHWATER_LOADER",
)
# docs/operate.md, Upgrading.
BY_HAND = (
    "ALTER ROLE HIGHWATER_MARTS_READER RENAME TO HIGHWATER_READER",
    'ALTER RESOURCE MONITOR HIGHWATER_MONTHLY SET NOTIFY_USERS = ("ASHA") TRIGGERS ON 80 PERCENT DO NOTIFY'
    " ON 95 PERCENT DO NOTIFY ON 100 PERCENT DO SUSPEND ON 110 PERCENT DO SUSPEND_IMMEDIATE",
)
# As the command there: with --notify, and without --worker-key.
UPGRADING = replace(GIVEN, notify=("ASHA",), worker_key=None)


@pytest.fixture
def earlier(account: Account) -> Account:
    account.run(*EARLIER)
    account.run("ALTER RESOURCE MONITOR HIGHWATER_MONTHLY SET CREDIT_QUOTA = 250")  # a person's to change
    with account.login("HIGHWATER_WORKER", "HIGHWATER") as worker:
        migrate(worker, "HIGHWATER")
        # It kept its history where the flows' role writes.
        account.rows(
            "CREATE TABLE MONITORING.CHANGE_HISTORY AS SELECT * FROM MIGRATIONS.CHANGE_HISTORY", worker
        )
        account.rows("DROP SCHEMA MIGRATIONS", worker)
        account.rows("INSERT INTO DW.DIM_SKU (sku_key, sku_code, is_inferred, created_at, updated_at) VALUES"
                     " (1, 'S1', TRUE, '2025-01-01', '2025-01-01')", worker)  # fmt: skip
        account.rows("CREATE TABLE MARTS.ENGAGEMENT_DAILY (events INT)", worker)
    return account


def test_what_a_person_has_to_do_first_is_said(earlier: Account) -> None:
    with pytest.raises(ObjectsDiffer, match="ALTER ROLE HIGHWATER_MARTS_READER RENAME TO HIGHWATER_READER"):
        migrate_account(earlier.administrator, NAMES, UPGRADING)
    earlier.run(BY_HAND[0])
    with pytest.raises(
        ObjectsDiffer, match="monitor HIGHWATER_MONTHLY exists with notify_at 80%, not 80%,95%"
    ):
        migrate_account(earlier.administrator, NAMES, UPGRADING)


def test_the_history_moves_out_of_the_flows_reach(earlier: Account) -> None:
    before = sorted(earlier.rows("SELECT script, checksum FROM HIGHWATER.MONITORING.CHANGE_HISTORY"))
    earlier.run(*BY_HAND)
    migrate_account(earlier.administrator, NAMES, UPGRADING)
    with deployer(earlier.port) as session:
        migrate(session, NAMES.database)
        migrate(session, NAMES.database)
    worker = earlier.login(NAMES.worker, NAMES.database)
    assert sorted(earlier.rows("SELECT script, checksum FROM HIGHWATER.MIGRATIONS.CHANGE_HISTORY")) == before
    for place in ("MIGRATIONS", "MONITORING"):
        assert "does not exist or not authorized" in earlier.refusal(
            f"SELECT 1 FROM {place}.CHANGE_HISTORY", worker
        )


def test_a_session_of_the_flows_has_one_role(earlier: Account) -> None:
    """The earlier release's user had all of its roles at once, Snowflake's default."""
    users = "SHOW USERS LIKE 'HIGHWATER_WORKER'"
    assert '["ALL"]' in earlier.rows(users)[0]
    earlier.run(*BY_HAND)
    migrate_account(earlier.administrator, NAMES, UPGRADING)
    assert "[]" in earlier.rows(users)[0]


def test_what_the_earlier_flows_had_is_taken_away(earlier: Account) -> None:
    earlier.run(*BY_HAND)
    migrate_account(earlier.administrator, NAMES, UPGRADING)
    one_role_and_no_integration(earlier)
    loaders = str(shown(earlier, f"SHOW GRANTS TO ROLE {NAMES.loader}"))
    assert "OPERATE" not in loaders
    assert "CREATE" not in loaders


def test_ownership_goes_to_the_deployer_and_the_flows_go_on(earlier: Account) -> None:
    earlier.run(*BY_HAND)
    migrate_account(earlier.administrator, NAMES, UPGRADING)
    assert limit_of(earlier.administrator, NAMES) == "HIGHWATER_MONTHLY: 250.00 credits, notifies ASHA"
    with deployer(earlier.port) as session:
        migrate(session, NAMES.database)
        earlier.rows("ALTER TABLE DW.DIM_SKU ADD COLUMN colour VARCHAR", session)
    worker = earlier.login(NAMES.worker, NAMES.database)
    assert earlier.rows("SELECT sku_code, colour FROM DW.DIM_SKU", worker) == [("S1", None)]
    earlier.rows("UPDATE DW.DIM_SKU SET colour = 'red'", worker)
    for refused in (
        "DROP TABLE DW.DIM_SKU",
        "CREATE TABLE DW.MINE (a INT)",
        "CREATE SCHEMA MINE",
        "DELETE FROM MONITORING.WRITE_LOCK",
    ):
        assert "nsufficient privileges" in earlier.refusal(refused, worker), refused
    # dbt's stay the flows'; and readers are readers.
    earlier.rows("CREATE OR REPLACE TRANSIENT TABLE MARTS.ENGAGEMENT_DAILY AS SELECT 1 AS events", worker)
    readers = [row for row in earlier.rows("SHOW GRANTS OF ROLE HIGHWATER_READER") if "SALES_PEOPLE" in row]
    assert len(readers) == 1
    assert earlier.rows(
        "SELECT COUNT(*) FROM HIGHWATER.INFORMATION_SCHEMA.TABLES WHERE table_name = 'ACCOUNT_CHANGE_HISTORY'"
    ) == [(0,)]
