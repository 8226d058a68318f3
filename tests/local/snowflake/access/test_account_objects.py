"""What exists as a name with properties: SHOW and DESCRIBE tell what was set, with Snowflake's columns."""

from __future__ import annotations

import pytest

from tests.local.snowflake.access.client import As, Client


@pytest.fixture(scope="module", autouse=True)
def objects(admin: Client) -> None:
    admin.all(
        """CREATE ROLE LOADER COMMENT = 'it''s the loader';
        CREATE RESOURCE MONITOR MONTHLY WITH CREDIT_QUOTA = 100 FREQUENCY = MONTHLY START_TIMESTAMP = IMMEDIATELY
            TRIGGERS ON 80 PERCENT DO NOTIFY ON 95 PERCENT DO NOTIFY ON 100 PERCENT DO SUSPEND
            ON 110 PERCENT DO SUSPEND_IMMEDIATE;
        CREATE WAREHOUSE LOAD_WH WITH WAREHOUSE_SIZE = 'XSMALL' AUTO_SUSPEND = 60 AUTO_RESUME = TRUE
            INITIALLY_SUSPENDED = TRUE RESOURCE_MONITOR = 'MONTHLY';
        CREATE NETWORK POLICY NAT ALLOWED_IP_LIST = ('203.0.113.1/32', '203.0.113.2/32');
        CREATE USER SERVICE TYPE = SERVICE DEFAULT_ROLE = LOADER DEFAULT_WAREHOUSE = LOAD_WH
            DEFAULT_SECONDARY_ROLES = () NETWORK_POLICY = 'NAT' ABORT_DETACHED_QUERY = TRUE COMMENT = 'runs flows';
        ALTER USER SERVICE SET RSA_PUBLIC_KEY = 'MIIB';
        CREATE STORAGE INTEGRATION LAKE TYPE = EXTERNAL_STAGE STORAGE_PROVIDER = 'S3' ENABLED = TRUE
            STORAGE_AWS_ROLE_ARN = 'arn:aws:iam::1:role/lake' STORAGE_ALLOWED_LOCATIONS = ('s3://a/', 's3://b/');
        ALTER DATABASE SALES SET DATA_RETENTION_TIME_IN_DAYS = 14;
        ALTER SCHEMA SALES.RAW SET DATA_RETENTION_TIME_IN_DAYS = 1"""
    )


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            "SHOW ROLES LIKE 'loader'",
            {"name": "LOADER", "owner": "ACCOUNTADMIN", "comment": "it's the loader"},
        ),
        (
            "SHOW WAREHOUSES LIKE 'LOAD%'",
            {
                "name": "LOAD_WH",
                "size": "X-Small",
                "auto_suspend": "60",
                "auto_resume": "true",
                "resource_monitor": "MONTHLY",
                "owner": "ACCOUNTADMIN",
            },
        ),
        (
            "SHOW RESOURCE MONITORS LIKE 'MONTHLY'",
            {
                "credit_quota": "100.00",
                "frequency": "MONTHLY",
                "notify_at": "80%,95%",
                "suspend_at": "100%",
                "suspend_immediately_at": "110%",
            },
        ),
        (
            "SHOW USERS LIKE 'SERVICE'",
            {
                "type": "SERVICE",
                "default_role": "LOADER",
                "default_warehouse": "LOAD_WH",
                "default_secondary_roles": "[]",
                "comment": "runs flows",
                "has_password": "false",
                "has_rsa_public_key": "true",
                "disabled": "false",
            },
        ),
        ("SHOW NETWORK POLICIES", {"name": "NAT", "entries_in_allowed_ip_list": "2"}),
        ("DESC NETWORK POLICY NAT", {"name": "ALLOWED_IP_LIST", "value": "203.0.113.1/32,203.0.113.2/32"}),
        ("SHOW PARAMETERS LIKE 'NETWORK_POLICY' IN USER SERVICE", {"value": "NAT", "level": "USER"}),
        (
            "SHOW INTEGRATIONS LIKE 'LAKE'",
            {"type": "EXTERNAL_STAGE", "category": "STORAGE", "enabled": "true"},
        ),
        ("SHOW DATABASES LIKE 'sales'", {"owner": "ACCOUNTADMIN", "retention_time": "14"}),
        ("SHOW SCHEMAS LIKE 'RAW' IN DATABASE SALES", {"owner": "ACCOUNTADMIN", "retention_time": "1"}),
        ("SHOW SCHEMAS LIKE 'DW' IN DATABASE SALES", {"retention_time": "14", "options": ""}),
        (
            "SHOW PARAMETERS LIKE 'DATA_RETENTION_TIME_IN_DAYS' IN SCHEMA SALES.DW",
            {"key": "DATA_RETENTION_TIME_IN_DAYS", "value": "14", "default": "1", "level": "DATABASE"},
        ),
    ],
)
def test_what_was_set_is_shown(statement: str, expected: dict[str, str], admin: Client) -> None:
    assert admin.row(statement).items() >= expected.items()


