"""Generate migrations/R__dim_date.sql: DIM_DATE with India's holidays from the `holidays` package.

    python -m warehouse.dim_date

The SQL is committed, so that Snowflake gets what was reviewed. A test fails when the package has new holidays (lunar ones
are announced late). The migration is repeatable and rewrites the whole table.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import holidays

from contracts.language import written

# The first day that a contract accepts: a fact without a calendar row would drop out of the marts.
FIRST_DAY = date.fromisoformat(written.FIRST_DAY)
LAST_DAY = date(2099, 12, 31)
HOLIDAY_YEARS = range(2015, 2036)  # outside this range, the package has few of the lunar holidays
MIGRATION = Path(__file__).parent / "migrations" / "R__dim_date.sql"


def india_holidays() -> dict[date, str]:
    calendar = holidays.country_holidays("IN", years=HOLIDAY_YEARS, language="en_IN")
    return dict(sorted(calendar.items()))


def migration_text() -> str:
    values = ",\n".join(
        f"        ('{day.isoformat()}', '{_quoted(name)}')" for day, name in india_holidays().items()
    )
    days = (LAST_DAY - FIRST_DAY).days + 1
    known = f"India, {HOLIDAY_YEARS[0]} to {HOLIDAY_YEARS[-1]}"
    return f"""-- Written by `python -m warehouse.dim_date`; do not edit. Holidays: {known}, by the `holidays` package.
-- Fiscal years run April to March and are named by the year in which they end. Week days are 1 (Monday) to 7.
INSERT OVERWRITE INTO DW.DIM_DATE (
    date_key, full_date, year, quarter, month, month_name, day_of_month, day_of_year, day_of_week, day_name,
    iso_year, iso_week, week_start, is_weekend, is_holiday, holiday_name,
    fiscal_year, fiscal_quarter, fiscal_month, is_festive_season
)
WITH numbers AS (
    SELECT ROW_NUMBER() OVER (ORDER BY SEQ4()) - 1 AS day_number
    FROM TABLE(GENERATOR(ROWCOUNT => {days}))
),
days AS (
    SELECT DATEADD(day, day_number, '{FIRST_DAY.isoformat()}'::DATE)::DATE AS full_date
    FROM numbers
),
holiday AS (
    SELECT column1::DATE AS holiday_date, column2 AS holiday_name
    FROM VALUES
{values}
)
SELECT
    YEAR(full_date) * 10000 + MONTH(full_date) * 100 + DAY(full_date) AS date_key,
    full_date,
    YEAR(full_date) AS year,
    QUARTER(full_date) AS quarter,
    MONTH(full_date) AS month,
    MONTHNAME(full_date) AS month_name,
    DAY(full_date) AS day_of_month,
    DAYOFYEAR(full_date) AS day_of_year,
    DAYOFWEEKISO(full_date) AS day_of_week,
    DAYNAME(full_date) AS day_name,
    YEAROFWEEKISO(full_date) AS iso_year,
    WEEKISO(full_date) AS iso_week,
    DATEADD(day, 1 - DAYOFWEEKISO(full_date), full_date)::DATE AS week_start,
    DAYOFWEEKISO(full_date) >= 6 AS is_weekend,
    holiday_name IS NOT NULL AS is_holiday,
    holiday_name,
    YEAR(full_date) + IFF(MONTH(full_date) >= 4, 1, 0) AS fiscal_year,
    FLOOR(MOD(MONTH(full_date) + 8, 12) / 3)::INT + 1 AS fiscal_quarter,
    MOD(MONTH(full_date) + 8, 12) + 1 AS fiscal_month,
    WEEKISO(full_date) BETWEEN 40 AND 52 AS is_festive_season
FROM days
LEFT JOIN holiday ON holiday_date = full_date;

-- The marts show parts of a date: their next refresh rebuilds them whole.
DELETE FROM CURATED.MART_STATE;
"""


def _quoted(text: str) -> str:
    return text.replace("'", "''")


if __name__ == "__main__":
    MIGRATION.write_text(migration_text())
