"""Owners, and grants on all objects, on future ones and with the right to grant on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.local.snowflake.access.client import As, Client

_IN = "USAGE ON DATABASE SALES", "USAGE ON SCHEMA SALES.RAW"


@pytest.fixture
def owner(admin: Client, as_: As) -> Iterator[Client]:
    """A role that may make tables, and is beneath SYSADMIN."""
    admin.all(
        "CREATE OR REPLACE ROLE OWNER; GRANT ROLE OWNER TO ROLE SYSADMIN; CREATE OR REPLACE ROLE READER"
    )
    for grant in _IN:
        admin.all(f"GRANT {grant} TO ROLE OWNER; GRANT {grant} TO ROLE READER")
    admin("GRANT CREATE TABLE, CREATE VIEW ON SCHEMA SALES.RAW TO ROLE OWNER")
    yield as_(role="OWNER")
    admin.all("DROP ROLE OWNER; DROP ROLE READER")


@pytest.fixture
def reader(owner: Client, as_: As) -> Client:
    return as_(role="READER")


def _grants_on(client: Client, table: str) -> list[tuple[object, object]]:
    return [(row[1], row[5]) for row in client(f"SHOW GRANTS ON TABLE {table}")]


def test_who_creates_a_table_owns_it(owner: Client, reader: Client) -> None:
    owner("CREATE OR REPLACE TABLE SALES.RAW.OWNED (a INT)")

    owner("INSERT INTO SALES.RAW.OWNED VALUES (1)")
    owner("ALTER TABLE SALES.RAW.OWNED ADD COLUMN b INT")
    assert reader.refusal("SELECT * FROM SALES.RAW.OWNED") == 2003
    owner("GRANT SELECT ON TABLE SALES.RAW.OWNED TO ROLE READER")
    assert reader("SELECT a FROM SALES.RAW.OWNED") == [(1,)]
    assert owner.row("SHOW TABLES LIKE 'OWNED' IN SCHEMA SALES.RAW")["owner"] == "OWNER"
    owner("DROP TABLE SALES.RAW.OWNED")


def test_a_replaced_table_has_lost_its_grants_unless_they_are_copied(owner: Client, reader: Client) -> None:
    owner("CREATE OR REPLACE TABLE SALES.RAW.REPLACED (a INT)")
    owner("GRANT SELECT ON TABLE SALES.RAW.REPLACED TO ROLE READER")

    owner("CREATE OR REPLACE TABLE SALES.RAW.REPLACED (a INT) COPY GRANTS")
    assert reader.refusal("SELECT * FROM SALES.RAW.REPLACED") is None
    owner("CREATE OR REPLACE TABLE SALES.RAW.REPLACED (a INT)")
    assert reader.refusal("SELECT * FROM SALES.RAW.REPLACED") == 2003


def test_a_table_that_is_there_keeps_its_owner(owner: Client, admin: Client) -> None:
    owner("CREATE OR REPLACE TABLE SALES.RAW.KEPT (a INT)")
    admin("CREATE TABLE IF NOT EXISTS SALES.RAW.KEPT (a INT)")

    assert _grants_on(admin, "SALES.RAW.KEPT") == [("OWNERSHIP", "OWNER")]


def test_a_dropped_table_takes_its_grants_with_it(owner: Client, reader: Client) -> None:
    owner("CREATE OR REPLACE TABLE SALES.RAW.DROPPED (a INT)")
    owner("GRANT SELECT ON TABLE SALES.RAW.DROPPED TO ROLE READER")
    owner("DROP TABLE SALES.RAW.DROPPED")
    owner("CREATE TABLE SALES.RAW.DROPPED (a INT)")

    assert reader.refusal("SELECT * FROM SALES.RAW.DROPPED") == 2003


def test_a_renamed_table_keeps_owner_and_grants(owner: Client, reader: Client) -> None:
    owner.all(
        "DROP TABLE IF EXISTS SALES.RAW.AFTER; CREATE OR REPLACE TABLE SALES.RAW.BEFORE (a INT);"
        "GRANT SELECT ON TABLE SALES.RAW.BEFORE TO ROLE READER; ALTER TABLE SALES.RAW.BEFORE RENAME TO SALES.RAW.AFTER"
    )

    assert _grants_on(owner, "SALES.RAW.AFTER") == [("OWNERSHIP", "OWNER"), ("SELECT", "READER")]
    assert reader.refusal("SELECT * FROM SALES.RAW.BEFORE") == 2003


def test_ownership_goes_to_another_role(owner: Client, reader: Client, admin: Client) -> None:
    owner("CREATE OR REPLACE TABLE SALES.RAW.GIVEN (a INT)")
    owner("GRANT SELECT ON TABLE SALES.RAW.GIVEN TO ROLE OWNER")
    assert admin.error("GRANT OWNERSHIP ON TABLE SALES.RAW.GIVEN TO ROLE READER")[0] == 3036

    admin("GRANT OWNERSHIP ON TABLE SALES.RAW.GIVEN TO ROLE READER COPY CURRENT GRANTS")
    assert (owner.refusal("DROP TABLE SALES.RAW.GIVEN"), owner.refusal("SELECT * FROM SALES.RAW.GIVEN")) == (
        3001,
        None,
    )
    admin("GRANT OWNERSHIP ON TABLE SALES.RAW.GIVEN TO ROLE READER REVOKE CURRENT GRANTS")
    assert owner.refusal("SELECT * FROM SALES.RAW.GIVEN") == 2003
    reader("DROP TABLE SALES.RAW.GIVEN")


def test_all_tables_are_those_of_now_and_no_views(owner: Client, reader: Client, admin: Client) -> None:
    owner("CREATE OR REPLACE TABLE SALES.RAW.NOW (a INT)")
    owner("CREATE OR REPLACE VIEW SALES.RAW.SEEN_NOW AS SELECT * FROM SALES.RAW.NOW")
    admin("GRANT SELECT ON ALL TABLES IN SCHEMA SALES.RAW TO ROLE READER")
    owner("CREATE OR REPLACE TABLE SALES.RAW.LATER (a INT)")

    assert reader.refusal("SELECT * FROM SALES.RAW.NOW") is None
    assert reader.refusal("SELECT * FROM SALES.RAW.SEEN_NOW") == 2003
    assert reader.refusal("SELECT * FROM SALES.RAW.LATER") == 2003
    admin("GRANT SELECT ON ALL VIEWS IN DATABASE SALES TO ROLE READER")
    assert reader.refusal("SELECT * FROM SALES.RAW.SEEN_NOW") is None
    admin("GRANT OWNERSHIP ON ALL TABLES IN SCHEMA SALES.RAW TO ROLE READER COPY CURRENT GRANTS")
    assert owner.refusal("DROP TABLE SALES.RAW.LATER") == 2003
    admin("GRANT OWNERSHIP ON ALL TABLES IN SCHEMA SALES.RAW TO ROLE ACCOUNTADMIN REVOKE CURRENT GRANTS")


def test_future_grants_of_a_schema_stand_for_those_of_its_database(
    owner: Client, reader: Client, admin: Client
) -> None:
    admin("GRANT SELECT ON FUTURE TABLES IN DATABASE SALES TO ROLE READER")
    owner("CREATE OR REPLACE TABLE SALES.RAW.FUTURE_1 (a INT)")
    admin("GRANT INSERT ON FUTURE TABLES IN SCHEMA SALES.RAW TO ROLE READER")
    owner("CREATE OR REPLACE TABLE SALES.RAW.FUTURE_2 (a INT)")
    owner("CREATE OR REPLACE VIEW SALES.RAW.FUTURE_V AS SELECT * FROM SALES.RAW.FUTURE_1")

    assert _grants_on(owner, "SALES.RAW.FUTURE_1") == [("OWNERSHIP", "OWNER"), ("SELECT", "READER")]
    assert _grants_on(owner, "SALES.RAW.FUTURE_2") == [("INSERT", "READER"), ("OWNERSHIP", "OWNER")]
    assert reader.refusal("SELECT * FROM SALES.RAW.FUTURE_V") == 2003
    assert admin("SHOW FUTURE GRANTS IN SCHEMA SALES.RAW") == [
        ("", "INSERT", "TABLE", "SALES.RAW.<TABLE>", "ROLE", "READER", "false")
    ]


def test_future_tables_have_the_owner_that_was_granted_them(owner: Client, admin: Client) -> None:
    admin("GRANT OWNERSHIP ON FUTURE TABLES IN SCHEMA SALES.RAW TO ROLE READER")
    owner("CREATE TABLE IF NOT EXISTS SALES.RAW.OWNED_LATER (a INT)")

    assert _grants_on(admin, "SALES.RAW.OWNED_LATER") == [("OWNERSHIP", "READER")]


def test_a_grant_is_given_on_only_with_the_option(owner: Client, reader: Client, admin: Client) -> None:
    owner("CREATE OR REPLACE TABLE SALES.RAW.PASSED (a INT)")
    owner("GRANT SELECT ON TABLE SALES.RAW.PASSED TO ROLE READER")
    assert reader.error("GRANT SELECT ON TABLE SALES.RAW.PASSED TO ROLE PUBLIC")[0] == 3001

    owner("GRANT SELECT ON TABLE SALES.RAW.PASSED TO ROLE READER WITH GRANT OPTION")
    reader("GRANT SELECT ON TABLE SALES.RAW.PASSED TO ROLE PUBLIC")
    assert reader.error("GRANT INSERT ON TABLE SALES.RAW.PASSED TO ROLE PUBLIC")[0] == 3001
    admin("REVOKE SELECT ON TABLE SALES.RAW.PASSED FROM ROLE PUBLIC")


def test_in_a_managed_schema_the_schemas_owner_grants(owner: Client, admin: Client) -> None:
    admin.all(
        "CREATE SCHEMA IF NOT EXISTS SALES.MANAGED WITH MANAGED ACCESS;"
        "GRANT USAGE, CREATE TABLE ON SCHEMA SALES.MANAGED TO ROLE OWNER"
    )
    owner("CREATE TABLE IF NOT EXISTS SALES.MANAGED.T (a INT)")

    assert owner.error("GRANT SELECT ON TABLE SALES.MANAGED.T TO ROLE READER")[0] == 3001
    admin("ALTER SCHEMA SALES.MANAGED DISABLE MANAGED ACCESS")
    owner("GRANT SELECT ON TABLE SALES.MANAGED.T TO ROLE READER")
    admin("DROP SCHEMA SALES.MANAGED")


def test_what_can_not_be_granted_is_refused(owner: Client) -> None:
    owner("CREATE OR REPLACE TABLE SALES.RAW.REFUSED (a INT)")

    assert owner.error("GRANT USAGE ON TABLE SALES.RAW.REFUSED TO ROLE READER") == (
        1003,
        "SQL compilation error:\nInvalid privilege 'USAGE' for object type 'TABLE'.",
    )
    assert owner.error("GRANT SELECT ON TABLE SALES.RAW.NO_SUCH TO ROLE READER")[0] == 2003
    assert owner.error("GRANT SELECT ON TABLE SALES.RAW.REFUSED TO ROLE NO_SUCH")[0] == 2003
    owner("REVOKE SELECT ON TABLE SALES.RAW.REFUSED FROM ROLE READER")  # which was not granted: no error


def test_a_grant_commits_the_transaction_before_it(owner: Client, admin: Client) -> None:
    owner("CREATE OR REPLACE TABLE SALES.RAW.COMMITTED (a INT)")
    owner("BEGIN")
    owner("INSERT INTO SALES.RAW.COMMITTED VALUES (1)")
    owner("GRANT SELECT ON TABLE SALES.RAW.COMMITTED TO ROLE READER")
    owner("ROLLBACK")

    assert admin("SELECT a FROM SALES.RAW.COMMITTED") == [(1,)]
