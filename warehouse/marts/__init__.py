"""The marts: each is a SELECT over the DW, in the .sql file of the same name, and is fully rebuilt by one statement."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from contracts.cpg.stockout import STOCKOUT_DAYS
from warehouse.statement import Kind, Statement

MARTS = ("sales_performance_mart", "promo_effectiveness_mart")
# Order matters: the second summarizes the first.
FORECAST_MARTS = ("forecast_accuracy_mart", "forecast_accuracy_summary_mart")

_BOUND: dict[str, tuple[Any, ...]] = {"promo_effectiveness_mart": (STOCKOUT_DAYS,)}


def statements(marts: Iterable[str] = MARTS) -> list[Statement]:
    folder = Path(__file__).parent
    return [
        Statement(
            f"rebuild {mart}", (folder / f"{mart}.sql").read_text(), _BOUND.get(mart, ()), kind=Kind.MART
        )
        for mart in marts
    ]
