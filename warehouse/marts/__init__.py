"""The marts: each is one SELECT over the DW, in the .sql file of its name, and is rebuilt whole in one statement."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from warehouse.statement import Kind, Statement

MARTS = ("sales_performance_mart", "promo_effectiveness_mart")
# In this order: the second is a summary of the first.
FORECAST_MARTS = ("forecast_accuracy_mart", "forecast_accuracy_summary_mart")


def statements(marts: Iterable[str] = MARTS) -> list[Statement]:
    folder = Path(__file__).parent
    return [
        Statement(f"rebuild {mart}", (folder / f"{mart}.sql").read_text(), kind=Kind.MART) for mart in marts
    ]
