"""What the account's migration makes, and what it refuses to take over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.warehouse.account.conftest import Account
from tests.warehouse.standin import GIVEN, NAMES, deployer, set_up
from warehouse.account.checks import ObjectsDiffer
from warehouse.account.names import AccountNames
from warehouse.migrate import MigrationRefused, migrate, migrate_account

OF_THE_ACCOUNT = (
    "ROLES",
    "USERS",
    "WAREHOUSES",
    "RESOURCE MONITORS",
    "NETWORK POLICIES",
    "INTEGRATIONS",
    "DATABASES",
)


def named(account: Account) -> dict[str, list[str]]:
    """The account's objects that have an environment's name."""
    found = {}
    for kind in OF_THE_ACCOUNT:
        with account.administrator.cursor() as cursor:
            rows = cursor.execute(f"SHOW {kind}").fetchall()
            place = [column.name.lower() for column in cursor.description].index("name")
        found[kind] = sorted(name for row in rows if (name := str(row[place])).startswith("HIGHWATER"))
    return found


def _grants(account: Account, database: str) -> dict[str, list[str]]:
    roles = ("DEPLOYER", "LOADER", "TRANSFORMER", "ANALYST", "READER")
    return {
        role: sorted(map(_without_time, account.rows(f"SHOW GRANTS TO ROLE {database}_{role}")))
        for role in roles
    }


def _without_time(row: tuple[object, ...]) -> str:
    return str(row[1:])


def test_everything_is_named_after_the_database(ready: Account) -> None:
    assert named(ready) == {
        "ROLES": [f"HIGHWATER_{role}" for role in ("ANALYST", "DEPLOYER", "LOADER", "READER", "TRANSFORMER")],
        "USERS": ["HIGHWATER_DEPLOY", "HIGHWATER_WORKER"],
        "WAREHOUSES": ["HIGHWATER_ANALYTICS_WH", "HIGHWATER_LOAD_WH", "HIGHWATER_TRANSFORM_WH"],
        "RESOURCE MONITORS": ["HIGHWATER_MONTHLY"],
        "NETWORK POLICIES": ["HIGHWATER_MIGRATIONS", "HIGHWATER_NAT"],
        "INTEGRATIONS": ["HIGHWATER_LAKE"],
        "DATABASES": ["HIGHWATER"],
    }
    owners = ready.rows("SHOW SCHEMAS IN DATABASE HIGHWATER")
    assert {"HIGHWATER_DEPLOYER"} == {
        cell for row in owners for cell in row if isinstance(cell, str) and "DEPLOYER" in cell
    }


@pytest.mark.parametrize(
    ("there", "differs"),
    [
        (
            "CREATE WAREHOUSE HIGHWATER_LOAD_WH WITH WAREHOUSE_SIZE = 'LARGE' AUTO_SUSPEND = 60 AUTO_RESUME = TRUE",
            "warehouse HIGHWATER_LOAD_WH exists with size Large, not X-Small",
        ),
        (
            "CREATE USER HIGHWATER_WORKER TYPE = SERVICE DEFAULT_ROLE = OTHER DEFAULT_WAREHOUSE = HIGHWATER_TRANSFORM_WH",
            "user HIGHWATER_WORKER exists with default_role OTHER, not HIGHWATER_TRANSFORMER",
        ),
        (
            "CREATE STORAGE INTEGRATION HIGHWATER_LAKE TYPE = EXTERNAL_STAGE STORAGE_PROVIDER = 'S3' ENABLED = TRUE"
            " STORAGE_AWS_ROLE_ARN = 'arn:aws:iam::123456789012:role/highwater-snowflake'"
            " STORAGE_ALLOWED_LOCATIONS = ('s3://another/')",
            "integration HIGHWATER_LAKE exists with storage_allowed_locations s3://another/, not s3://highwater-lake/",
        ),
        (
            "CREATE NETWORK POLICY HIGHWATER_NAT ALLOWED_IP_LIST = ('0.0.0.0/0')",
            "network policy HIGHWATER_NAT exists with allowed_ip_list 0.0.0.0/0, not 192.0.2.1/32",
        ),
        ("CREATE ROLE HIGHWATER_LOADER COMMENT = 'ours'", "role HIGHWATER_LOADER exists with comment ours"),
    ],
)
def test_what_has_a_name_of_ours_and_other_values_is_not_taken_over(
    account: Account, there: str, differs: str
) -> None:
    account.run(there)
    before = named(account)
    with pytest.raises(ObjectsDiffer) as refused:
        migrate_account(account.administrator, NAMES, GIVEN)
    assert differs in str(refused.value)
    assert named(account) == before


def test_the_monitor_notifies_before_it_suspends(account: Account) -> None:
    given = replace(GIVEN, notify=("ASHA",))
    migrate_account(account.administrator, NAMES, given)
    with account.administrator.cursor() as cursor:
        (row,) = cursor.execute("SHOW RESOURCE MONITORS LIKE 'HIGHWATER_MONTHLY'").fetchall()
        monitor = dict(zip((c.name.lower() for c in cursor.description), row, strict=True))
    assert [monitor[at] for at in ("notify_at", "suspend_at", "suspend_immediately_at")] == [
        "80%,95%",
        "100%",
        "110%",
    ]
    with account.administrator.cursor() as cursor:
        watched = {
            row[0] for row in cursor.execute("SHOW WAREHOUSES").fetchall() if "HIGHWATER_MONTHLY" in row
        }
    assert watched == {"HIGHWATER_LOAD_WH", "HIGHWATER_TRANSFORM_WH", "HIGHWATER_ANALYTICS_WH"}


def test_a_new_user_needs_a_key(account: Account) -> None:
    with pytest.raises(
        ObjectsDiffer, match="user HIGHWATER_DEPLOY does not exist, and no public key was given"
    ):
        migrate_account(account.administrator, NAMES, replace(GIVEN, deploy_key=None))
    migrate_account(account.administrator, NAMES, GIVEN)
    # Later on the keys are rotated, and not given.
    migrate_account(account.administrator, NAMES, replace(GIVEN, deploy_key=None, worker_key=None))


def test_service_users_log_in_from_known_networks(ready: Account) -> None:
    policies = {
        user: ready.rows(f"SHOW PARAMETERS LIKE 'NETWORK_POLICY' IN USER {user}")[0][:2]
        for user in (NAMES.worker, NAMES.deploy)
    }
    assert policies == {
        NAMES.worker: ("NETWORK_POLICY", "HIGHWATER_NAT"),
        NAMES.deploy: ("NETWORK_POLICY", "HIGHWATER_MIGRATIONS"),
    }


def test_tables_can_be_restored_for_two_weeks_and_marts_for_a_day(ready: Account) -> None:
    days = {
        place: ready.rows(f"SHOW PARAMETERS LIKE 'DATA_RETENTION_TIME_IN_DAYS' IN {place}")[0][1]
        for place in ("DATABASE HIGHWATER", "SCHEMA HIGHWATER.MARTS")
    }
    assert days == {"DATABASE HIGHWATER": "14", "SCHEMA HIGHWATER.MARTS": "1"}


def test_the_accounts_history_is_not_the_deployers(ready: Account) -> None:
    history = (
        "SELECT script FROM HIGHWATER.ADMIN.CHANGE_HISTORY WHERE script_type <> 'A' ORDER BY installed_on"
    )
    assert ready.rows(history) == [("V0001__ownership.sql",), ("R__grants.sql",), ("R__limits.sql",)]
    for user in (NAMES.deploy, NAMES.worker):
        session = ready.login(user, NAMES.database)
        assert "does not exist or not authorized" in ready.refusal(history, session)


def test_snowflakes_refusal_of_a_migration_is_a_message(account: Account) -> None:
    migrate_account(account.administrator, NAMES, GIVEN)
    account.run("REVOKE CREATE SCHEMA ON DATABASE HIGHWATER FROM ROLE HIGHWATER_DEPLOYER")
    account.run("CREATE TABLE HIGHWATER.DW.DIM_SKU (of_somebody_else INT)")
    with deployer(account.port) as session, pytest.raises((MigrationRefused, Exception)) as refused:
        migrate(session, NAMES.database)
    assert "nsufficient privileges" in str(refused.value)


def test_a_second_environment_leaves_the_first_as_it_is(ready: Account) -> None:
    before, grants = named(ready), _grants(ready, "HIGHWATER")
    dev = AccountNames("HIGHWATER_DEV")
    set_up(ready.port, ready.administrator, dev)
    after = named(ready)
    assert {
        kind: [n for n in names if not n.startswith(dev.database)] for kind, names in after.items()
    } == before
    assert {kind: len(names) for kind, names in after.items()} == {
        kind: 2 * len(names) for kind, names in before.items()
    }
    assert _grants(ready, "HIGHWATER") == grants
    worker = ready.login(dev.worker, dev.database)
    assert ready.rows("SELECT COUNT(*) FROM DW.FACT_SALES", worker) == [(0,)]
    assert "does not exist or not authorized" in ready.refusal(
        "SELECT * FROM HIGHWATER.DW.FACT_SALES", worker
    )
