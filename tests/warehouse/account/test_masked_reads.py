"""The deployer sees personal data masked, so a migration that copies it would keep the masks instead of the data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import StringIO
from pathlib import Path

import pytest
from fakesnow.dialect import parse_one
from snowflake.connector.util_text import split_statements
from sqlglot import Expr, exp

from local.snowflake.access.needs import plan_of
from local.snowflake.access.order_reading import is_one, order_of
from local.snowflake.access.orders import Mask
from warehouse.migrate import ACCOUNT, MIGRATIONS

Table = tuple[str, ...]


def statements(text: str) -> Iterator[str]:
    for statement, _ in split_statements(StringIO(text), remove_comments=True):
        if written := statement.strip().rstrip(";"):
            yield written


def masked_tables() -> set[Table]:
    """By schema and name."""
    text = (ACCOUNT / "A__masking.sql").read_text().replace("{{ database }}", "HIGHWATER")
    orders = [order_of(statement) for statement in statements(text) if is_one(statement)]
    return {order.table[-2:] for order in orders if isinstance(order, Mask)}


def copied(migrations: Iterable[str]) -> list[str]:
    """Statements that read a masked table, or a view of one, and keep what they read."""
    masked, found = masked_tables(), []
    for statement in migrations:
        tree = parse_one(statement)
        plan = plan_of(tree)
        if masked.isdisjoint(need.name[-2:] for need in plan.needs if "SELECT" in need.privileges):
            continue
        if isinstance(tree, exp.Create) and tree.args["kind"] == "VIEW":
            masked |= {effect.name[-2:] for effect in plan.effects}
        elif not _makes_an_empty_table(tree):
            found.append(statement)
    return found


def _makes_an_empty_table(tree: Expr) -> bool:
    return tree.find(exp.LikeProperty) is not None


def test_the_masked_tables_are_those_of_the_file() -> None:
    assert masked_tables() == {
        ("RAW", "RAW_CUSTOMER_DEMOGRAPHICS"),
        ("RAW", "QUARANTINED_ROWS"),
        ("DW", "DIM_CUSTOMER_PROFILE"),
    }


@pytest.mark.parametrize("file", sorted(MIGRATIONS.glob("*.sql")), ids=lambda file: file.stem)
def test_no_migration_copies_what_is_masked(file: Path) -> None:
    text = file.read_text().replace("{{ database }}", "HIGHWATER")
    assert copied(statements(text)) == []


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE DW.COPY AS SELECT * FROM DW.DIM_CUSTOMER_PROFILE",
        "CREATE TABLE DW.COPY CLONE HIGHWATER.DW.DIM_CUSTOMER_PROFILE",
        "INSERT INTO DW.COPY SELECT email FROM RAW.RAW_CUSTOMER_DEMOGRAPHICS",
        "UPDATE DW.DIM_CUSTOMER_PROFILE SET email = LOWER(email)",
        "UPDATE DW.COPY SET email = p.email FROM DW.DIM_CUSTOMER_PROFILE p WHERE p.customer_id = COPY.customer_id",
        "MERGE INTO DW.COPY c USING RAW.QUARANTINED_ROWS q ON c.a = q.kind WHEN MATCHED THEN UPDATE SET a = q.raw_line",
    ],
)
def test_a_copy_is_noticed(statement: str) -> None:
    assert copied([statement]) == [statement]


def test_a_copy_through_a_view_is_noticed() -> None:
    view = "CREATE VIEW DW.SHOWN AS SELECT * FROM DW.DIM_CUSTOMER_PROFILE"
    copy = "INSERT INTO DW.COPY SELECT * FROM DW.SHOWN"
    assert copied([view, copy]) == [copy]
    assert copied(["CREATE TABLE DW.NEW LIKE DW.DIM_CUSTOMER_PROFILE"]) == []
