"""What the account's migration makes, and what it refuses to take over."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.warehouse.account.conftest import (
    Account,
    grants_of,
    one_role_and_no_integration,
    policies_of,
    shown,
)
from tests.warehouse.standin import GIVEN, NAMES, deployer, set_up
from warehouse import __main__ as main
from warehouse.account.checks import ObjectsDiffer, limit_of
from warehouse.account.names import MIGRATIONS_SCHEMA, SCHEMAS, AccountNames
from warehouse.account.objects import account_objects
from warehouse.migrate import migrate, migrate_account

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
    return {
        kind: sorted(
            name
            for row in shown(account, f"SHOW {kind}")
            if (name := str(row["name"])).startswith("HIGHWATER")
        )
        for kind in OF_THE_ACCOUNT
    }


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
    owners = {row["name"]: row["owner"] for row in shown(ready, "SHOW SCHEMAS IN DATABASE HIGHWATER")}
    owners.pop("INFORMATION_SCHEMA", None)
    assert owners.pop("PUBLIC", "ACCOUNTADMIN") == "ACCOUNTADMIN"
    assert owners == {
        "ADMIN": "ACCOUNTADMIN",
        **dict.fromkeys((*SCHEMAS, MIGRATIONS_SCHEMA), "HIGHWATER_DEPLOYER"),
    }


def test_a_service_user_has_one_role_and_nobody_the_integration(ready: Account) -> None:
    one_role_and_no_integration(ready)


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
    (monitor,) = shown(account, "SHOW RESOURCE MONITORS LIKE 'HIGHWATER_MONTHLY'")
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
    account.run("ALTER RESOURCE MONITOR HIGHWATER_MONTHLY SET CREDIT_QUOTA = 250")
    assert limit_of(account.administrator, NAMES) == "HIGHWATER_MONTHLY: 250.00 credits, notifies ASHA"
    migrate_account(
        account.administrator, NAMES, GIVEN
    )  # whom to notify is not given, the quota is a person's
    with pytest.raises(
        ObjectsDiffer,
        match=r'notify_users ASHA, not ben@example.com .*SET NOTIFY_USERS = \("ben@example.com"\) TRIGGERS',
    ) as refused:
        migrate_account(account.administrator, NAMES, replace(GIVEN, notify=("ben@example.com",)))
    account.run(mend_of(refused.value))
    migrate_account(account.administrator, NAMES, replace(GIVEN, notify=("ben@example.com",)))
    account.run("ALTER RESOURCE MONITOR HIGHWATER_MONTHLY TRIGGERS ON 80 PERCENT DO NOTIFY")
    with pytest.raises(ObjectsDiffer, match="notify_at 80%, not 80%,95%") as refused:
        migrate_account(account.administrator, NAMES, GIVEN)
    account.run(mend_of(refused.value))
    # What the account has of a similar name is another's: LIKE takes an underscore for any character.
    account.run("CREATE RESOURCE MONITOR HIGHWATERXMONTHLY WITH CREDIT_QUOTA = 1")
    assert limit_of(account.administrator, NAMES).startswith("HIGHWATER_MONTHLY: 250.00 credits")


def mend_of(refused: Exception) -> str:
    """The statement that the refusal offers."""
    (statement,) = re.findall(r"to change it: ([^;]+);", str(refused))
    return str(statement)


def test_a_network_that_is_given_twice_is_allowed_once() -> None:
    given = replace(GIVEN, migrate_from=(*GIVEN.addresses, "192.0.2.128/25"))
    (policy,) = [o for o in account_objects(NAMES, given) if o.name == NAMES.migrations_policy]
    assert policy.create.endswith("ALLOWED_IP_LIST = ('192.0.2.1/32', '192.0.2.128/25')")


def test_a_new_user_needs_a_key(account: Account) -> None:
    with pytest.raises(
        ObjectsDiffer, match="user HIGHWATER_DEPLOY does not exist, and no public key was given"
    ):
        migrate_account(account.administrator, NAMES, replace(GIVEN, deploy_key=None))
    migrate_account(account.administrator, NAMES, GIVEN)
    # Later on the keys are rotated, and not given.
    migrate_account(account.administrator, NAMES, replace(GIVEN, deploy_key=None, worker_key=None))


def test_service_users_log_in_from_known_networks(ready: Account) -> None:
    assert policies_of(ready) == {NAMES.worker: "HIGHWATER_NAT", NAMES.deploy: "HIGHWATER_MIGRATIONS"}


def test_a_changed_network_is_told_with_the_statement_that_changes_it(account: Account) -> None:
    """By which the run goes on: addresses change with the stack."""
    migrate_account(account.administrator, NAMES, GIVEN)
    moved = replace(GIVEN, addresses=("192.0.2.7/32", "192.0.2.8/32"))
    with pytest.raises(ObjectsDiffer) as refused:
        migrate_account(account.administrator, NAMES, moved)
    statements = re.findall(r"ALTER NETWORK POLICY \w+ SET ALLOWED_IP_LIST = \([^)]*\);", str(refused.value))
    assert statements == [
        "ALTER NETWORK POLICY HIGHWATER_NAT SET ALLOWED_IP_LIST = ('192.0.2.7/32', '192.0.2.8/32');",
        "ALTER NETWORK POLICY HIGHWATER_MIGRATIONS SET ALLOWED_IP_LIST"
        " = ('192.0.2.7/32', '192.0.2.8/32', '192.0.2.128/25');",
    ]
    account.run(*(statement.rstrip(";") for statement in statements))
    migrate_account(account.administrator, NAMES, moved)


def test_sessions_of_service_users_have_the_one_role(account: Account) -> None:
    migrate_account(account.administrator, NAMES, GIVEN)
    account.run(
        "ALTER USER HIGHWATER_WORKER SET DEFAULT_SECONDARY_ROLES = ('ALL')",
        "GRANT ROLE HIGHWATER_DEPLOYER TO USER HIGHWATER_WORKER",
    )
    create = "CREATE SCHEMA HIGHWATER.MINE"
    migrate_account(account.administrator, NAMES, GIVEN)
    assert "nsufficient privileges" in account.refusal(create, account.login(NAMES.worker, NAMES.database))
    secondary = {row["name"]: row["default_secondary_roles"] for row in shown(account, "SHOW USERS")}
    assert secondary == {NAMES.worker: "[]", NAMES.deploy: "[]"}


def test_a_password_and_a_strangers_schema_are_refused(account: Account) -> None:
    account.run(
        "CREATE ROLE STRANGER",
        "CREATE DATABASE HIGHWATER",
        "CREATE SCHEMA HIGHWATER.DW",
        "GRANT OWNERSHIP ON SCHEMA HIGHWATER.DW TO ROLE STRANGER",
        "CREATE USER HIGHWATER_DEPLOY TYPE = SERVICE DEFAULT_ROLE = HIGHWATER_DEPLOYER"
        " DEFAULT_WAREHOUSE = HIGHWATER_LOAD_WH PASSWORD = 'any'",
    )
    with pytest.raises(ObjectsDiffer) as refused:
        migrate_account(account.administrator, NAMES, replace(GIVEN, deploy_key=None))
    assert "user HIGHWATER_DEPLOY exists with has_password true, not false" in str(refused.value)
    assert "schema HIGHWATER.DW exists with owner STRANGER, not HIGHWATER_DEPLOYER or ACCOUNTADMIN or" in str(
        refused.value
    )
    assert shown(account, "SHOW SCHEMAS LIKE 'DW' IN DATABASE HIGHWATER")[0]["owner"] == "STRANGER"


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
    assert ready.rows(history) == [("V0001__revoked.sql",)]
    for user in (NAMES.deploy, NAMES.worker):
        session = ready.login(user, NAMES.database)
        assert "does not exist or not authorized" in ready.refusal(history, session)


def test_snowflakes_refusal_of_a_migration_is_a_message(
    account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It names the file, and is no traceback. What was applied before it stays applied."""
    migrate_account(account.administrator, NAMES, GIVEN)
    account.run("CREATE VIEW HIGHWATER.MONITORING.LOADS AS SELECT 1 AS of_somebody_else")
    monkeypatch.setattr(main, "connect", lambda *_, **__: deployer(account.port))
    assert main.main(["migrate"]) == 1
    said = capsys.readouterr().err
    assert re.match(r"migrate: V\d{4}__\w+\.sql: ", said), said
    assert "LOADS" in said
    assert account.rows("SELECT script FROM HIGHWATER.MIGRATIONS.CHANGE_HISTORY")[0] == (
        "V0001__schemas.sql",
    )


