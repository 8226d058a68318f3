"""ML_OUTPUTS.DEMAND_FORECAST_PREDICTIONS: forecasts merged by key, with actuals filled in as weeks close."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date

from warehouse.columns import Columns
from warehouse.load.staging import stage
from warehouse.records import bound_rows
from warehouse.statement import Statement

TABLE = "ML_OUTPUTS.DEMAND_FORECAST_PREDICTIONS"
KEY = ("sku_code", "region_code", "forecast_week", "model_version")
STAGED: Columns = {
    "sku_code": "VARCHAR",
    "region_code": "VARCHAR",
    "forecast_week": "DATE",
    "predicted_units": "DOUBLE",
    "lower": "DOUBLE",
    "upper": "DOUBLE",
    "model_type": "VARCHAR",
    "model_version": "VARCHAR",
    "as_of": "DATE",
    "run_id": "VARCHAR",
}
STAGING = "ML_OUTPUTS.PREDICTIONS_STAGE"


def stage_statements(files: Sequence[str]) -> list[Statement]:
    return stage(STAGING, STAGED, files)


def merge(load_date: date) -> Statement:
    return Statement("merge predictions", merge_text(STAGING), (load_date,))


def count_staged() -> Statement:
    """Count staged rows and distinct keys: a duplicate key would make the MERGE fail without naming it."""
    keys = f"SELECT DISTINCT {', '.join(KEY)} FROM {STAGING}"
    return Statement(
        "count staged predictions",
        f"SELECT (SELECT COUNT(*) FROM {STAGING}), (SELECT COUNT(*) FROM ({keys}) k)",
    )


def count_loaded(model_version: str) -> Statement:
    return Statement(
        "count loaded predictions", f"SELECT COUNT(*) FROM {TABLE} WHERE model_version = %s", (model_version,)
    )


def merge_text(staging: str) -> str:
    """Merge the staged predictions. A repeat changes nothing; actuals and the date of the first load are kept.

    load_date is a parameter, because CURRENT_DATE in a UTC session is a day behind the business day at night.
    """
    columns = list(STAGED)
    changed = [name for name in columns if name not in (*KEY, "run_id")]
    differs = " OR ".join(f"tgt.{name} IS DISTINCT FROM src.{name}" for name in changed)
    sets = ", ".join(f"{name} = src.{name}" for name in (*changed, "run_id"))
    on = " AND ".join(f"tgt.{name} = src.{name}" for name in KEY)
    return f"""MERGE INTO {TABLE} tgt
USING (
    SELECT {", ".join(columns)}
    FROM {staging}
) src
ON {on}
WHEN MATCHED AND ({differs}) THEN UPDATE SET
    {sets}
WHEN NOT MATCHED THEN INSERT ({", ".join(columns)}, load_date)
VALUES ({", ".join(f"src.{name}" for name in columns)}, %s::DATE)"""


def has_predictions() -> Statement:
    return Statement("checking for predictions", f"SELECT COUNT(*) FROM (SELECT 1 FROM {TABLE} LIMIT 1) p")


def fill_actuals() -> Statement:
    """Fill in the actuals of closed weeks. A week is closed once its Sunday has been delivered; later corrections count."""
    return Statement(
        "fill in actuals",
        f"""MERGE INTO {TABLE} tgt
USING (
    SELECT p.sku_code, p.region_code, p.forecast_week, p.model_version,
        COALESCE(s.units, 0) AS actual_units,
        ABS(p.predicted_units - COALESCE(s.units, 0)) / NULLIF(COALESCE(s.units, 0), 0)::DOUBLE AS ape
    FROM {TABLE} p
    JOIN (SELECT MAX(source_date) AS delivered_to FROM DW.FACT_SALES) d
        ON DATEADD(day, 6, p.forecast_week) <= d.delivered_to
    LEFT JOIN (
        SELECT k.sku_code, g.region_code, t.week_start, SUM(f.quantity) AS units
        FROM DW.FACT_SALES f
        JOIN DW.DIM_DATE t ON t.date_key = f.date_key
        JOIN DW.DIM_SKU k ON k.sku_key = f.sku_key
        JOIN DW.DIM_GEOGRAPHY g ON g.geo_key = f.geo_key
        WHERE f.order_date >= (SELECT MIN(forecast_week) FROM {TABLE})
        GROUP BY k.sku_code, g.region_code, t.week_start
    ) s ON s.sku_code = p.sku_code AND s.region_code = p.region_code AND s.week_start = p.forecast_week
) src
ON {" AND ".join(f"tgt.{name} = src.{name}" for name in KEY)}
WHEN MATCHED AND (tgt.actual_units IS DISTINCT FROM src.actual_units OR tgt.ape IS DISTINCT FROM src.ape)
    THEN UPDATE SET actual_units = src.actual_units, ape = src.ape""",
    )


def sum_errors(versions: Sequence[str], since: date, until: date, usual: Mapping[int, float]) -> Statement:
    """Sum rows, absolute errors, and expected errors: `usual` is the backtest's WMAPE by lead time.

    One row per series and week: the latest forecast, from any of the versions.
    """
    leads = json.dumps([{"lead_weeks": lead, "wmape": wmape} for lead, wmape in usual.items()])
    return Statement(
        f"summing the errors of the weeks from {since} to {until}",
        f"""SELECT COUNT(*), SUM(latest.absolute_error), SUM(latest.actual_units * usual.wmape)
FROM (
    SELECT lead_weeks, absolute_error, actual_units
    FROM MARTS.FORECAST_ACCURACY_MART
    WHERE model_version IN ({", ".join(["%s"] * len(versions))}) AND forecast_week >= %s AND forecast_week < %s
    QUALIFY ROW_NUMBER() OVER (
        PARTITION BY sku_code, region_code, forecast_week
        ORDER BY as_of DESC, SUBSTR(model_version, 2)::BIGINT DESC
    ) = 1
) latest
JOIN (
    {bound_rows({"lead_weeks": "BIGINT", "wmape": "DOUBLE"})}
) usual ON usual.lead_weeks = latest.lead_weeks""",
        (*versions, since, until, leads),
    )
