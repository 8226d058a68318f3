"""Personal data is masked for everybody but the loader and the roles above it: rows are read, as each role."""

from __future__ import annotations

import pytest

from contracts.marketing.demographics import DEMOGRAPHICS
from contracts.retail import INBOX
from tests.warehouse.account.conftest import Account
from tests.warehouse.standin import GIVEN, NAMES
from warehouse.migrate import migrate_account

PERSONAL = [column.name for column in DEMOGRAPHICS.personal]
SHOWN = {f"{name} of C1" for name in PERSONAL}
KINDS = {**INBOX, DEMOGRAPHICS.name: DEMOGRAPHICS}
TIME = "'2026-03-01 00:00:00'"
COLUMNS = f"customer_id, {', '.join(PERSONAL)}"
TEXTS = ", ".join(f"'{name} of C1'" for name in PERSONAL)
ROWS = (
    f"INSERT INTO RAW.RAW_CUSTOMER_DEMOGRAPHICS ({COLUMNS}, customer_key, snapshot_date, source_file, line_number,"
    f" run_id, loaded_at) VALUES ('C1', {TEXTS}, 1, '2026-03-01', 'a.csv', 2, 'r', {TIME})",
    f"INSERT INTO DW.DIM_CUSTOMER_PROFILE ({COLUMNS}, customer_key, is_active, snapshot_date, source_file, run_id,"
    f" created_at, updated_at) VALUES ('C1', {TEXTS}, 1, TRUE, '2026-03-01', 'a.csv', 'r', {TIME}, {TIME})",
    *(
        "INSERT INTO RAW.QUARANTINED_ROWS (kind, batch_date, received_at, source_file, version_id, load_id,"
        " record_number, line_number, byte_offset, raw_line, reasons, loaded_at)"
        f" VALUES ('{kind}', '2026-03-01', {TIME}, 'a.csv', 'v', 'l', 1, 2, 3, 'line of {kind}', 'x', {TIME})"
        for kind in KINDS
    ),
)
VIEW = "CREATE VIEW MARKETING_STAGE.OF_CUSTOMERS AS SELECT * FROM DW.DIM_CUSTOMER_PROFILE"
RAW, PROFILE, STAGED = (
    "RAW.RAW_CUSTOMER_DEMOGRAPHICS",
    "DW.DIM_CUSTOMER_PROFILE",
    "MARKETING_STAGE.OF_CUSTOMERS",
)
READS = [(role, table) for role in ("ANALYST", "DEPLOYER", "TRANSFORMER") for table in (RAW, PROFILE, STAGED)]
READS.remove(("DEPLOYER", STAGED))  # dbt's views are not the deployer's to read


@pytest.fixture(scope="module")
def filled(ready: Account) -> Account:
    """With a customer and a quarantined line of each kind, as the flows write them, and a person of each role."""
    with ready.login(NAMES.worker, NAMES.database) as worker:
        for statement in (*ROWS, VIEW):
            ready.rows(statement, worker)
    for role in ("ANALYST", "DEPLOYER", "TRANSFORMER"):
        ready.run(
            f"CREATE USER PERSON_{role} DEFAULT_ROLE = HIGHWATER_{role} DEFAULT_SECONDARY_ROLES = ()",
            f"GRANT ROLE HIGHWATER_{role} TO USER PERSON_{role}",
        )
    return ready


def read(account: Account, role: str, query: str) -> list[tuple[object, ...]]:
    warehouse = {"ANALYST": "ANALYTICS", "DEPLOYER": "LOAD", "TRANSFORMER": "TRANSFORM"}[role]
    with account.login(f"PERSON_{role}", NAMES.database) as session:
        account.rows(f"USE WAREHOUSE HIGHWATER_{warehouse}_WH", session)
        return account.rows(query, session)


@pytest.mark.parametrize(("role", "table"), READS)
def test_what_the_contract_calls_personal(filled: Account, role: str, table: str) -> None:
    sees = role == "TRANSFORMER"
    (row,) = read(filled, role, f"SELECT {', '.join(PERSONAL)} FROM {table}")
    assert set(row) == (SHOWN if sees else {"***"})
    assert read(filled, role, f"SELECT customer_id FROM {table}") == [("C1",)]
    # A mask is not looked behind by a condition either.
    found = read(filled, role, f"SELECT COUNT(*) FROM {table} WHERE email = 'email of C1'")
    assert found == [(1 if sees else 0,)]


@pytest.mark.parametrize(("role", "sees"), [("ANALYST", False), ("DEPLOYER", False), ("TRANSFORMER", True)])
def test_quarantined_lines_are_shown_of_kinds_without_personal_data(
    filled: Account, role: str, sees: bool
) -> None:
    lines = dict(read(filled, role, "SELECT kind, raw_line FROM RAW.QUARANTINED_ROWS"))
    assert lines == {
        kind: f"line of {kind}" if sees or not dataset.personal else "***" for kind, dataset in KINDS.items()
    }


def test_a_table_that_is_made_anew_is_masked_by_the_next_run(filled: Account) -> None:
    """Masks are on columns: a migration that replaces the table loses them."""
    query = f"SELECT {', '.join(PERSONAL)} FROM RAW.RAW_CUSTOMER_DEMOGRAPHICS"
    with filled.login(NAMES.deploy, NAMES.database) as session:
        filled.rows("CREATE TABLE RAW.KEPT LIKE RAW.RAW_CUSTOMER_DEMOGRAPHICS", session)
        filled.rows("DROP TABLE RAW.RAW_CUSTOMER_DEMOGRAPHICS", session)
        filled.rows("ALTER TABLE RAW.KEPT RENAME TO RAW.RAW_CUSTOMER_DEMOGRAPHICS", session)
    with filled.login(NAMES.worker, NAMES.database) as worker:
        filled.rows(ROWS[0], worker)
    assert set(read(filled, "ANALYST", query)[0]) == SHOWN
    migrate_account(filled.administrator, NAMES, GIVEN)
    assert set(read(filled, "ANALYST", query)[0]) == {"***"}
