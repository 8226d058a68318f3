"""Roles, who has which, and as whom a session acts."""

from __future__ import annotations

import pytest

from local.snowflake.access.account_access import LoginRefused
from local.snowflake.account import Account
from tests.local.snowflake.access.client import As, Client


@pytest.fixture(scope="module", autouse=True)
def roles(admin: Client) -> None:
    admin.all(
        "CREATE ROLE LOADER COMMENT = 'loads'; CREATE ROLE ANALYST; CREATE ROLE APART;"
        "GRANT ROLE LOADER TO ROLE ANALYST; GRANT ROLE ANALYST TO ROLE SYSADMIN;"
        "GRANT USAGE ON DATABASE SALES TO ROLE LOADER; GRANT USAGE ON SCHEMA SALES.RAW TO ROLE LOADER;"
        "GRANT SELECT ON TABLE SALES.RAW.FILES TO ROLE LOADER; GRANT INSERT ON TABLE SALES.RAW.FILES TO ROLE APART;"
        "CREATE WAREHOUSE ROLES_WH; GRANT USAGE ON WAREHOUSE ROLES_WH TO ROLE PUBLIC;"
        "CREATE USER SERVICE TYPE = SERVICE DEFAULT_ROLE = ANALYST DEFAULT_SECONDARY_ROLES = ()"
        " DEFAULT_WAREHOUSE = ROLES_WH;"
        "CREATE USER PERSON DEFAULT_ROLE = ANALYST DEFAULT_WAREHOUSE = ROLES_WH;"
        "GRANT ROLE ANALYST TO USER SERVICE; GRANT ROLE ANALYST TO USER PERSON;"
        "GRANT ROLE APART TO USER SERVICE; GRANT ROLE APART TO USER PERSON"
    )


def test_who_was_never_created_is_administrator(as_: As) -> None:
    assert as_("stranger")("SELECT CURRENT_ROLE(), CURRENT_USER()") == [("ACCOUNTADMIN", "STRANGER")]
    assert as_("stranger", "NO_SUCH_ROLE")("SELECT CURRENT_ROLE()") == [("ACCOUNTADMIN",)]
    assert as_("stranger", "loader")("SELECT CURRENT_ROLE()") == [("LOADER",)]


def test_a_user_has_its_default_role_or_one_that_it_was_granted(as_: As, account: Account) -> None:
    assert as_("service")("SELECT CURRENT_ROLE()") == [("ANALYST",)]
    assert as_("service", "LOADER")("SELECT CURRENT_ROLE()") == [("LOADER",)]
    for role in ("ACCOUNTADMIN", "NO_SUCH_ROLE"):
        with pytest.raises(
            LoginRefused, match=f"Role '{role}' specified in the connect string does not exist"
        ):
            account.access.standing("SERVICE", role, None)


def test_a_user_without_a_default_role_is_public(as_: As, admin: Client) -> None:
    admin("CREATE USER NEWCOMER")
    assert as_("newcomer")("SELECT CURRENT_ROLE()") == [("PUBLIC",)]
    assert as_("newcomer").refusal("SELECT * FROM SALES.RAW.FILES") == 2003


def test_a_disabled_user_does_not_log_in(admin: Client, account: Account) -> None:
    admin("CREATE USER GONE DISABLED = TRUE")
    with pytest.raises(LoginRefused, match="disabled"):
        account.access.standing("gone", None, None)


def test_a_role_is_used_if_the_user_has_it(as_: As) -> None:
    service = as_("service")

    service("USE ROLE LOADER")
    assert service("SELECT CURRENT_ROLE(), IS_ROLE_IN_SESSION('ANALYST')") == [("LOADER", False)]
    assert service.error("USE ROLE SYSADMIN") == (
        3013,
        "SQL access control error:\nRequested role 'SYSADMIN' is not assigned to the executing user."
        " Specify another role to activate.",
    )
    assert service.error("USE ROLE NO_SUCH_ROLE")[0] == 2043


def test_a_role_has_what_its_roles_have(as_: As) -> None:
    assert as_(role="ANALYST").refusal("SELECT * FROM SALES.RAW.FILES") is None
    assert as_(role="SYSADMIN").refusal("SELECT * FROM SALES.RAW.FILES") is None
    assert as_(role="APART").refusal("SELECT * FROM SALES.RAW.FILES") == 2003