def owner_of(account: Account, table: str) -> str:
    schema, name = table.split(".")
    return str(shown(account, f"SHOW TABLES LIKE '{name}' IN SCHEMA HIGHWATER.{schema}")[0]["owner"])


def test_what_another_system_made_is_neither_taken_over_nor_given_away(account: Account) -> None:
    account.run("CREATE DATABASE HIGHWATER", "CREATE SCHEMA HIGHWATER.DW", "CREATE ROLE ETL")
    account.run(
        "CREATE TABLE HIGHWATER.DW.FACT_MARKET (x INT)", "CREATE VIEW HIGHWATER.DW.V AS SELECT 1 AS a"
    )
    account.run("GRANT OWNERSHIP ON TABLE HIGHWATER.DW.FACT_MARKET TO ROLE ETL")
    with pytest.raises(ObjectsDiffer, match=r"made these tables or views: DW\.FACT_MARKET, DW\.V\. If they"):
        migrate_account(account.administrator, NAMES, GIVEN)
    assert owner_of(account, "DW.FACT_MARKET") == "ETL"
    assert named(account)["ROLES"] == []


def test_what_another_system_made_after_the_account_is_not_migrated_over(account: Account) -> None:
    migrate_account(account.administrator, NAMES, GIVEN)
    with deployer(account.port) as session:
        account.rows("CREATE TABLE HIGHWATER.DW.FACT_MARKET (x INT)", session)
        with pytest.raises(ObjectsDiffer, match=r"made these tables or views: DW\.FACT_MARKET\. If they"):
            migrate(session, NAMES.database)
        account.rows("DROP TABLE HIGHWATER.DW.FACT_MARKET", session)
        account.run("CREATE TABLE HIGHWATER.DW.FACT_MARKET (x INT)")  # the deployer does not see it
        with pytest.raises(
            ObjectsDiffer, match=r"or another role's, .* migrated: DW\.FACT_MARKET\. One that is there: "
        ):
            migrate(session, NAMES.database)


