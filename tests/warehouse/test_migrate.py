"""Migrations: applied once, in order, refused when changed; and what they put into DIM_DATE."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from contracts.catalog import DATASETS, contract
from contracts.language import written
from tests.warehouse.standin import DATABASE, Warehouse
from warehouse import dim_date, migrate
from warehouse.columns import merged, staged

TABLES = {
    "sales": "FACT_SALES",
    "inventory": "FACT_INVENTORY",
    "market": "FACT_MARKET",
    "promotions": "FACT_PROMOTION",
    "sku": "DIM_SKU",
    "geography": "DIM_GEOGRAPHY",
    "customer": "DIM_CUSTOMER",
}


def applied(warehouse: Warehouse) -> list[str]:
    return [
        row[0] for row in warehouse.rows("SELECT script FROM MIGRATIONS.CHANGE_HISTORY ORDER BY installed_on")
    ]


def test_every_file_is_applied_once_and_in_order(migrated: Warehouse) -> None:
    migrate.migrate(migrated.deployer, DATABASE)
    assert applied(migrated) == [
        "V0001__schemas.sql",
        "V0002__dimensions.sql",
        "V0003__facts.sql",
        "V0004__curated.sql",
        "V0005__marts.sql",
        "V0006__monitoring.sql",
        "V0007__forecast.sql",
        "V0008__load_heads.sql",
        "V0009__taken_back.sql",
        "V0010__figures_of_marts.sql",
        "V0011__mart_changes.sql",
        "V0012__retail_inbox.sql",
        "V0013__marketing.sql",
        "V0014__marketing_runs.sql",
        "V0015__shop_marts.sql",
        "V0016__levels_of_checks.sql",
        "V0017__churn.sql",
        "R__dim_date.sql",
    ]


def test_a_warehouse_of_an_earlier_release_goes_on_where_it_is(warehouse: Warehouse) -> None:
    """Its heads are its last loads by sequence, and what its killed loads left behind goes."""
    warehouse.rows(
        "INSERT INTO MONITORING.LOADS (dataset, snapshot_id, sequence_number, run_id, files, rows_staged, loaded_at) VALUES"
        " ('sales', 11, 1, 'r1', 1, 1, '2025-01-01'), ('sales', 13, 3, 'r3', 1, 1, '2025-01-02'),"
        " ('sales', 12, 2, 'r2', 1, 1, '2025-01-03'), ('sku', 21, 1, 'r1', 1, 1, '2025-01-01')"
    )
    left = [
        "CURATED.PROMOTIONS_STAGE_5_SIGHTED",
        "CURATED.RECORDS_STAGE_" + "A" * 24,
        "CURATED.SALES_STAGE_123",
    ]
    left += ["ML_OUTPUTS.PREDICTIONS_STAGE_" + "0" * 24]
    for name in [*left, "CURATED.SALES_STAGE_OF_MY_OWN"]:
        warehouse.deployer.cursor().execute(f"CREATE TABLE {name} (a INT)")
    for table in ("LOAD_HEADS", "WRITE_LOCK"):
        warehouse.rows(f"DROP TABLE MONITORING.{table}")
    warehouse.rows("DELETE FROM MIGRATIONS.CHANGE_HISTORY WHERE script >= 'V0008' AND script LIKE 'V%'")

    migrate.migrate(warehouse.deployer, DATABASE)

    assert warehouse.rows(
        "SELECT dataset, snapshot_id, sequence_number, run_id FROM MONITORING.LOAD_HEADS"
        " WHERE snapshot_id IS NOT NULL ORDER BY 1"
    ) == [("sales", 13, 3, "r3"), ("sku", 21, 1, "r1")]
    assert sorted(warehouse.rows("SELECT dataset FROM MONITORING.LOAD_HEADS")) == sorted(
        (d,) for d in DATASETS
    )
    assert warehouse.rows("SELECT held_by FROM MONITORING.WRITE_LOCK") == [("nobody",)]
    assert warehouse.rows(
        "SELECT table_name FROM INFORMATION_SCHEMA.TABLES WHERE table_name LIKE '%STAGE%'"
    ) == [("SALES_STAGE_OF_MY_OWN",)]
    warehouse.rows("DROP TABLE CURATED.SALES_STAGE_OF_MY_OWN")


def test_a_changed_migration_is_refused(
    migrated: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = shutil.copytree(migrate.MIGRATIONS, tmp_path / "migrations")
    with (changed / "V0004__curated.sql").open("a") as file:
        file.write("DROP TABLE CURATED.SALES_TOUCHED;\n")
    monkeypatch.setattr(migrate, "MIGRATIONS", changed)

    with pytest.raises(
        migrate.MigrationRefused, match=r"V0004__curated\.sql was changed after it was applied"
    ):
        migrate.migrate(migrated.deployer, DATABASE)
    assert migrated.one("SELECT COUNT(*) FROM CURATED.SALES_TOUCHED") == 0


def test_a_database_name_is_no_sql() -> None:
    with pytest.raises(ValueError, match="plain Snowflake identifier"):
        migrate.migrate(None, "X; DROP DATABASE Y")  # type: ignore[arg-type]


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_column_that_a_load_merges_is_in_its_table(migrated: Warehouse, dataset: str) -> None:
    """A column added to a contract, or of another type there, shows here until a migration gives it its place."""
    declared = ", ".join(f"{name} {type_name}" for name, type_name in staged(contract(dataset)).items())
    migrated.rows(f"CREATE OR REPLACE TABLE CURATED.DECLARED ({declared})")

    def types(schema: str, table: str) -> dict[str, tuple[object, ...]]:
        found = migrated.rows(
            "SELECT column_name, data_type, numeric_precision, numeric_scale FROM information_schema.columns"
            f" WHERE table_schema = '{schema}' AND table_name = '{table}'"
        )
        return {str(name): tuple(kind) for name, *kind in found}

    wanted, there = types("CURATED", "DECLARED"), types("DW", TABLES[dataset])
    migrated.rows("DROP TABLE CURATED.DECLARED")
    assert {name.upper(): there.get(name.upper()) for name in merged(contract(dataset))} == {
        name.upper(): wanted[name.upper()] for name in merged(contract(dataset))
    }


def test_holidays_are_those_that_the_package_knows() -> None:
    """Red after an update of `holidays`: run `python -m warehouse.dim_date` and commit what it writes."""
    assert dim_date.MIGRATION.read_text() == dim_date.migration_text()


def test_the_calendar_is_whole(migrated: Warehouse) -> None:
    assert migrated.one(
        "SELECT COUNT(*), COUNT(DISTINCT date_key), MIN(full_date)::VARCHAR, MAX(full_date)::VARCHAR FROM DW.DIM_DATE"
    ) == (73_049, 73_049, written.FIRST_DAY, "2099-12-31")


@pytest.mark.parametrize(
    ("date_key", "expected"),
    [
        # fiscal year, quarter, month; ISO year, week; week start; weekend; festive
        (20241230, (2025, 3, 9, 2025, 1, "2024-12-30", False, False)),
        (20250331, (2025, 4, 12, 2025, 14, "2025-03-31", False, False)),
        (20250401, (2026, 1, 1, 2025, 14, "2025-03-31", False, False)),
        (20240929, (2025, 2, 6, 2024, 39, "2024-09-23", True, False)),
        (20240930, (2025, 2, 6, 2024, 40, "2024-09-30", False, True)),
        (20241229, (2025, 3, 9, 2024, 52, "2024-12-23", True, True)),
        (20210103, (2021, 4, 10, 2020, 53, "2020-12-28", True, False)),
    ],
)
def test_parts_of_a_date(migrated: Warehouse, date_key: int, expected: tuple[object, ...]) -> None:
    assert (
        migrated.one(
            "SELECT fiscal_year, fiscal_quarter, fiscal_month, iso_year, iso_week, week_start::VARCHAR, is_weekend,"
            f" is_festive_season FROM DW.DIM_DATE WHERE date_key = {date_key}"
        )
        == expected
    )


@pytest.mark.parametrize(
    ("date_key", "holiday"),
    [(20250815, "Independence Day"), (20251002, "Mahatma Gandhi's Jayanti; Dussehra"), (20250818, None)],
)
def test_holidays(migrated: Warehouse, date_key: int, holiday: str | None) -> None:
    is_holiday, name = migrated.one(
        f"SELECT is_holiday, holiday_name FROM DW.DIM_DATE WHERE date_key = {date_key}"
    )
    assert is_holiday is (holiday is not None)
    assert (set(name.split("; ")) if name else None) == (set(holiday.split("; ")) if holiday else None)