def test_as_many_are_shown_as_are_asked_for(admin: Client) -> None:
    """dbt asks so for the schemas of its database."""
    names = [row[1] for row in admin("SHOW TERSE SCHEMAS IN DATABASE SALES")]
    assert names == ["DW", "RAW"]
    assert [row[1] for row in admin("SHOW TERSE SCHEMAS IN DATABASE SALES LIMIT 1")] == ["DW"]
    assert len(admin("SHOW ROLES LIMIT 1")) == 1


def test_triggers_are_replaced_without_a_set(admin: Client) -> None:
    admin.all(
        "CREATE RESOURCE MONITOR WEEKLY WITH CREDIT_QUOTA = 7 TRIGGERS ON 80 PERCENT DO NOTIFY;"
        "ALTER RESOURCE MONITOR WEEKLY TRIGGERS ON 95 PERCENT DO NOTIFY ON 100 PERCENT DO SUSPEND"
    )
    shown = admin.row("SHOW RESOURCE MONITORS LIKE 'WEEKLY'")
    assert [shown[each] for each in ("credit_quota", "notify_at", "suspend_at")] == ["7.00", "95%", "100%"]


def test_an_integration_is_described(admin: Client) -> None:
    described = {row[0]: row[2] for row in admin("DESC INTEGRATION LAKE")}

    assert described["STORAGE_AWS_ROLE_ARN"] == "arn:aws:iam::1:role/lake"
    assert described["STORAGE_ALLOWED_LOCATIONS"] == "s3://a/,s3://b/"
    assert described["ENABLED"] == "true"
    assert {"STORAGE_AWS_IAM_USER_ARN", "STORAGE_AWS_EXTERNAL_ID"} <= described.keys()


def test_a_stage_has_its_integration(admin: Client) -> None:
    admin("CREATE STAGE SALES.RAW.LAKE URL = 's3://a/' STORAGE_INTEGRATION = LAKE")
    admin("CREATE STAGE SALES.RAW.OTHER URL = 's3://b/'")

    found = admin.row("SHOW STAGES LIKE 'LAKE' IN SCHEMA SALES.RAW")
    assert (found["url"], found["storage_integration"]) == ("s3://a/", "LAKE")


def test_what_exists_is_made_once(admin: Client) -> None:
    assert admin("CREATE WAREHOUSE IF NOT EXISTS LOAD_WH WAREHOUSE_SIZE = 'LARGE'") == [
        ("LOAD_WH already exists, statement succeeded.",)
    ]
    assert admin.row("SHOW WAREHOUSES LIKE 'LOAD_WH'")["size"] == "X-Small"
    assert admin.error("CREATE ROLE LOADER")[0] == 2002
    admin("DROP ROLE IF EXISTS NO_SUCH")
    assert admin.error("DROP ROLE NO_SUCH")[0] == 2003


@pytest.mark.parametrize(
    ("statement", "number"),
    [
        ("CREATE WAREHOUSE X RESOURCE_MONITOR = NO_SUCH", 2003),
        ("ALTER USER SERVICE SET NETWORK_POLICY = 'NO_SUCH'", 2003),
        ("ALTER DATABASE SALES SET CATALOG = 'x'", 2),
        ("CREATE ROLE", 1003),
        ("ALTER RESOURCE MONITOR MONTHLY SET TRIGGERS ON 80 PERCENT DO NOTIFY", 1003),
        ("ALTER WAREHOUSE LOAD_WH SET", 1003),
        ("ALTER WAREHOUSE LOAD_WH AUTO_SUSPEND = 1", 1003),
        ("GRANT SELECT ON TABLE SALES.RAW.FILES", 1003),
        ("GRANT ROLE LOADER TO ROLE ACCOUNTADMIN WITH CARE", 1003),
        ("SHOW GRANTS ON TABLE SALES.RAW.NO_SUCH", 2003),
        ("USE WAREHOUSE NO_SUCH", 2043),
        ("SHOW SCHEMAS IN DATABASE NO_SUCH", 2043),
        ("SHOW STAGES IN SCHEMA SALES.NO_SUCH", 2043),
        ("SHOW PARAMETERS LIKE 'DATA_RETENTION_TIME_IN_DAYS' IN DATABASE NO_SUCH", 2043),
    ],
)
def test_what_can_not_be_done_is_refused(statement: str, number: int, admin: Client, as_: As) -> None:
    admin("GRANT ROLE ACCOUNTADMIN TO USER SERVICE")
    assert as_("service", "ACCOUNTADMIN").error(statement)[0] == number


def test_a_warehouse_is_used_by_who_may(as_: As, admin: Client) -> None:
    admin.all("CREATE USER IF NOT EXISTS LOADS DEFAULT_ROLE = LOADER; GRANT ROLE LOADER TO USER LOADS")
    loads = as_("loads")
    assert loads.error("USE WAREHOUSE LOAD_WH")[0] == 2043
    assert loads("SHOW WAREHOUSES") == []

    admin("GRANT USAGE ON WAREHOUSE LOAD_WH TO ROLE LOADER")
    loads("USE WAREHOUSE LOAD_WH")
    assert loads("SELECT CURRENT_WAREHOUSE()") == [("LOAD_WH",)]
    assert loads.error("ALTER WAREHOUSE LOAD_WH SET AUTO_SUSPEND = 1")[0] == 3001
    assert loads.error("ALTER WAREHOUSE LOAD_WH SUSPEND")[0] == 3001