def test_what_was_lost_is_brought_back_and_not_made_anew(account: Account) -> None:
    """A first migration that was killed is no loss: the tables of a file lie there before the history has its row."""
    set_up(account.port, account.administrator)
    history = "HIGHWATER.MIGRATIONS.CHANGE_HISTORY"
    with deployer(account.port) as session:
        account.run(f"DELETE FROM {history} WHERE script <> 'V0001__schemas.sql'")
        # V0007 failed before its first table.
        account.run(
            f"INSERT INTO {history} SELECT * REPLACE ('V0007__forecast.sql' AS script, 'Failed' AS status) FROM {history}",
            "DROP TABLE HIGHWATER.ML_OUTPUTS.DEMAND_FORECAST_PREDICTIONS",
        )
        migrate(session, NAMES.database)
        assert account.rows(f"SELECT COUNT(*) > 10 FROM {history}") == [(True,)]

        account.run("ALTER TABLE HIGHWATER.DW.FACT_MARKET RENAME TO HIGHWATER.DW.AWAY")
        with pytest.raises(ObjectsDiffer, match=r"UNDROP TABLE HIGHWATER\.DW\.FACT_MARKET;"):
            migrate(session, NAMES.database)
        account.run("ALTER TABLE HIGHWATER.DW.AWAY RENAME TO HIGHWATER.DW.FACT_MARKET")

        account.run("DROP SCHEMA HIGHWATER.MARTS", "DROP SCHEMA HIGHWATER.STAGE")
        with pytest.raises(
            ObjectsDiffer,
            match=r"gone: MARTS, STAGE\. Bring them back: UNDROP SCHEMA HIGHWATER\.MARTS; UNDROP",
        ):
            migrate_account(account.administrator, NAMES, GIVEN)
        assert "MARTS" not in [row["name"] for row in shown(account, "SHOW SCHEMAS IN DATABASE HIGHWATER")]

        account.run("CREATE SCHEMA HIGHWATER.MARTS", "CREATE SCHEMA HIGHWATER.STAGE")
        account.run(f"TRUNCATE TABLE {history}")
        with pytest.raises(ObjectsDiffer, match="or of an empty one INSERT INTO"):
            migrate(session, NAMES.database)
        account.run("DROP SCHEMA HIGHWATER.MIGRATIONS")
        with pytest.raises(ObjectsDiffer, match=r"UNDROP SCHEMA HIGHWATER\.MIGRATIONS, or"):
            migrate(session, NAMES.database)
        with pytest.raises(ObjectsDiffer, match=r"UNDROP SCHEMA HIGHWATER\.MIGRATIONS, or"):
            migrate_account(account.administrator, NAMES, GIVEN)
        assert "MIGRATIONS" not in [
            row["name"] for row in shown(account, "SHOW SCHEMAS IN DATABASE HIGHWATER")
        ]


def test_a_refusal_outside_of_the_files_is_a_message_too(
    account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    migrate_account(account.administrator, NAMES, GIVEN)
    account.run("DROP SCHEMA HIGHWATER.MIGRATIONS")
    account.run("REVOKE CREATE SCHEMA ON DATABASE HIGHWATER FROM ROLE HIGHWATER_DEPLOYER")
    monkeypatch.setattr(main, "connect", lambda *_, **__: deployer(account.port))
    assert main.main(["migrate"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("migrate: migrate in Snowflake: ")
    assert "nsufficient privileges" in said
    assert "Traceback" not in said


def test_a_second_environment_leaves_the_first_as_it_is(ready: Account) -> None:
    before, grants = named(ready), grants_of(ready, "HIGHWATER")
    dev = AccountNames("HIGHWATER_DEV")
    set_up(ready.port, ready.administrator, dev)
    after = named(ready)
    assert {
        kind: [n for n in names if not n.startswith(dev.database)] for kind, names in after.items()
    } == before
    assert {kind: len(names) for kind, names in after.items()} == {
        kind: 2 * len(names) for kind, names in before.items()
    }
    assert grants_of(ready, "HIGHWATER") == grants
    worker = ready.login(dev.worker, dev.database)
    assert ready.rows("SELECT COUNT(*) FROM DW.FACT_SALES", worker) == [(0,)]
    assert "does not exist or not authorized" in ready.refusal(
        "SELECT * FROM HIGHWATER.DW.FACT_SALES", worker
    )
