"""The marts: each is one SELECT over the DW, in the .sql file of the same name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from contracts.cpg.stockout import STOCKOUT_DAYS
from warehouse.statement import Kind, Statement

SALES = "sales_performance_mart"
PROMOTIONS = "promo_effectiveness_mart"
# Order matters: the second summarizes the first.
FORECAST_MARTS = ("forecast_accuracy_mart", "forecast_accuracy_summary_mart")

BOUND: dict[str, tuple[Any, ...]] = {PROMOTIONS: (STOCKOUT_DAYS,)}
EVERYTHING = "TRUE"


def select(mart: str, scope: str = EVERYTHING) -> str:
    return (Path(__file__).parent / f"{mart}.sql").read_text().replace("{scope}", scope)


def overwrite(mart: str) -> Statement:
    return Statement(
        f"rebuild {mart}",
        f"INSERT OVERWRITE INTO MARTS.{mart.upper()}\n{select(mart)}",
        BOUND.get(mart, ()),
        kind=Kind.MART,
    )


def insert(mart: str, scope: str = EVERYTHING, parameters: tuple[Any, ...] = ()) -> Statement:
    """Add the rows of a scope with these parameters, after those that it replaces were deleted."""
    return Statement(
        f"compute what changed in {mart}",
        f"INSERT INTO MARTS.{mart.upper()}\n{select(mart, scope)}",
        (*BOUND.get(mart, ()), *parameters),
        kind=Kind.MART,
    )
