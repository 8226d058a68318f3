"""What an administrator has dropped, or made anew, is as it was after the next run."""

from __future__ import annotations

import re

from tests.warehouse.account.conftest import Account, grants_of, policies_of, shown
from tests.warehouse.standin import GIVEN, NAMES, deployer, set_up
from warehouse.migrate import FOLDER, migrate, migrate_account


def owners_of(account: Account) -> dict[str, str]:
    """Of schemas, tables and views."""
    schemas = {row["name"]: row["owner"] for row in shown(account, "SHOW SCHEMAS IN DATABASE HIGHWATER")}
    inside = [
        row for kind in ("TABLES", "VIEWS") for row in shown(account, f"SHOW {kind} IN DATABASE HIGHWATER")
    ]
    return schemas | {f"{row['schema_name']}.{row['name']}": row["owner"] for row in inside}


def marts_of_dbt() -> list[str]:
    models = (FOLDER / "dbt" / "models").glob("**/marts/*.sql")
    return [name for model in models for name in re.findall(r"alias='(\w+)'", model.read_text())]


def test_what_was_dropped_is_made_with_all_its_grants(account: Account) -> None:
    """A file that is applied only when its text changes would leave it without."""
    set_up(account.port, account.administrator)
    with account.login(NAMES.worker, NAMES.database) as worker:  # as dbt does
        for mart in marts_of_dbt():
            account.rows(f"CREATE TABLE MARTS.{mart} (events INT)", worker)
        account.rows("CREATE VIEW MARKETING_STAGE.STG_EVENTS AS SELECT 1 AS a", worker)
    migrate_account(account.administrator, NAMES, GIVEN)
    grants, policies, owners = grants_of(account, "HIGHWATER"), policies_of(account), owners_of(account)
    of_dbt = {f"MARTS.{mart}" for mart in marts_of_dbt()} | {"MARKETING_STAGE.STG_EVENTS"}
    assert {name for name, owner in owners.items() if owner == NAMES.transformer} - {"MARTS"} == of_dbt
    account.run(
        "DROP USER HIGHWATER_WORKER",
        "DROP USER HIGHWATER_DEPLOY",
        # The local Snowflake has no DROP STAGE.
        "CREATE OR REPLACE STAGE HIGHWATER.CURATED.LAKE URL = 's3://highwater-lake/' STORAGE_INTEGRATION = HIGHWATER_LAKE",
        "DROP SCHEMA HIGHWATER.MARKETING_STAGE",
        "DROP ROLE HIGHWATER_DEPLOYER",
        "DROP ROLE HIGHWATER_TRANSFORMER",
        "DROP ROLE HIGHWATER_ANALYST",
        "DROP ROLE HIGHWATER_READER",
        "DROP WAREHOUSE HIGHWATER_TRANSFORM_WH",
        "ALTER DATABASE HIGHWATER SET DATA_RETENTION_TIME_IN_DAYS = 0",
    )
    migrate_account(account.administrator, NAMES, GIVEN)
    # dbt's views are gone with MARKETING_STAGE.
    assert owners_of(account) == {n: o for n, o in owners.items() if not n.startswith("MARKETING_STAGE.")}
    assert grants_of(account, "HIGHWATER") == {
        what: [grant for grant in of if "HIGHWATER.MARKETING_STAGE." not in grant or "<" in grant]
        for what, of in grants.items()
    }
    assert policies_of(account) == policies
    assert (
        account.rows("SHOW PARAMETERS LIKE 'DATA_RETENTION_TIME_IN_DAYS' IN DATABASE HIGHWATER")[0][1] == "14"
    )
    worker = account.login(NAMES.worker, NAMES.database)
    assert account.rows("SELECT COUNT(*) FROM DW.FACT_SALES", worker) == [(0,)]
    with deployer(account.port) as session:
        migrate(session, NAMES.database)
        account.rows("CREATE TABLE STAGE.LATER (a INT)", session)
        account.rows("ALTER TABLE MARTS.SALES_PERFORMANCE_MART ADD COLUMN colour VARCHAR", session)