def test_secondary_roles_add_their_privileges_unless_the_user_has_none(as_: As) -> None:
    insert = "INSERT INTO SALES.RAW.FILES VALUES (9, 'x')"
    person, service = as_("person"), as_("service")

    assert (person.refusal(insert), service.refusal(insert)) == (None, 3001)
    person("USE SECONDARY ROLES NONE")
    service("USE SECONDARY ROLES ALL")
    assert (person.refusal(insert), service.refusal(insert)) == (3001, None)


def test_secondary_roles_create_nothing(as_: As, admin: Client) -> None:
    admin("GRANT CREATE TABLE ON SCHEMA SALES.RAW TO ROLE APART")
    create = "CREATE TABLE SALES.RAW.BY_PERSON (a INT)"

    assert as_("person").refusal(create) == 3001
    assert as_("person", "APART").refusal(create) is None


def test_a_change_of_roles_is_felt_by_open_sessions(as_: As, admin: Client) -> None:
    admin.all(
        "CREATE ROLE BRIEF; CREATE USER VISITOR DEFAULT_ROLE = BRIEF DEFAULT_WAREHOUSE = ROLES_WH;"
        "GRANT ROLE BRIEF TO USER VISITOR"
    )
    visitor = as_("visitor")
    assert visitor.refusal("SELECT * FROM SALES.RAW.FILES") == 2003

    admin("GRANT ROLE LOADER TO ROLE BRIEF")
    assert visitor.refusal("SELECT * FROM SALES.RAW.FILES") is None
    admin("REVOKE ROLE LOADER FROM ROLE BRIEF")
    assert visitor.refusal("SELECT * FROM SALES.RAW.FILES") == 2003


def test_roles_make_no_circle(admin: Client) -> None:
    assert admin.error("GRANT ROLE ANALYST TO ROLE LOADER")[0] == 3039


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("SYSADMIN", "CREATE ROLE X"),
        ("USERADMIN", "CREATE WAREHOUSE X"),
        ("SECURITYADMIN", "CREATE RESOURCE MONITOR X WITH CREDIT_QUOTA = 1"),
        ("SYSADMIN", "CREATE STORAGE INTEGRATION X TYPE = EXTERNAL_STAGE"),
        ("SYSADMIN", "CREATE NETWORK POLICY X ALLOWED_IP_LIST = ('10.0.0.0/8')"),
        ("SYSADMIN", "ALTER ACCOUNT SET NETWORK_POLICY = X"),
        ("SYSADMIN", "GRANT ROLE APART TO ROLE LOADER"),
        ("SYSADMIN", "GRANT SELECT ON FUTURE TABLES IN SCHEMA SALES.RAW TO ROLE APART"),
        ("SECURITYADMIN", "GRANT ROLE ACCOUNTADMIN TO USER PERSON"),
        ("LOADER", "GRANT SELECT ON TABLE SALES.RAW.FILES TO ROLE APART"),
        ("LOADER", "ALTER USER SERVICE SET DEFAULT_ROLE = LOADER"),
        ("LOADER", "DROP ROLE APART"),
    ],
)
def test_each_administrator_has_its_part(role: str, statement: str, as_: As) -> None:
    assert as_(role=role).error(statement)[0] in (2003, 3001)


def test_a_role_is_renamed_with_all_that_it_has(as_: As, admin: Client) -> None:
    admin.all("CREATE ROLE OLD; GRANT ROLE LOADER TO ROLE OLD; GRANT ROLE OLD TO USER PERSON")
    admin("ALTER ROLE OLD RENAME TO NEW")

    assert admin("SHOW GRANTS OF ROLE NEW") == [("", "NEW", "USER", "PERSON", None)]
    assert as_(role="NEW").refusal("SELECT * FROM SALES.RAW.FILES") is None
    assert admin("SHOW ROLES LIKE 'OLD'") == []


def test_what_a_dropped_role_owned_is_its_droppers(as_: As, admin: Client) -> None:
    admin.all(
        "CREATE ROLE SHORT; GRANT ROLE LOADER TO ROLE SHORT; GRANT CREATE TABLE ON SCHEMA SALES.RAW TO ROLE SHORT;"
        "GRANT ROLE SHORT TO USER PERSON"
    )
    as_(role="SHORT")("CREATE TABLE SALES.RAW.OF_SHORT (a INT)")
    admin("DROP ROLE SHORT")

    assert admin("SELECT * FROM SALES.RAW.OF_SHORT") == []
    assert admin("SHOW GRANTS TO USER PERSON") == [
        *(("", role, "USER", "PERSON", None) for role in ("ANALYST", "APART", "NEW"))
    ]
