"""The consumer-goods marts: sales day by day, and what promotions achieved."""

from __future__ import annotations

from contracts.cpg.stockout import STOCKOUT_DAYS
from warehouse.marts import Mart

SALES = Mart("sales_performance_mart", "cpg")
PROMOTIONS = Mart("promo_effectiveness_mart", "cpg", (STOCKOUT_DAYS,))