@pytest.mark.parametrize(
    "computing",
    [
        "SELECT a FROM SALES.RAW.FILES",
        "INSERT INTO SALES.RAW.FILES SELECT 1, 'x' WHERE FALSE",
        "UPDATE SALES.RAW.FILES SET a = 1 WHERE FALSE",
        "DELETE FROM SALES.RAW.FILES WHERE FALSE",
        "MERGE INTO SALES.RAW.FILES f USING (SELECT 1 AS a WHERE FALSE) n ON f.a = n.a"
        " WHEN NOT MATCHED THEN INSERT (a) VALUES (n.a)",
        "CREATE TEMPORARY TABLE SALES.RAW.OWN AS SELECT a FROM SALES.RAW.FILES",
    ],
)
def test_rows_take_a_warehouse(as_: As, admin: Client, computing: str) -> None:
    """Of the session, which its role may use, and which is there."""
    admin.all(
        "CREATE WAREHOUSE IF NOT EXISTS COUNT_WH; CREATE ROLE IF NOT EXISTS COUNTS;"
        "CREATE USER IF NOT EXISTS COUNTER DEFAULT_ROLE = COUNTS DEFAULT_WAREHOUSE = COUNT_WH;"
        "GRANT ROLE COUNTS TO USER COUNTER; GRANT USAGE ON DATABASE SALES TO ROLE COUNTS;"
        "GRANT USAGE ON SCHEMA SALES.RAW TO ROLE COUNTS; REVOKE USAGE ON WAREHOUSE COUNT_WH FROM ROLE COUNTS;"
        "GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE SALES.RAW.FILES TO ROLE COUNTS"
    )
    counter = as_("counter")
    assert counter.error(computing) == (
        606,
        "No active warehouse selected in the current session.  Select an active warehouse with the 'use warehouse' command.",
    )
    for plain in (
        "SELECT 1",
        "SHOW TABLES IN SCHEMA SALES.RAW",
        "CREATE TEMPORARY TABLE SALES.RAW.T (a INT)",
    ):
        counter(plain)

    admin("GRANT USAGE ON WAREHOUSE COUNT_WH TO ROLE COUNTS")
    as_("counter")(computing)
    counter("USE WAREHOUSE COUNT_WH")
    counter(computing)
    admin("DROP WAREHOUSE COUNT_WH")
    assert counter.refusal(computing) == 606
    admin.all("DROP USER COUNTER; DROP ROLE COUNTS")


def test_grants_are_shown(admin: Client) -> None:
    admin.all(
        "CREATE ROLE SHOWN; GRANT ROLE LOADER TO ROLE SHOWN;"
        "GRANT SELECT, INSERT ON TABLE SALES.RAW.FILES TO ROLE SHOWN"
    )
    assert [(row[1], row[2], row[3]) for row in admin("SHOW GRANTS TO ROLE SHOWN")] == [
        ("INSERT", "TABLE", "SALES.RAW.FILES"),
        ("SELECT", "TABLE", "SALES.RAW.FILES"),
        ("USAGE", "ROLE", "LOADER"),
    ]
    assert [(row[1], row[5]) for row in admin("SHOW GRANTS ON TABLE SALES.RAW.FILES")] == [
        ("INSERT", "SHOWN"),
        ("OWNERSHIP", "ACCOUNTADMIN"),
        ("SELECT", "SHOWN"),
    ]
    assert ("ROLE", "SHOWN") in [(row[2], row[3]) for row in admin("SHOW GRANTS OF ROLE LOADER")]


def test_a_role_is_shown_what_it_sees(as_: As, admin: Client) -> None:
    admin.all(
        "CREATE ROLE SEEING; GRANT USAGE ON DATABASE SALES TO ROLE SEEING; GRANT USAGE ON SCHEMA SALES.RAW TO ROLE SEEING;"
        "GRANT SELECT ON TABLE SALES.RAW.FILES TO ROLE SEEING"
    )
    seeing = as_(role="SEEING")
    tables = "SELECT table_schema, table_name FROM SALES.INFORMATION_SCHEMA.TABLES t ORDER BY 1, 2"

    assert seeing(tables) == [("RAW", "FILES")]
    assert ("DW", "FACTS") in admin(tables)
    assert seeing(
        "SELECT COUNT(*) FROM SALES.INFORMATION_SCHEMA.COLUMNS WHERE columns.table_name = 'FACTS'"
    ) == [(0,)]
    assert seeing("SELECT schema_name FROM SALES.INFORMATION_SCHEMA.SCHEMATA") == [("RAW",)]
    assert [row[1] for row in seeing("SHOW TABLES IN DATABASE SALES")] == ["FILES"]
    assert [row[1] for row in seeing("SHOW SCHEMAS IN DATABASE SALES")] == ["RAW"]
    assert seeing("SHOW STAGES IN SCHEMA SALES.RAW") == []
    assert seeing("SHOW INTEGRATIONS") == []
