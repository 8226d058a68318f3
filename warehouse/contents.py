"""What a warehouse holds, asked before it is rebuilt: whose loads, and whether there are rows at all."""

from __future__ import annotations

from warehouse.statement import Kind, Statement

RECORDS = (
    "MONITORING.PIPELINE_RUNS",
    "MONITORING.RUN_DATASETS",
    "MONITORING.LOADS",
    "MONITORING.INBOX_FILES",
)
"""Whatever loads something leaves the id of its run in one of these."""
DATA = (
    *("DW.FACT_SALES", "DW.FACT_INVENTORY", "DW.FACT_MARKET", "DW.FACT_PROMOTION"),
    *("DW.DIM_SKU", "DW.DIM_GEOGRAPHY", "DW.DIM_CUSTOMER"),
    *("DW.DIM_CUSTOMER_PROFILE", "DW.FACT_CLICK_EVENTS"),
    *("RAW.SALES", "RAW.STORES", "RAW.RAW_CUSTOMER_DEMOGRAPHICS", "RAW.RAW_CLICKSTREAM_EVENTS"),
    *("ML_OUTPUTS.DEMAND_FORECAST_PREDICTIONS", "ML_OUTPUTS.CHURN_PREDICTIONS", "ML_OUTPUTS.CHURN_OUTCOMES"),
    *("MARTS.CUSTOMER_ANALYTICS", "MARTS.SALES_SUMMARY"),
)


def other_run(records: str, run_id: str) -> Statement:
    """The id of a run other than this one, null if there is none."""
    text = f"SELECT MIN(run_id) FROM {records} WHERE run_id <> %s"
    return Statement(f"looking for other runs in {records}", text, (run_id,), kind=Kind.QUICK)


def recorded(run_id: str) -> Statement:
    text = "SELECT run_id FROM MONITORING.PIPELINE_RUNS WHERE run_id = %s"
    return Statement(f"looking for run {run_id}", text, (run_id,), kind=Kind.QUICK)


def first_row(table: str) -> Statement:
    return Statement(f"looking into {table}", f"SELECT 1 FROM {table} LIMIT 1", kind=Kind.QUICK)


def days_loaded(flow: str, run_id: str) -> Statement:
    text = (
        "SELECT DISTINCT run_date FROM MONITORING.RUN_DATASETS"
        " WHERE run_id = %s AND flow = %s AND status = 'published'"
    )
    return Statement(f"reading which days of {flow} are loaded", text, (run_id, flow), kind=Kind.QUICK)
