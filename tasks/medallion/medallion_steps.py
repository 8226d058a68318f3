"""The steps of the layers above bronze. Each may be killed at any point and repeated by any run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import yaml  # type: ignore[import-untyped]

from contracts.shop.segments import parse
from tasks.errors import DataError, TransientError
from tasks.events import log
from tasks.lake import lake_log, lake_tables
from tasks.lake.lake_tables import SILVER
from tasks.medallion import building
from tasks.medallion.building import Built
from tasks.medallion.layers import GOLD_LAYER, SILVER_LAYER
from tasks.medallion.layers_page import page
from tasks.runs.run import Run
from tasks.settings import settings
from tasks.step import step
from tasks.warehouse import copy_load

if TYPE_CHECKING:
    from pyiceberg.table import Table

_CUSTOMERS = "source.customers"
MARTS: tuple[copy_load.Name, ...] = ("customer_analytics", "sales_summary")


@step("silver")
def build_silver(run: Run, is_rebuild: bool = False) -> Built:
    """Bring silver up to date with bronze."""
    return _told(building.build(run, SILVER_LAYER, is_rebuild=is_rebuild))


@step("gold")
def build_gold(run: Run, is_rebuild: bool = False) -> Built:
    """Bring gold up to date with silver, the UTC day and the segments."""
    require_one_state(*(lake_tables.load(SILVER, name) for name in ("fact_orders", "dim_customers")))
    return _told(building.build(run, GOLD_LAYER, parameters, is_rebuild=is_rebuild))


def parameters() -> dict[str, Any]:
    """Asked for again with each plan: a run that another one outran after midnight is of the new day."""
    return {"analysis_date": datetime.now(UTC).date().isoformat(), "segments": segments()}


def require_one_state(facts: Table | None, customers: Table | None) -> None:
    """Raise TransientError between the commits of silver: facts and customers are of two states of bronze then."""
    if lake_log.last_notes(facts).get(_CUSTOMERS) != lake_log.last_notes(customers).get(_CUSTOMERS):
        raise TransientError(
            "silver.fact_orders and silver.dim_customers were computed from two snapshots of bronze.customers: a run is "
            "publishing silver just now, or was killed meanwhile. Nothing was computed; run silver, then gold."
        )


@step("load mart")
def load_mart(run: Run, table: copy_load.Name) -> dict[str, Any]:
    """Bring a table of the warehouse up to date with the lake table that it is a copy of."""
    with run.session(f"load {table}") as connection:
        loaded = copy_load.load(connection, table, run.run_id)
    log("mart loaded", table=table, **vars(loaded))
    return vars(loaded)


def segments() -> list[dict[str, Any]]:
    """The segments of customers, in their order, as they are configured."""
    path = settings().medallion / "shop.yaml"
    try:
        document = yaml.safe_load(path.read_text())
        found = list(document["segments"])
        parse(found)  # refused here, before a job starts
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: {error}. It must have `segments`; see docs/medallion.md.") from error
    return found


def _told(built: Built) -> Built:
    page(built)
    log(
        "layer up to date",
        layer=built.layer,
        rows_changed=built.rows_changed,
        tables=sorted(built.tables),
        job_run=built.job_run_id,
    )
    return built
