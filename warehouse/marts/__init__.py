"""The marts: each is one SELECT over the DW, in the .sql file of its name, and is rebuilt whole in one statement."""

from __future__ import annotations

from pathlib import Path

from warehouse.statement import Statement

MARTS = ("sales_performance_mart", "promo_effectiveness_mart")


def statements() -> list[Statement]:
    folder = Path(__file__).parent
    return [Statement(f"rebuild {mart}", (folder / f"{mart}.sql").read_text()) for mart in MARTS]
